"""How many orders accounts place or amend in markets that limit it, in windows of the clock.

Counted where all of them pass, whichever process they came by, and before anything is decided of
them: what is refused counts, too. A worker that takes a shard over counts the present window's
again, from the journal.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from psycopg import Cursor

from matching.commands import decode_command, kind_of
from matching.commands.base import Refused
from matching.markets.terms import MESSAGES_WINDOW_S, MarketTerms
from matching.models import Command
from zavora.foundation.time_ids import first_id_of

# Account and market.
CountKey = tuple[int, int]
TOO_MANY: Final = "too_many_messages"
_WINDOW_US: Final = MESSAGES_WINDOW_S * 1_000_000
# What was decided at all: no answer of before, nothing that came too late, to the wrong shard or
# could not be read, nor what was one too many.
_COUNTED: Final = (
    f"SELECT body FROM {Command._meta.db_table} WHERE shard_id = ANY(%s) AND id >= %s"
    " AND batch_at >= to_timestamp(%s)"
    " AND outcome NOT IN ('duplicate', 'expired', 'void')"
    f" AND reason NOT IN ('{TOO_MANY}', 'conflict', 'bad_command', 'wrong_shard') ORDER BY id"
)


class MessageCounts:
    """The counts of the window that a time falls into, on top of those of before."""

    __slots__ = ("_before", "_counts", "_window")

    def __init__(self, time_us: int, before: "MessageCounts | None" = None) -> None:
        self._window = time_us // _WINDOW_US
        self._before = before
        self._counts: dict[CountKey, int] = {}

    def count(self, key: CountKey) -> int:
        """Return how many there were in the window."""
        found = self._counts.get(key)
        if found is not None:
            return found
        before = self._before
        return 0 if before is None or before._window != self._window else before.count(key)

    def add(self, key: CountKey, number: int, number_max: int) -> None:
        """Count some more. Raises Refused where they would be too many; then none is counted."""
        count = self.count(key) + number
        if count > number_max:
            raise Refused(
                TOO_MANY,
                f"An account may place or amend {number_max} orders in {MESSAGES_WINDOW_S} seconds"
                " in this market.",
                limit=number_max,
            )
        self._counts[key] = count

    def of_market(self, market_id: int) -> list[tuple[int, int]]:
        """Return accounts and how many each sent to a market."""
        return [(key[0], number) for key, number in self._counts.items() if key[1] == market_id]

    def bring(self, time_us: int, market_id: int, sent: Iterable[tuple[int, int]]) -> None:
        """Take up what accounts sent to a market in another shard, if that is this window still."""
        if time_us // _WINDOW_US == self._window:
            for account_id, number in sent:
                self._counts[account_id, market_id] = number

    def take_over(self, later: "MessageCounts") -> None:
        """Make what was counted on top of this part of it."""
        if later._window != self._window:
            self._window, self._before = later._window, None
            self._counts.clear()
        self._counts.update(later._counts)


def limits_any(terms: Mapping[int, MarketTerms]) -> bool:
    """Tell whether a market limits what an account sends it."""
    return any(one.rules.max_messages is not None for one in terms.values())


def window_began_us(time_us: int) -> int:
    """Return when the window began that a time falls into."""
    return time_us - time_us % _WINDOW_US


def read_counts(
    cursor: "Cursor[Any]", shard_ids: Iterable[int], terms: Mapping[int, MarketTerms], time_us: int
) -> MessageCounts:
    """Return the counts of the window that a time falls into, from the journals of shards.

    Those of the markets: the shard that has them, and whoever had one of them in that window.
    """
    counts = MessageCounts(time_us)
    if not limits_any(terms):
        return counts
    began_us = window_began_us(time_us)
    # Ids may run ahead of the clock, never behind it.
    first_id = first_id_of(began_us // 1_000)
    cursor.execute(_COUNTED, (list(shard_ids), first_id, began_us // 1_000_000))
    for (body,) in cursor.fetchall():
        command = decode_command(bytes(body))
        for account_id, market_id, number in kind_of(command).messages(command):
            market = terms.get(market_id)
            if market is not None and market.rules.max_messages is not None:
                counts.add((account_id, market_id), number, number_max=2**31)
    return counts
