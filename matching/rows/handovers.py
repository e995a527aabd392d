"""Rows of handovers: a market as one shard let it go, until and after another one adopts it."""

from typing import Any, Final

import msgspec
from psycopg import Connection, Cursor

from matching.engine.events import MarketReleased
from matching.engine.orders import Order
from matching.engine.recovery import HASH_FORMAT
from matching.engine.rules import MarketSnapshot
from matching.markets.handing import HandedOver
from matching.markets.terms import MarketTerms
from matching.models import Handover, Market, Shard
from matching.rows.checkpoints import in_parts, packed, unpacked, unpacked_orders
from zavora.foundation.rows import RowCounts

# Of another version the body is read, and its hash is compared with nothing.
FORMAT: Final = f"zavora handover 1, {HASH_FORMAT}"

_TABLE: Final = Handover._meta.db_table
_MARKET: Final = Market._meta.db_table
_ADD: Final = (
    f"INSERT INTO {_TABLE} (id, market_id, from_shard, to_shard, journal_sequence, event_sequence,"
    " last_id, state_hash, format, open_orders, parts, released_at, created_at) VALUES"
    " (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp())"
)
_LET_GO: Final = (
    f"UPDATE {_MARKET} SET shard_id = %s, handover_id = %s, updated_at = %s WHERE id = %s"
    f" AND shard_id = %s AND handover_id IS NULL"
    f" AND EXISTS (SELECT 1 FROM {Shard._meta.db_table} WHERE id = %s)"
)
_TAKE: Final = (
    f"UPDATE {_MARKET} SET handover_id = NULL WHERE id = %s AND shard_id = %s AND handover_id = %s"
)
_RELEASED_US: Final = "(extract(epoch FROM h.released_at) * 1000000)::bigint"
_STORED: Final = (
    "SELECT h.id, h.to_shard, h.journal_sequence, h.event_sequence, h.last_id, h.state_hash,"
    f" h.format, h.parts, {_RELEASED_US} FROM {_TABLE} h WHERE h.id = %s"
)
_WAITING: Final = (
    f"SELECT m.id, m.symbol, h.id, {_RELEASED_US} FROM {_MARKET} m"
    f" JOIN {_TABLE} h ON h.id = m.handover_id WHERE m.shard_id = %s ORDER BY h.id"
)
_FROM_LATELY: Final = (
    f"SELECT DISTINCT from_shard FROM {_TABLE} WHERE to_shard = %s AND released_at >= %s"
)
_OF_MARKET_LATELY: Final = (
    f"SELECT DISTINCT from_shard FROM {_TABLE} WHERE market_id = %s AND released_at >= %s"
)


class Waiting(msgspec.Struct, frozen=True):
    """A market that was let go to a shard and is not adopted yet."""

    market_id: int
    symbol: str
    handover_id: int
    released_us: int


class _Head(msgspec.Struct, frozen=True):
    """What the first part holds."""

    snapshot: MarketSnapshot
    terms: MarketTerms
    # When due, account and key.
    switches: list[tuple[int, int, int]]


def write_handover(
    cursor: "Cursor[Any]",
    released: MarketReleased,
    terms: MarketTerms,
    *,
    handover_id: int,
    to_shard: int,
    journal_sequence: int,
    event_sequence: int,
    last_id: int,
    switches: list[tuple[int, int, int]],
    time_text: str,
    counts: RowCounts,
) -> None:
    """Write what a shard lets go, and whose the market is from then on.

    Raises InvariantBroken with ``counts`` where it is not that shard's, or the other one is none.
    """
    head = _Head(released.market.snapshot(), terms, switches)
    parts = [head, *in_parts(released.orders)]
    cursor.execute(
        _ADD,
        (
            *(handover_id, terms.market_id, terms.shard_id, to_shard, journal_sequence),
            *(event_sequence, last_id, released.state_hash, FORMAT, len(released.orders)),
            [packed(part) for part in parts],
            time_text,
        ),
    )
    counts.execute(
        cursor.connection,
        _LET_GO,
        (to_shard, handover_id, time_text, terms.market_id, terms.shard_id, to_shard),
        rows=1,
        what="markets let go",
    )


def write_adopted(
    connection: "Connection[Any]", handed: HandedOver, shard_id: int, counts: RowCounts
) -> None:
    """Write that a shard has adopted a market."""
    parameters = (handed.market_id, shard_id, handed.id)
    counts.execute(connection, _TAKE, parameters, rows=1, what="markets adopted")


def list_waiting(cursor: "Cursor[Any]", shard_id: int) -> list[Waiting]:
    """Return what waits to be adopted by a shard, the oldest first."""
    cursor.execute(_WAITING, (shard_id,))
    return [Waiting(*row) for row in cursor.fetchall()]


def list_from_lately(cursor: "Cursor[Any]", shard_id: int, since: str) -> list[int]:
    """Return the shards that have let a market go to this one since a time."""
    cursor.execute(_FROM_LATELY, (shard_id, since))
    return [row[0] for row in cursor.fetchall()]


def list_shards_lately(cursor: "Cursor[Any]", market_id: int, since: str) -> list[int]:
    """Return the shards that have let a market go since a time."""
    cursor.execute(_OF_MARKET_LATELY, (market_id, since))
    return [row[0] for row in cursor.fetchall()]


class Stored(msgspec.Struct, frozen=True):
    """A handover as it is stored; ``journal_sequence``: of the command that let the market go."""

    handed: HandedOver
    journal_sequence: int


def read_handover(
    cursor: "Cursor[Any]", handover_id: int, *, with_orders: bool = True
) -> Stored | None:
    """Return what a shard let go, as it wrote it down then. Raises Damaged."""
    cursor.execute(_STORED, (handover_id,))
    row = cursor.fetchone()
    if row is None:
        return None
    head = unpacked(row[7][0], 0, _Head)
    orders: list[Order] = []
    for number, part in enumerate(row[7][1:] if with_orders else (), start=1):
        orders += unpacked_orders(part, number)
    handed = HandedOver(
        id=row[0],
        terms=msgspec.structs.replace(head.terms, shard_id=row[1]),
        snapshot=head.snapshot,
        orders=orders,
        switches=head.switches,
        state_hash=row[5] if row[6] == FORMAT else "",
        event_sequence=row[3],
        last_id=row[4],
        released_us=row[8],
    )
    return Stored(handed, row[2])
