"""What operators ask first about money: what waits, and what was earned. Bounded reads."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec
from django.db import connection

from accounts.models import HELD_STATES, Account, Asset, LedgerEntry, Withdrawal
from zavora.foundation.money import EXACT

# More that waits is not counted; nobody works off so many by eye.
WAITING_MAX: Final = 10_000
# Newest entries of each fee account that are summed.
FEE_ENTRIES_MAX: Final = 50_000
# Who waits for less than the first, less than the second, or longer.
AGES: Final = (timedelta(hours=1), timedelta(days=1))


class Waiting(msgspec.Struct, frozen=True):
    """Withdrawals of a state that hold money: how many of each age, the youngest first."""

    state: str
    by_age: tuple[int, int, int]

    @property
    def count(self) -> int:
        """Return how many there are."""
        return sum(self.by_age)


class Fees(msgspec.Struct, frozen=True):
    """Fees in an asset, in its unit. ``is_whole``: no entry of the time was left out."""

    asset: str
    scale: int
    today: Decimal
    in_24_hours: Decimal
    is_whole: bool


def count_waiting_withdrawals(now: datetime) -> list[Waiting]:
    """Return what waits by state and age, ``WAITING_MAX`` withdrawals at most."""
    held = Withdrawal.objects.filter(state__in=HELD_STATES).order_by()
    ages: dict[str, list[int]] = {state: [0, 0, 0] for state in HELD_STATES}
    for state, since in held.values_list("state", "created_at")[:WAITING_MAX]:
        ages[state][sum(now - since >= age for age in AGES)] += 1
    return [Waiting(state, (one, two, three)) for state, (one, two, three) in ages.items()]


_FEES: Final = f"""
SELECT e.asset_id, coalesce(sum(e.amount) FILTER (WHERE e.created_at >= %(today)s), 0),
    coalesce(sum(e.amount) FILTER (WHERE e.created_at >= %(since)s), 0),
    min(e.created_at) FROM (
    SELECT asset_id, amount, created_at FROM {LedgerEntry._meta.db_table}
    WHERE account_id = %(account)s ORDER BY id DESC LIMIT %(limit)s
) AS e GROUP BY e.asset_id
"""


def list_fees(
    *, today: datetime, since: datetime, entries_max: int = FEE_ENTRIES_MAX
) -> list[Fees]:
    """Return what the fee accounts got from ``today`` and from ``since`` on, by asset code.

    Reads the newest ``entries_max`` entries of each of them; where these begin later, the figures
    are a part of the whole, and say so.
    """
    found: dict[int, tuple[Decimal, Decimal]] = {}
    is_whole = True
    for account in Account.objects.filter(kind=Account.Kind.FEES).order_by("pk"):
        rows = _fee_rows(account.pk, today, since, entries_max)
        for asset_id, of_today, of_day, _ in rows:
            before = found.get(asset_id, (Decimal(0), Decimal(0)))
            found[asset_id] = (EXACT.add(before[0], of_today), EXACT.add(before[1], of_day))
        oldest = min((row[3] for row in rows), default=since)
        if oldest >= since and _has_more(account.pk, entries_max):
            is_whole = False
    assets = Asset.objects.filter(pk__in=found).order_by("code")
    return [Fees(one.code, one.scale, *found[one.pk], is_whole) for one in assets]


def _fee_rows(
    account_id: int, today: datetime, since: datetime, limit: int
) -> Sequence[tuple[int, Decimal, Decimal, datetime]]:
    with connection.cursor() as cursor:
        named: dict[str, int | datetime] = {
            "account": account_id,
            "today": today,
            "since": since,
            "limit": limit,
        }
        cursor.execute(_FEES, named)
        return list(cursor.fetchall())


def _has_more(account_id: int, entries: int) -> bool:
    """Return whether an account has more entries than so many."""
    newest = LedgerEntry.objects.filter(account_id=account_id).order_by("-pk")
    return newest.values_list("pk", flat=True)[entries : entries + 1].exists()
