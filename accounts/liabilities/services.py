"""Publishing what the exchange owes: all customers' balances of one moment, as trees."""

import secrets
from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from typing import Any, Final
from uuid import UUID

import msgspec
from django.db import connection, transaction
from django.utils import timezone

from accounts.access.actor import Actor
from accounts.audit import record_act
from accounts.liabilities.tree import TreeBuilder, leaf, nonce_of, pack, sealed
from accounts.models import Account, Asset, Balance, LiabilityLeaf, LiabilitySnapshot, LiabilityTree
from zavora.foundation.errors import Conflict
from zavora.foundation.money import decimal_to_units, units_to_decimal

SECRET_BYTES: Final = 32
ROWS_MAX: Final = 5_000

# One statement: PostgreSQL answers it as of the moment when its cursor was opened, however long it
# is read. A balance below zero is read too, and then nothing is published.
#
# In the order of a keyed hash: neighbours see each other's amounts, so the order must tell nobody.
_BALANCES: Final = f"""
SELECT a.id, a.code, a.scale, c.id, c.public_id, b.available + b.locked
FROM {Balance._meta.db_table} b
JOIN {Asset._meta.db_table} a ON a.id = b.asset_id
JOIN {Account._meta.db_table} c ON c.id = b.account_id
WHERE c.kind = 'customer' AND b.available + b.locked <> 0
ORDER BY a.code, sha256(%s || uuid_send(c.public_id))
"""
_LEAVES: Final = (
    f"COPY {LiabilityLeaf._meta.db_table} (tree_id, position, account_id, amount) FROM STDIN"
)


class _Row(msgspec.Struct, frozen=True, gc=False):
    asset_id: int
    asset: str
    scale: int
    account_pk: int
    account: UUID
    amount: Decimal


@transaction.atomic(durable=True)
def publish_liabilities(*, by: Actor, page_rows: int = ROWS_MAX) -> LiabilitySnapshot:
    """Take a snapshot of all customers' balances and publish the root of a tree for each asset.

    Read and written ``page_rows`` balances at a time; it waits for nobody, and nobody for it. Must
    not be called inside a transaction. Raises Forbidden for everybody but the exchange itself and
    superusers, Conflict where nobody has anything, or InvariantBroken where a balance is negative;
    then nothing was published.
    """
    by.require_everything("publish liabilities")
    snapshot = LiabilitySnapshot.objects.create(
        secret=secrets.token_bytes(SECRET_BYTES), taken_at=timezone.now()
    )
    roots = {}
    for _, rows in groupby(_balances(bytes(snapshot.secret), page_rows), key=_asset_of):
        tree = _plant(snapshot, rows, page_rows)
        roots[tree.asset.code] = tree.root
    if not roots:
        raise Conflict("nobody owns anything, so there is nothing to publish")
    record_act(by, "liabilities.publish", f"liabilities:{snapshot.pk}", roots=roots)
    return snapshot


def _asset_of(row: _Row) -> int:
    return row.asset_id


def _balances(secret: bytes, page_rows: int) -> Iterator[_Row]:
    """Yield every balance that is not zero, by asset, from a cursor on the server."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(_BALANCES, [secret])
        while rows := cursor.fetchmany(page_rows):
            for row in rows:
                yield _Row(*row)


def _plant(snapshot: LiabilitySnapshot, rows: Iterator[_Row], page_rows: int) -> LiabilityTree:
    """Write the leaves of an asset, then its tree."""
    builder, tree_id = TreeBuilder(), _next_id()
    kept: list[tuple[Any, ...]] = []
    row = None
    for row in rows:
        units = decimal_to_units(row.amount, row.scale)
        nonce = nonce_of(bytes(snapshot.secret), row.asset, row.account)
        kept.append((tree_id, builder.leaves, row.account_pk, row.amount))
        builder.add(
            leaf(
                snapshot=str(snapshot.pk), asset=row.asset, account=row.account, units=units,
                nonce=nonce,
            )
        )  # fmt: skip
        if len(kept) == page_rows:
            _write(kept)
    _write(kept)
    top, blocks = builder.finish()
    if row is None:
        raise LookupError("a group without rows")
    root = sealed(top, snapshot=str(snapshot.pk), asset=row.asset, leaves=builder.leaves)
    return LiabilityTree.objects.create(
        id=tree_id, snapshot=snapshot, asset=Asset.objects.get(pk=row.asset_id),
        root=root.hex(), total=units_to_decimal(top.units, row.scale),
        leaves=builder.leaves, blocks=pack(blocks),
    )  # fmt: skip


def _write(rows: list[tuple[Any, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(_LEAVES) as copy:
        for row in rows:
            copy.write_row(row)
    rows.clear()


def _next_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT zavora_next_id()")
        return int(cursor.fetchone()[0])
