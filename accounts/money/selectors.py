"""Reads of assets, balances and the ledger: bounded queries, explicit order, no locks."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec
from django.db import connection
from django.db.models import Q, QuerySet, Sum

from accounts.models import (
    Asset,
    Balance,
    LedgerEntry,
    Transfer,
    Withdrawal,
    WithdrawalAddress,
)
from accounts.people.selectors import get_account
from zavora.foundation.partitions.newest import newest_rows
from zavora.foundation.time_ids import BATCH_MS_MAX, TIME_SHIFT

PAGE_MAX: Final = 1_000


def list_balances(account_id: UUID) -> list[Balance]:
    """Return an account's balances by asset code, each with its asset."""
    balances = Balance.objects.filter(account__public_id=account_id)
    return list(balances.select_related("asset").order_by("asset__code"))


def get_balance(account_id: UUID, asset: str) -> Balance | None:
    """Return one balance with its asset, or None where the account never had that asset."""
    balances = Balance.objects.filter(account__public_id=account_id, asset__code=asset.upper())
    return balances.select_related("asset").first()


def list_balance_versions(account_ids: Sequence[int]) -> dict[int, dict[int, int]]:
    """Return how often each balance of some accounts has changed: by account id, then asset id."""
    versions: dict[int, dict[int, int]] = {}
    rows = Balance.objects.filter(account_id__in=account_ids).order_by("pk")
    for account_id, asset_id, version in rows.values_list("account_id", "asset_id", "version"):
        versions.setdefault(account_id, {})[asset_id] = version
    return versions


def list_ledger(
    account_id: UUID, *, asset: str | None = None, cursor: int | None = None, limit: int = 100
) -> list[LedgerEntry]:
    """Return an account's entries, newest first, each with its transaction and asset.

    ``cursor`` is the id of the last entry already seen.
    """
    account = get_account(account_id)
    entries = LedgerEntry.objects.filter(account_id=account.pk)
    if asset is not None:
        entries = entries.filter(asset__code=asset.upper())
    entries = entries.select_related("transaction", "asset")
    return newest_rows(entries, below=cursor, limit=min(limit, PAGE_MAX))


# Entries of a batch have ids that lie this close to those of their transactions.
_ENTRIES_WITHIN: Final = BATCH_MS_MAX << TIME_SHIFT
# Base, quote, fee and rebate, twice where an account traded with itself.
_ENTRIES_OF_ONE: Final = 8
_ENTRIES_OF: Final = (
    "SELECT e.id FROM unnest(%s::bigint[]) AS t(id) CROSS JOIN LATERAL"
    f" (SELECT id FROM {LedgerEntry._meta.db_table} WHERE account_id = %s AND id > t.id"
    f" AND id < t.id + {_ENTRIES_WITHIN} AND transaction_id = t.id"
    # The same once more, of all of them: PostgreSQL then looks into their months alone.
    f" AND id > %s AND id < %s ORDER BY id LIMIT {_ENTRIES_OF_ONE}) e"
)


def list_entries_of(account_pk: int, transaction_ids: Sequence[int]) -> list[LedgerEntry]:
    """Return an account's entries of some transactions of matching, oldest first.

    Each with its transaction and asset. They are found by the account's index: ids of entries
    follow soon after those of what they belong to.
    """
    if not transaction_ids:
        return []
    with connection.cursor() as cursor:
        bounds = min(transaction_ids), max(transaction_ids) + _ENTRIES_WITHIN
        cursor.execute(_ENTRIES_OF, [list(transaction_ids), account_pk, *bounds])
        ids = [row[0] for row in cursor.fetchall()]
    entries = LedgerEntry.objects.filter(pk__in=ids).select_related("transaction", "asset")
    return list(entries.order_by("pk"))


def list_withdrawals(
    account_id: UUID, *, cursor: int | None = None, limit: int = 100
) -> list[Withdrawal]:
    """Return an account's withdrawals, newest first; ``cursor`` is the last id already seen."""
    withdrawals = Withdrawal.objects.filter(account__public_id=account_id)
    if cursor is not None:
        withdrawals = withdrawals.filter(pk__lt=cursor)
    withdrawals = withdrawals.select_related("asset", "approval").order_by("-pk")
    return list(withdrawals[: min(limit, PAGE_MAX)])


class TransfersAsked(msgspec.Struct, frozen=True, kw_only=True):
    """Which of an owner's transfers: each that is set has to fit.

    ``account``, ``from_account`` and ``to_account`` are primary keys, ``account`` that of either
    side; times are inclusive.
    """

    owner_id: int
    account: int | None = None
    from_account: int | None = None
    to_account: int | None = None
    asset: str | None = None
    key: str | None = None
    start: datetime | None = None
    end: datetime | None = None


def _transfers(asked: TransfersAsked) -> QuerySet[Transfer]:
    rows = Transfer.objects.filter(owner_id=asked.owner_id)
    if asked.account is not None:
        rows = rows.filter(Q(from_account=asked.account) | Q(to_account=asked.account))
    wanted = {
        "from_account": asked.from_account,
        "to_account": asked.to_account,
        "asset__code": None if asked.asset is None else asked.asset.upper(),
        "idempotency_key": asked.key,
        "created_at__gte": asked.start,
        "created_at__lte": asked.end,
    }
    return rows.filter(**{name: value for name, value in wanted.items() if value is not None})


def list_transfers(
    asked: TransfersAsked, *, cursor: int | None = None, offset: int = 0, limit: int = 100
) -> list[Transfer]:
    """Return transfers, newest first, each with its accounts and asset.

    ``cursor`` is the primary key of the last one already seen; ``offset``: how many to pass over.
    """
    rows = _transfers(asked)
    if cursor is not None:
        rows = rows.filter(pk__lt=cursor)
    rows = rows.select_related("from_account", "to_account", "asset").order_by("-pk")
    return list(rows[offset : offset + min(limit, PAGE_MAX)])


def count_transfers(asked: TransfersAsked) -> int:
    """Return how many transfers there are."""
    return _transfers(asked).count()


def list_addresses(
    account_ids: Sequence[int], *, cursor: int | None = None, limit: int = 100
) -> list[WithdrawalAddress]:
    """Return the address books of some accounts, newest entries first, without removed ones."""
    book = WithdrawalAddress.objects.filter(account_id__in=account_ids, removed_at=None)
    if cursor is not None:
        book = book.filter(pk__lt=cursor)
    return list(book.select_related("account", "asset").order_by("-pk")[: min(limit, PAGE_MAX)])


def list_assets(*, active_only: bool = True) -> list[Asset]:
    """Return the assets by code."""
    assets = Asset.objects.order_by("code")
    return list(assets.filter(is_active=True) if active_only else assets)


def get_held_by_asset() -> dict[str, Decimal]:
    """Return how much of each asset is held in all accounts. Reads every balance."""
    sums = Balance.objects.values_list("asset__code").annotate(Sum("locked"))
    return dict(sums.order_by("asset__code"))
