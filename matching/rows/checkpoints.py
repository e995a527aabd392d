"""Rows of checkpoints, and how what an engine remembers becomes their bodies.

A body is a head and then parts of orders, each JSON compressed by itself: JSON holds integers of
any length, and the structs are those that the engine loads, so that a field which they gain is
written and read without a line here.
"""

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeVar

import msgspec
from psycopg import Cursor

from matching.engine.orders import NOTHING_CARRIED, UNCONDITIONAL, Order
from matching.engine.recovery import HASH_FORMAT
from matching.engine.rules import MarketSnapshot
from matching.markets.terms import MarketTerms
from matching.models import Checkpoint, CheckpointPart

# What the hash covers changes with the engine: a checkpoint of another one proves nothing here.
FORMAT: Final = f"zavora checkpoint 1, {HASH_FORMAT}"
ORDERS_IN_PART_MAX: Final = 10_000
# Of a part once it is unpacked: ten times what so many orders take.
PART_BYTES_MAX: Final = 2**26
# More than twice as fast as the default, for a tenth more bytes.
_LEVEL: Final = 1

_TABLE: Final = Checkpoint._meta.db_table
_PARTS: Final = CheckpointPart._meta.db_table
_COLUMNS: Final = (
    "id, shard_id, journal_sequence, state_hash, format, open_orders, parts, size, digest,"
    " created_at"
)
_OF_SHARD: Final = f"SELECT {_COLUMNS} FROM {_TABLE} WHERE shard_id = %s ORDER BY id"
_BY_ID: Final = f"SELECT {_COLUMNS} FROM {_TABLE} WHERE id = %s"
_PART: Final = f"SELECT body FROM {_PARTS} WHERE checkpoint_id = %s AND number = %s"
# The id first: parts name it, and the row itself comes last, when all is known of them.
_NEW_ID: Final = f"SELECT nextval(pg_get_serial_sequence('{_TABLE}', 'id'))"
_ADD_PART: Final = f"INSERT INTO {_PARTS} (checkpoint_id, number, body) VALUES (%s, %s, %s)"
_ADD: Final = (
    f"INSERT INTO {_TABLE} (id, shard_id, journal_sequence, state_hash, format, open_orders, parts,"
    " size, digest, created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, now())"
    " ON CONFLICT (shard_id, journal_sequence, format) DO NOTHING"
)

T = TypeVar("T")


class Damaged(Exception):
    """A checkpoint's body is not what was stored, or holds what cannot be."""


class CheckpointRow(msgspec.Struct, frozen=True):
    """A checkpoint but its body."""

    id: int
    shard_id: int
    journal_sequence: int
    state_hash: str
    format: str
    open_orders: int
    parts: int
    size: int
    digest: str
    created_at: datetime

    @property
    def is_readable(self) -> bool:
        """Tell whether it was written as this version reads it."""
        return self.format == FORMAT


class Head(msgspec.Struct, frozen=True):
    """What a checkpoint holds beside orders. ``last_id``: ids after it are of later commands."""

    shard_id: int
    journal_sequence: int
    state_hash: str
    last_id: int
    markets: list[MarketSnapshot]
    terms: list[MarketTerms]
    # When each is due, and whose it is: account and key.
    switches: list[tuple[int, int, int]]


# --- written --------------------------------------------------------------------------------------


def write_checkpoint(cursor: "Cursor[Any]", head: Head, orders: Iterable[Order]) -> int | None:
    """Write a checkpoint; return its id, None: there was one of that point, and nothing is kept.

    Call in a transaction that is rolled back where the answer is None.
    """
    cursor.execute(_NEW_ID)
    (checkpoint_id,) = cursor.fetchone() or (0,)
    digest = hashlib.sha256()
    size = count = number = 0
    for number, values in enumerate(_parts(head, orders)):
        body = packed(values)
        digest.update(body)
        size += len(body)
        count += len(values) if isinstance(values, list) else 0
        cursor.execute(_ADD_PART, (checkpoint_id, number, body))
    cursor.execute(
        _ADD,
        (
            checkpoint_id,
            head.shard_id,
            head.journal_sequence,
            head.state_hash,
            FORMAT,
            count,
            number + 1,
            size,
            digest.hexdigest(),
        ),
    )
    return int(checkpoint_id) if cursor.rowcount else None


def _parts(head: Head, orders: Iterable[Order]) -> Iterator[Head | list[Order]]:
    yield head
    yield from in_parts(orders)


def in_parts(orders: Iterable[Order]) -> Iterator[list[Order]]:
    """Yield orders in parts that are stored each by itself."""
    rest = iter(orders)
    while part := list(islice(rest, ORDERS_IN_PART_MAX)):
        yield part


def purge_checkpoints(cursor: "Cursor[Any]", shard_id: int, keep: int) -> int:
    """Delete a shard's oldest checkpoints but so many, by the owner's function; return how many."""
    cursor.execute("SELECT matching_purge_checkpoints(%s, %s)", (shard_id, keep))
    row = cursor.fetchone()
    return int(row[0]) if row else 0


# --- read -----------------------------------------------------------------------------------------


def list_rows(cursor: "Cursor[Any]", shard_id: int) -> list[CheckpointRow]:
    """Return a shard's checkpoints, the oldest first."""
    cursor.execute(_OF_SHARD, (shard_id,))
    return [CheckpointRow(*row) for row in cursor.fetchall()]


def get_row(cursor: "Cursor[Any]", checkpoint_id: int) -> CheckpointRow | None:
    """Return a checkpoint by its id."""
    cursor.execute(_BY_ID, (checkpoint_id,))
    row = cursor.fetchone()
    return None if row is None else CheckpointRow(*row)


def read_body(cursor: "Cursor[Any]", row: CheckpointRow) -> tuple[Head, list[Order]]:
    """Return what a checkpoint holds. Raises Damaged where that is not what its row says."""
    digest = hashlib.sha256()
    head: Head | None = None
    orders: list[Order] = []
    for number in range(row.parts):
        cursor.execute(_PART, (row.id, number))
        found = cursor.fetchone()
        if found is None:
            raise Damaged(f"part {number} of {row.parts} is missing")
        digest.update(found[0])
        if head is None:
            head = unpacked(found[0], number, Head)
        else:
            orders += unpacked_orders(found[0], number)
    if head is None or digest.hexdigest() != row.digest:
        raise Damaged("its body is another one than was stored")
    said = row.shard_id, row.journal_sequence, row.state_hash, row.open_orders
    if said != (head.shard_id, head.journal_sequence, head.state_hash, len(orders)):
        raise Damaged("its body is that of another checkpoint")
    return head, orders


def packed(values: object) -> bytes:
    """Return a part as it is stored."""
    return zlib.compress(msgspec.json.encode(values), _LEVEL)


def unpacked_orders(body: bytes, number: int) -> list[Order]:
    """Return a part of orders. Raises Damaged."""
    return [_shared(order) for order in unpacked(body, number, list[Order])]


def unpacked(body: bytes, number: int, kind: type[T]) -> T:
    """Return a part, which has that number. Raises Damaged where it is none of that kind."""
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(body, PART_BYTES_MAX)
        if not unpacking.eof:
            raise Damaged(f"part {number} is cut off, or larger than any")
        return msgspec.json.decode(text, type=kind)
    except (zlib.error, msgspec.MsgspecError, ValueError, ArithmeticError) as error:
        raise Damaged(f"part {number} cannot be read: {error}") from None


def _shared(order: Order) -> Order:
    """Give an order the terms that all share who ask for nothing more: they go by identity."""
    terms = order.terms
    if terms.conditions == UNCONDITIONAL:
        msgspec.structs.force_setattr(terms, "conditions", UNCONDITIONAL)
    if terms.carried == NOTHING_CARRIED:
        msgspec.structs.force_setattr(terms, "carried", NOTHING_CARRIED)
    return order
