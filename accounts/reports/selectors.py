"""Reads of reports and of what they are made of: bounded queries, explicit order, no locks."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec
from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models import Count, Sum

from accounts.models import (
    Account,
    Asset,
    Balance,
    LedgerEntry,
    LedgerTransaction,
    Report,
    ReportPart,
    Withdrawal,
)
from zavora.foundation.errors import Conflict, NotFound
from zavora.foundation.partitions.selectors import kept_since, whole_tables

PAGE_MAX: Final = 1_000
ENTRIES_MAX: Final = 10_000
# After a longer pause, the days before it have no report.
DAYS_BACK_MAX: Final = 31


class AssetTotals(msgspec.Struct, frozen=True):
    """What the ledger says of an account and an asset about a period, in one snapshot.

    ``opening`` and ``closing`` are sums of all entries before the period's begin and its end,
    ``total`` of all there are; ``balance`` is the row of the balance. ``first_id`` is the lowest id
    of the period's ``entries``.
    """

    asset_id: int
    asset: str
    scale: int
    opening: Decimal
    closing: Decimal
    entries: int
    first_id: int | None
    total: Decimal
    balance: Decimal
    fees: Decimal


class ReportedEntry(msgspec.Struct, frozen=True, gc=False):
    """An entry of the ledger as statements read it. ``time`` and ``amount`` are texts of SQL.

    A month may have hundreds of thousands of them, so they come without a row's object and as
    little as possible is made of each: ISO 8601 in UTC, and a plain decimal.
    """

    id: int
    transaction_id: int
    asset_id: int
    kind: str
    reference: str
    time: str
    amount: str


class AssetSides(msgspec.Struct, frozen=True):
    """An asset on both sides, as the ledger has it: what is owed, and what came from outside."""

    asset: str
    scale: int
    customers: Decimal
    exchange: Decimal
    held: Decimal


class PendingWithdrawals(msgspec.Struct, frozen=True):
    """Withdrawals of an asset that wait."""

    asset: str
    scale: int
    count: int
    amount: Decimal


class Told(msgspec.Struct, frozen=True):
    """Whose a report is, as it says itself; all empty for one of the whole exchange."""

    account: str = ""
    label: str = ""
    owner: str = ""


# --- reports -------------------------------------------------------------------------------------


def list_reports(account_id: UUID, *, cursor: int | None = None, limit: int = 100) -> list[Report]:
    """Return an account's reports, newest first; ``cursor`` is the last id already seen."""
    reports = Report.objects.filter(account__public_id=account_id)
    if cursor is not None:
        reports = reports.filter(pk__lt=cursor)
    return list(reports.order_by("-pk")[: min(limit, PAGE_MAX)])


def list_reports_of_owner(account_ids: Sequence[int], *, limit: int = 50) -> list[Report]:
    """Return the newest reports of some accounts, each with its account; up to ``limit``."""
    reports = Report.objects.filter(account_id__in=account_ids).select_related("account")
    return list(reports.order_by("-pk")[: min(limit, PAGE_MAX)])


def get_report(account_id: UUID, report_id: int) -> Report:
    """Return a report of an account; raise NotFound."""
    report = Report.objects.filter(pk=report_id, account__public_id=account_id).first()
    if report is None:
        raise NotFound("There is no such report.")
    return report


def get_finished_report(account_id: UUID, report_id: int) -> Report:
    """Return a report whose file can be downloaded; raise NotFound, or Conflict where it is not."""
    report = get_report(account_id, report_id)
    if report.state != Report.State.DONE:
        raise Conflict(f"The report is {report.state}.", state=report.state)
    return report


def about_of(report: Report) -> Told:
    """Return whose a report is."""
    if report.account_id is None:
        return Told()
    account = Account.objects.select_related("owner").get(pk=report.account_id)
    return Told(str(account.public_id), account.label, str(account.owner))


def days_without_report(newest: date) -> list[date]:
    """Return the days up to ``newest`` since the last one that has a report of the exchange.

    At most ``DAYS_BACK_MAX``, oldest first; ``newest`` alone where no day ever had one.
    """
    whole = Report.objects.filter(kind=Report.Kind.DAILY).exclude(state=Report.State.FAILED)
    last = whole.order_by("-period_to").values_list("period_to", flat=True).first()
    if last is None:
        return [newest]
    first = max(last.astimezone(UTC).date(), newest - timedelta(days=DAYS_BACK_MAX - 1))
    return [first + timedelta(days=number) for number in range((newest - first).days + 1)]


def get_part(report_id: int, number: int) -> bytes | None:
    """Return a part of a report's file; None after the last one."""
    parts = ReportPart.objects.filter(report_id=report_id, number=number)
    body = parts.values_list("body", flat=True).first()
    return None if body is None else bytes(body)


# --- what statements are made of -----------------------------------------------------------------

_ENTRY: Final = LedgerEntry._meta.db_table


def _names(cursor: CursorWrapper) -> dict[str, str]:
    """Return what statements are made of: ``entries`` are all there were, as far as sums go.

    What has left for an archive is one entry of before all time for each account and asset.
    """
    names = {
        "entries": _ENTRY,
        "account": Account._meta.db_table,
        "asset": Asset._meta.db_table,
        "balance": Balance._meta.db_table,
    }
    if kept_since(cursor) is not None:
        names["entries"] = (
            "(SELECT id, account_id, asset_id, kind, amount, created_at FROM"
            f" {whole_tables(cursor).get(_ENTRY, _ENTRY)} AS here UNION ALL"
            " SELECT NULL, account_id, asset_id, 'archived', amount, '-infinity'"
            " FROM zavora_archived_sum)"
        )
    return names


# One statement is one snapshot: entries and balances are of the same moment.
_TOTALS: Final = """
SELECT e.asset_id, a.code, a.scale,
    coalesce(sum(e.amount) FILTER (WHERE e.created_at < %(begin)s), 0),
    coalesce(sum(e.amount) FILTER (WHERE e.created_at < %(end)s), 0),
    count(*) FILTER (WHERE e.created_at >= %(begin)s AND e.created_at < %(end)s),
    min(e.id) FILTER (WHERE e.created_at >= %(begin)s AND e.created_at < %(end)s),
    sum(e.amount), coalesce(min(b.available + b.locked), 0),
    coalesce(-sum(e.amount) FILTER (WHERE e.kind = 'fee' AND e.created_at >= %(begin)s
        AND e.created_at < %(end)s), 0)
FROM {entries} e
JOIN {asset} a ON a.id = e.asset_id
LEFT JOIN {balance} b ON b.account_id = e.account_id AND b.asset_id = e.asset_id
WHERE e.account_id = %(account)s
GROUP BY e.asset_id, a.code, a.scale ORDER BY a.code
"""


def list_totals(account_id: int, begin: datetime, end: datetime) -> list[AssetTotals]:
    """Return the totals of an account (its primary key) about a period, by asset code.

    Reads all entries that the account has, once; of those in archives it takes their sums.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _TOTALS.format(**_names(cursor)), {"account": account_id, "begin": begin, "end": end}
        )
        return [AssetTotals(*row) for row in cursor.fetchall()]


_ENTRIES: Final = f"""
SELECT e.id, e.transaction_id, e.asset_id, e.kind, t.reference,
    to_char(e.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.amount::text
FROM {LedgerEntry._meta.db_table} e
JOIN {LedgerTransaction._meta.db_table} t ON t.id = e.transaction_id
WHERE e.account_id = %s AND e.id > %s AND e.created_at >= %s AND e.created_at < %s
ORDER BY e.id LIMIT %s
"""


def list_entries(
    account_id: int, begin: datetime, end: datetime, *, after_id: int, limit: int
) -> list[ReportedEntry]:
    """Return entries of an account (its primary key) in a period, oldest first, after an id.

    Each with the reference of its transaction. At most ``ENTRIES_MAX`` of them; who wants all goes
    on after the last one. A period that has settled holds the same ones whenever it is asked.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ENTRIES, [account_id, after_id, begin, end, min(limit, ENTRIES_MAX)])
        return [ReportedEntry(*row) for row in cursor.fetchall()]


# --- the whole exchange --------------------------------------------------------------------------


_SIDES: Final = """
SELECT a.code, a.scale,
    coalesce(sum(e.amount) FILTER (WHERE c.kind = 'customer'), 0),
    coalesce(sum(e.amount) FILTER (WHERE c.kind = 'fees'), 0),
    coalesce(-sum(e.amount) FILTER (WHERE c.kind = 'outside'), 0)
FROM {entries} e
JOIN {account} c ON c.id = e.account_id
JOIN {asset} a ON a.id = e.asset_id
WHERE e.created_at < %s GROUP BY a.code, a.scale ORDER BY a.code
"""


def list_sides(end: datetime) -> list[AssetSides]:
    """Return what was owed and held of each asset at a time, by code, in one snapshot.

    All of it is of the ledger: what is held is what came from outside and did not leave again.
    """
    with connection.cursor() as cursor:
        cursor.execute(_SIDES.format(**_names(cursor)), [end])
        return [AssetSides(*row) for row in cursor.fetchall()]


def list_pending_withdrawals() -> list[PendingWithdrawals]:
    """Return what of each asset waits to be paid out at this moment, by code."""
    rows = Withdrawal.objects.filter(state=Withdrawal.State.PENDING).order_by("asset__code")
    sums = rows.values_list("asset__code", "asset__scale").annotate(Count("pk"), Sum("amount"))
    return [PendingWithdrawals(*row) for row in sums]


def count_accounts(end: datetime) -> dict[str, int]:
    """Return how many customers' accounts there were at a time, by the status they have now."""
    accounts = Account.objects.filter(kind=Account.Kind.CUSTOMER, created_at__lt=end)
    counted = accounts.order_by("status").values_list("status").annotate(Count("pk"))
    return dict(counted)
