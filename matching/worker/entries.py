"""What is read from a shard's stream, and what must be known to decide it."""

from collections.abc import Sequence

import msgspec

from matching import wire


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One entry of the stream. ``command`` is None where the body could not be decoded."""

    stream_id: str
    body: bytes
    request_id: str
    reply_to: str
    correlation: int
    command: wire.WireCommand | None
    # Why an earlier attempt at it failed inside; such a command is journaled as void, not decided.
    blame: str = ""
    # A fence moves the stream's ids and asks for nothing.
    is_fence: bool = False


def submitting_accounts(entries: Sequence[Entry]) -> list[int]:
    """Return the accounts whose funds and status a batch needs, each once."""
    return list(
        {
            entry.command.account_id: None
            for entry in entries
            if isinstance(entry.command, wire.PlaceOrder | wire.AmendOrder)
            or (isinstance(entry.command, wire.CancelOrder) and entry.command.replacement)
        }
    )


def keys_of(entries: Sequence[Entry]) -> list[tuple[int, str]]:
    """Return the idempotency keys of a batch, each once, in order of account and key."""
    return sorted(
        {
            (entry.command.account_id, key)  # type: ignore[union-attr]
            for entry in entries
            if (key := getattr(entry.command, "key", None)) is not None
        }
    )
