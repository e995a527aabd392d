"""Rows of portfolios: what they are counted from, and what is kept of the count.

What the figures mean stands in ``zavora.portfolio``; here a state is a document.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec
from django.db import connection
from django.utils import timezone

from accounts.models import Account, Asset, LedgerEntry, PortfolioBook, PortfolioPoint
from zavora.foundation.partitions.selectors import archived_below
from zavora.foundation.time_ids import BATCH_MS_MAX, TIME_SHIFT

# A person looks at few currencies; the one that was not looked at for longest makes room.
BOOKS_MAX: Final = 4
# Hours are kept so long, then the last one of each day.
HOURS_KEPT: Final = timedelta(days=8)
# A book that nobody looks at is not counted forward.
USED_WITHIN: Final = timedelta(days=7)
_USED_NOTED: Final = timedelta(hours=1)
# Of one ledger transaction all entries have ids that lie so close.
_WITHIN: Final = BATCH_MS_MAX << TIME_SHIFT

_ENTRY: Final = LedgerEntry._meta.db_table
_POINT: Final = PortfolioPoint._meta.db_table
_FIELDS: Final = "id, transaction_id, account_id, asset_id, kind, amount, created_at"


class CountedEntry(msgspec.Struct, frozen=True, gc=False):
    """An entry of the ledger as it is counted."""

    id: int
    transaction_id: int
    account_id: int
    asset_id: int
    kind: str
    amount: Decimal
    created_at: datetime


class Book(msgspec.Struct):
    """How far a person's portfolio in a currency is counted, and how each account stood then."""

    pk: int
    owner_id: int
    currency_id: int
    position: int
    ahead: list[int]
    counted_until: datetime | None
    # By account: the hour of the newest point, and its state.
    newest: dict[int, tuple[datetime, Mapping[str, Any]]]


class Point(msgspec.Struct, frozen=True):
    """How an account stood after an hour's last entry."""

    account_id: int
    hour: datetime
    state: Mapping[str, Any]


def list_owned(owner_id: int) -> list[int]:
    """Return all accounts of a person, by primary key."""
    accounts = Account.objects.filter(owner_id=owner_id, kind=Account.Kind.CUSTOMER)
    return list(accounts.order_by("pk").values_list("pk", flat=True))


def get_owner(account_id: int) -> int | None:
    """Return whose an account is, both as primary keys."""
    rows = Account.objects.filter(pk=account_id, kind=Account.Kind.CUSTOMER)
    return rows.values_list("owner_id", flat=True).first()


# --- what is counted -----------------------------------------------------------------------------

_PAGE: Final = (
    "SELECT e.* FROM unnest(%(accounts)s::bigint[]) AS a(id) CROSS JOIN LATERAL"
    f" (SELECT {_FIELDS} FROM {_ENTRY} WHERE account_id = a.id AND id > %(after)s"
    " AND id <= %(upto)s ORDER BY id LIMIT %(limit)s) AS e ORDER BY e.id LIMIT %(limit)s"
)
_REST: Final = (
    "SELECT e.* FROM unnest(%(accounts)s::bigint[]) AS a(id) CROSS JOIN LATERAL"
    f" (SELECT {_FIELDS} FROM {_ENTRY} WHERE account_id = a.id AND id > %(after)s"
    " AND id <= %(upto)s AND transaction_id = ANY(%(transactions)s)) AS e ORDER BY e.id"
)
_OPENING: Final = (
    "SELECT account_id, asset_id, amount FROM zavora_archived_sum"
    " WHERE account_id = ANY(%s::bigint[])"
)


def list_counted(
    account_ids: Sequence[int], *, after: int, upto: int, limit: int
) -> list[CountedEntry]:
    """Return entries with ids from above ``after`` to ``upto``, by id, ``limit`` at most."""
    named = {"accounts": list(account_ids), "after": after, "upto": upto, "limit": limit}
    return _entries(_PAGE, named)


def list_rest(
    account_ids: Sequence[int], *, after: int, transaction_ids: Iterable[int]
) -> list[CountedEntry]:
    """Return entries of some transactions with ids above ``after``, by id."""
    # What lies further back has no entries there.
    late = [one for one in transaction_ids if one > after - _WITHIN]
    if not late:
        return []
    named = {
        "accounts": list(account_ids),
        "after": after,
        "upto": after + _WITHIN,
        "transactions": late,
    }
    return _entries(_REST, named)


def _entries(statement: str, named: Mapping[str, Any]) -> list[CountedEntry]:
    with connection.cursor() as cursor:
        cursor.execute(statement, named)
        return [CountedEntry(*row) for row in cursor.fetchall()]


def list_opening(account_ids: Sequence[int]) -> list[tuple[int, int, Decimal]]:
    """Return account, asset and sum of what has left for archives."""
    with connection.cursor() as cursor:
        cursor.execute(_OPENING, [list(account_ids)])
        return list(cursor.fetchall())


# --- what is kept --------------------------------------------------------------------------------


def open_book(owner_id: int, currency_id: int) -> None:
    """Make a book where there is none, and note that it is looked at.

    The one that was not looked at for longest goes where there are more than ``BOOKS_MAX``.
    """
    now = timezone.now()
    books = PortfolioBook.objects.filter(owner_id=owner_id)
    row = books.filter(currency_id=currency_id).first()
    if row is None:
        PortfolioBook.objects.bulk_create(
            [PortfolioBook(owner_id=owner_id, currency_id=currency_id, used_at=now)],
            ignore_conflicts=True,
        )
        old = books.exclude(currency_id=currency_id).order_by("-used_at", "-pk")
        for pk in old.values_list("pk", flat=True)[BOOKS_MAX - 1 :]:
            PortfolioBook.objects.filter(pk=pk).delete()
    elif now - row.used_at > _USED_NOTED:
        books.filter(pk=row.pk).update(used_at=now)


def lock_book(owner_id: int, currency_id: int) -> Book | None:
    """Lock and return a book; None where there is none, or somebody else counts it forward."""
    rows = PortfolioBook.objects.select_for_update(skip_locked=True)
    row = rows.filter(owner_id=owner_id, currency_id=currency_id).first()
    return None if row is None else _book_of(row)


def read_book(owner_id: int, currency_id: int) -> Book:
    """Return a book as it is at one moment; an empty one where there is none."""
    rows = PortfolioBook.objects.filter(owner_id=owner_id, currency_id=currency_id)
    row = rows.first()
    while row is not None:
        book = _book_of(row)
        # Its points are another statement, before which somebody may have counted it forward.
        after = rows.first()
        if after is not None and after.pk == row.pk and after.position == row.position:
            return book
        row = after
    return empty_book(owner_id, currency_id)


def empty_book(owner_id: int, currency_id: int) -> Book:
    """Return a book in which nothing is counted."""
    return Book(0, owner_id, currency_id, _first_position(), [], None, {})


def _first_position() -> int:
    with connection.cursor() as cursor:
        return max(0, archived_below(cursor) - 1)


def _book_of(row: PortfolioBook) -> Book:
    """Return a row's book; one that is behind what has left for archives begins anew."""
    first = _first_position()
    if row.position < first:
        return Book(row.pk, row.owner_id, row.currency_id, first, [], None, {})
    points = PortfolioPoint.objects.filter(book=row)
    newest = points.order_by("account_id", "-hour").distinct("account_id")
    return Book(
        row.pk,
        row.owner_id,
        row.currency_id,
        row.position,
        row.ahead,
        row.counted_until,
        {one.account_id: (one.hour, one.state) for one in newest},
    )


def save_book(book: Book, points: Sequence[Point], *, is_anew: bool) -> None:
    """Write how far a locked book is counted, and the points that were reached."""
    if is_anew:
        PortfolioPoint.objects.filter(book_id=book.pk).delete()
    PortfolioPoint.objects.bulk_create(
        [
            PortfolioPoint(
                book_id=book.pk, account_id=one.account_id, hour=one.hour, state=one.state
            )
            for one in points
        ],
        update_conflicts=True,
        unique_fields=["book", "account", "hour"],
        update_fields=["state"],
    )
    PortfolioBook.objects.filter(pk=book.pk).update(
        position=book.position, ahead=book.ahead, counted_until=book.counted_until
    )
    if points:
        _forget_hours(book.pk, timezone.now() - HOURS_KEPT)


_FORGET: Final = (
    f"DELETE FROM {_POINT} p USING {_POINT} later WHERE p.book_id = %s AND p.hour < %s"
    " AND later.book_id = p.book_id AND later.account_id = p.account_id AND later.hour > p.hour"
    " AND later.hour < date_trunc('day', p.hour, 'UTC') + interval '1 day'"
)


def _forget_hours(book_id: int, before: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [book_id, before])


def list_points(
    book_id: int, account_ids: Sequence[int], *, since: datetime, before: datetime
) -> list[Point]:
    """Return the points of accounts in a time, by hour, and of each the last one before it."""
    rows = PortfolioPoint.objects.filter(book_id=book_id, account_id__in=account_ids)
    earlier = rows.filter(hour__lt=since).order_by("account_id", "-hour").distinct("account_id")
    inside = rows.filter(hour__gte=since, hour__lt=before).order_by("hour", "account_id")
    found = [Point(one.account_id, one.hour, one.state) for one in (*earlier, *inside)]
    return sorted(found, key=_hour_of)


def _hour_of(point: Point) -> datetime:
    return point.hour


def list_used_books(now: datetime) -> list[tuple[int, int]]:
    """Return owner and currency of the books that are looked at, the furthest behind first."""
    rows = PortfolioBook.objects.filter(used_at__gt=now - USED_WITHIN).order_by("position", "pk")
    return list(rows.values_list("owner_id", "currency_id"))


def list_books() -> list[tuple[int, int]]:
    """Return owner and currency of every book."""
    return list(PortfolioBook.objects.order_by("pk").values_list("owner_id", "currency_id"))


def drop_books(*, owner_id: int | None = None) -> int:
    """Throw away what is kept, of one person or of all; return how many books there were."""
    rows = PortfolioBook.objects.all()
    if owner_id is not None:
        rows = rows.filter(owner_id=owner_id)
    count = rows.count()
    rows.delete()
    return count


def list_scales() -> dict[int, tuple[str, int]]:
    """Return code and scale of each asset by its id."""
    rows = Asset.objects.order_by("pk").values_list("pk", "code", "scale")
    return {pk: (code, scale) for pk, code, scale in rows}
