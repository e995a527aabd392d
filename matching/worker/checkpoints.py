"""Checkpoints: made beside a running worker, of its commits alone; and taken up again.

The maker reads the tables in one snapshot, as a successor would, and builds an engine of them. It
takes no lock, so no batch waits for it; what it stores is proved by whoever replays the journal.
"""

from typing import Any, Final

import msgspec
import psycopg
import structlog

from matching.engine import Engine, EngineError
from matching.markets.terms import MarketTerms
from matching.rows.checkpoints import (
    CheckpointRow,
    Damaged,
    Head,
    get_row,
    list_rows,
    purge_checkpoints,
    read_body,
    write_checkpoint,
)
from matching.worker.connection import connect
from matching.worker.rebuild import load_committed
from zavora.foundation.errors import InvariantBroken
from zavora.foundation.setting_values import SettingValue
from zavora.foundation.times import now_us

# Between two parts, while the next one is encoded on a busy machine.
# How many of a shard are kept; 0: none is made by the day.
_KEPT: Final = SettingValue("ZAVORA_CHECKPOINTS_KEPT")
PART_MAX_MS: Final = 30_000
DAY_US: Final = 86_400_000_000
LATEST: Final = "latest"

log = structlog.get_logger(__name__)


class NoCheckpoint(Exception):
    """There is no checkpoint to begin from; the message says why."""


class Unsound(Exception):
    """A checkpoint is not what it says to be; the message says how."""


class Loaded(msgspec.Struct):
    """A checkpoint that was taken up: the engine's hash is that of its row."""

    row: CheckpointRow
    engine: Engine
    terms: dict[int, MarketTerms]
    last_id: int


# --- made -----------------------------------------------------------------------------------------


def make_checkpoint(shard_id: int) -> CheckpointRow:
    """Store what a shard's engine remembers now; return the row, the former one if nothing changed.

    Raises InvariantBroken where a market cannot be loaded: half a shard is none.
    """
    with connect(shard_id=shard_id, owner="checkpoint") as connection:
        context, position = load_committed(connection, shard_id)
        if context.set_aside:
            raise InvariantBroken(f"cannot be loaded: {', '.join(context.set_aside.values())}")
        engine = context.engine
        head = Head(
            shard_id,
            position.journal_sequence,
            engine.state_hash(),
            position.last_id,
            [market.snapshot() for market in engine.markets()],
            list(context.terms.values()),
            list(engine.switches),
        )
        orders = (order for market in engine.markets() for order in market.open_orders())
        with connection.cursor() as cursor:
            with connection.transaction() as attempt:
                cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = {PART_MAX_MS}")
                if write_checkpoint(cursor, head, orders) is None:
                    raise psycopg.Rollback(attempt)
            made = _newest_readable(list_rows(cursor, shard_id), head.journal_sequence)
    if made is None:  # it was the oldest beside others' while they were purged
        raise NoCheckpoint(f"shard {shard_id}: the checkpoint was purged at once")
    return made


def keep_checkpoints(shard_id: int, *, keep: int) -> int:
    """Delete a shard's oldest checkpoints, so that ``keep`` are left; return how many went."""
    with (
        connect(shard_id=shard_id, owner="checkpoint") as connection,
        connection.cursor() as cursor,
    ):
        return purge_checkpoints(cursor, shard_id, keep)


def make_due_checkpoint(shard_id: int) -> CheckpointRow | None:
    """Make the checkpoint of the day (UTC) and purge the oldest; None: it was made already."""
    keep: int = _KEPT.value
    if not keep:
        return None
    today = now_us() // DAY_US
    with (
        connect(shard_id=shard_id, owner="checkpoint") as connection,
        connection.cursor() as cursor,
    ):
        rows = [row for row in list_rows(cursor, shard_id) if row.is_readable]
    if rows and int(rows[-1].created_at.timestamp()) * 1_000_000 // DAY_US >= today:
        return None
    made = make_checkpoint(shard_id)
    purged = keep_checkpoints(shard_id, keep=keep)
    log.info(
        "checkpoint_made",
        shard=shard_id,
        checkpoint=made.id,
        journal_sequence=made.journal_sequence,
        open_orders=made.open_orders,
        bytes=made.size,
        purged=purged,
    )
    return made


# --- taken up -------------------------------------------------------------------------------------


def choose(cursor: "psycopg.Cursor[Any]", shard_id: int, wanted: int | str) -> CheckpointRow:
    """Return a shard's checkpoint by its id, or the newest that can be read; raise NoCheckpoint."""
    if wanted != LATEST:
        row = get_row(cursor, int(wanted))
        if row is None or row.shard_id != shard_id:
            raise NoCheckpoint(f"shard {shard_id} has no checkpoint {wanted}")
        return row
    rows = list_rows(cursor, shard_id)
    newest = _newest_readable(rows)
    if newest is not None:
        return newest
    if rows:
        raise NoCheckpoint(
            f"all {len(rows)} checkpoints of shard {shard_id} were written by another version;"
            " manage.py make_checkpoint makes one"
        )
    raise NoCheckpoint(f"shard {shard_id} has no checkpoint; manage.py make_checkpoint makes one")


def load_checkpoint(cursor: "psycopg.Cursor[Any]", row: CheckpointRow) -> Loaded:
    """Build the engine that a checkpoint holds. Raises Unsound where its hash is another one."""
    if not row.is_readable:
        raise Unsound(
            f"checkpoint {row.id} was written by another version ({row.format}) and cannot be read"
        )
    engine = Engine()
    try:
        head, orders = read_body(cursor, row)
        engine.load(
            markets=head.markets,
            orders=orders,
            switches=[((account_id, key_id), due) for due, account_id, key_id in head.switches],
        )
    except (Damaged, EngineError, ValueError, ArithmeticError, LookupError) as error:
        raise Unsound(f"checkpoint {row.id} is damaged: {error}") from error
    found = engine.state_hash()
    if found != row.state_hash:
        raise Unsound(
            f"checkpoint {row.id} is not what it says: its engine has the hash {found},"
            f" stored is {row.state_hash}"
        )
    return Loaded(row, engine, {terms.market_id: terms for terms in head.terms}, head.last_id)


def _newest_readable(
    rows: list[CheckpointRow], sequence: int | None = None
) -> CheckpointRow | None:
    """Return the newest that this version reads, of one point of the journal if one is named."""
    for row in reversed(rows):
        if row.is_readable and sequence in (None, row.journal_sequence):
            return row
    return None
