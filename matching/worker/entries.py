"""What is read from a shard's stream, and what must be known to decide it."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from accounts.money.balances import BalanceKey
from matching.commands import encode, key_of, kind_of, parts_of
from matching.commands.base import WireCommand
from matching.markets.terms import MarketTerms
from matching.rows.keys import KeyName


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One entry of the stream. ``command`` is None where the body could not be decoded."""

    stream_id: str
    body: bytes
    request_id: str
    reply_to: str
    correlation: int
    command: WireCommand | None
    # Why an earlier attempt at it failed inside; such a command is journaled as void, not decided.
    blame: str = ""
    # A fence moves the stream's ids and asks for nothing.
    is_fence: bool = False
    # The span that it belongs to, where its request is traced.
    parent: str = ""


def own_entry(command: WireCommand, stream_id: str, request_id: str = "") -> Entry:
    """Return a command of the worker's own as an entry that moves the stream's position nowhere."""
    return Entry(stream_id, encode(command), request_id, "", 0, command)


def submitting_accounts(entries: Sequence[Entry]) -> list[int]:
    """Return the accounts whose funds and status a batch needs, each once."""
    return list(
        {
            account_id: None
            for entry in entries
            if entry.command is not None
            for account_id in kind_of(entry.command).account_ids(entry.command)
        }
    )


def keys_of(entries: Sequence[Entry]) -> list[KeyName]:
    """Return the idempotency keys of a batch, each once, in order of account and key."""
    return sorted(
        {
            name
            for entry in entries
            for command in parts_of(entry.command)
            if (name := key_of(command)) is not None
        }
    )


def watched_positions(
    entries: Sequence[Entry], terms: Mapping[int, MarketTerms]
) -> set[BalanceKey]:
    """Return the balances whose totals a batch needs, for a market that limits positions."""
    limited = {id_: one for id_, one in terms.items() if one.max_position_units is not None}
    if not limited:
        return set()
    return {
        (account_id, limited[market_id].base.asset_id)
        for entry in entries
        for command in parts_of(entry.command)
        for account_id, market_id, _ in kind_of(command).messages(command)
        if market_id in limited
    }


def in_turn(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Yield entries in order: what stands alone by itself, and together what is in between."""
    together: list[Entry] = []
    for entry in entries:
        if entry.command is None or not kind_of(entry.command).stands_alone:
            together.append(entry)
            continue
        if together:
            yield together
        yield [entry]
        together = []
    if together:
        yield together


def in_portions(entries: Sequence[Entry], commands_max: int) -> Iterator[list[Entry]]:
    """Yield entries in order, in portions of so many commands at most, or of one entry."""
    portion: list[Entry] = []
    count = 0
    for entry in entries:
        size = max(1, len(parts_of(entry.command)))
        if portion and count + size > commands_max:
            yield portion
            portion, count = [], 0
        portion.append(entry)
        count += size
    if portion:
        yield portion


def numbered(entries: Sequence[Entry], first: int) -> Iterator[tuple[Entry, int]]:
    """Yield entries with where each is journaled, or its first part, if the first is at first."""
    for entry in entries:
        yield entry, first
        first += len(parts_of(entry.command)) or 1
