"""Rows of the journal: every command with what it was given, and what became of it."""

from typing import Any, Final

import msgspec

from matching.commands import UNREADABLE, kind_of
from matching.commands.base import Given, WireCommand
from matching.models import Command
from zavora.foundation.money import numeric_text_to_units, units_to_text
from zavora.foundation.rows import NULL, RowTable, copy_bytes, copy_text

ACTOR_LENGTH_MAX: Final = 128  # as the column

JOURNAL: Final = RowTable(
    Command,
    (
        "id", "shard_id", "sequence", "stream_id", "kind", "account_id", "market_id", "body",
        "request_id", "batch_at", "order_id", "funds", "maker_fee_ppm", "taker_fee_ppm",
        "owner_id", "reached_engine", "outcome", "reason", "actor",
    ),
)  # fmt: skip
READ_JOURNAL: Final = (
    "SELECT sequence, kind, body, (extract(epoch FROM batch_at) * 1000000)::bigint, order_id,"
    " funds::text, maker_fee_ppm, taker_fee_ppm, owner_id, reached_engine, outcome, reason"
    f" FROM {Command._meta.db_table} WHERE shard_id = %s AND id > %s ORDER BY id"
)


class Recorded(msgspec.Struct, frozen=True):
    """A row of ``READ_JOURNAL``."""

    sequence: int
    kind: str
    body: bytes
    time_us: int
    fresh_id: int | None
    funds: str | None
    maker_ppm: int | None
    taker_ppm: int | None
    owner_id: int | None
    reached_engine: bool
    outcome: str
    reason: str

    def given(self, funds_scale: int | None) -> Given:
        """Return what the command was given; ``funds_scale`` is of the asset it paid with."""
        funds_units = 0
        if self.funds is not None and funds_scale is not None:
            funds_units = numeric_text_to_units(self.funds, funds_scale)
        return Given(
            self.time_us,
            self.fresh_id or 0,
            funds_units,
            self.maker_ppm or 0,
            self.taker_ppm or 0,
            self.owner_id or 0,
            funds_scale,
        )


class Verdict(msgspec.Struct, gc=False):
    """What became of one command, and why it was refused."""

    outcome: str
    reason: str = ""
    reached_engine: bool = False
    given: Given | None = None


def journal_row(
    row_id: int,
    shard_id: int,
    sequence: int,
    entry: Any,
    verdict: Verdict,
    time_text: str,
) -> str:
    """Return a command's COPY row; ``entry`` is what was read from the stream."""
    command, given = entry.command, verdict.given
    # 0 is nobody, and no market: what is due concerns the one or the other.
    account_id = getattr(command, "account_id", None)
    market_id = getattr(command, "market_id", None)
    if given is None:
        decided = f"{NULL}\t{NULL}\t{NULL}\t{NULL}\t{NULL}"
    else:
        funds = NULL
        if given.funds_scale is not None:
            funds = units_to_text(given.funds_units, given.funds_scale)
        decided = (
            f"{given.fresh_id or NULL}\t{funds}\t{given.maker_ppm}\t{given.taker_ppm}"
            f"\t{given.owner_id or NULL}"
        )
    return (
        f"{row_id}\t{shard_id}\t{sequence}\t{entry.stream_id}"
        f"\t{UNREADABLE if command is None else kind_of(command).name}"
        f"\t{account_id or NULL}\t{market_id or NULL}\t{copy_bytes(entry.body)}"
        f"\t{copy_text(entry.request_id)}\t{time_text}\t{decided}"
        f"\t{'t' if verdict.reached_engine else 'f'}\t{verdict.outcome}"
        f"\t{entry.blame or verdict.reason}\t{_actor_of(command)}"
    )


def _actor_of(command: WireCommand | None) -> str:
    """Return who asked for a command as a field of its row; a customer's commands name nobody."""
    actor = getattr(command, "actor", "")
    if not actor:
        return NULL
    # Whatever was queued, the row must fit its column.
    return copy_text(actor.replace("\0", "")[:ACTOR_LENGTH_MAX]) or NULL
