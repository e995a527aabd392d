"""Reads of orders and trades: bounded queries, explicit order, no locks."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, TypeVar

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Lower
from django.db.models.lookups import Exact

from matching.engine.orders import WAITING
from matching.models import Order, Trade
from zavora.foundation.errors import OrderNotFound
from zavora.foundation.partitions.newest import newest_rows
from zavora.foundation.time_ids import first_id_of
from zavora.foundation.times import microseconds_of, moment_of

PAGE_MAX: Final = 1_001  # a page of the API and one more, which tells whether there is a next
OPEN_PAGE: Final = 2_000
# An id may run ahead of its row's time where many are made in one millisecond; never by this much.
ID_SLACK_MS: Final = 3_600_000
OPEN_STATUSES: Final = (Order.Status.NEW, Order.Status.PARTIALLY_FILLED)
# With their conditions, which few have and all who show orders ask for.
_orders: Final = Order.objects.select_related("conditions")
Row = TypeVar("Row", Order, Trade)


class Within(NamedTuple):
    """Inclusive bounds of when rows were made, in microseconds since 1970; None: none."""

    start_us: int | None = None
    end_us: int | None = None


EVER: Final = Within()


def get_order(order_id: int, *, account_ids: Iterable[int]) -> Order:
    """Return an order of one of the accounts, in whatever state; else raise OrderNotFound."""
    row = _orders.filter(pk=order_id, account_id__in=list(account_ids)).first()
    if row is None:
        raise OrderNotFound("There is no such order.")
    return row


def get_order_place(order_id: int) -> tuple[int, int] | None:
    """Return the account and the market of an order: they never change. None if unknown."""
    return Order.objects.filter(pk=order_id).values_list("account_id", "market_id").first()


def list_orders(
    account_id: int,
    *,
    market_id: int | None = None,
    side: str | None = None,
    statuses: Sequence[str] = (),
    waiting: Sequence[str] | None = None,
    client_order_id: str | None = None,
    before_id: int | None = None,
    within: Within = EVER,
    limit: int = 100,
) -> list[Order]:
    """Return an account's orders, newest first, that match every filter given.

    ``waiting``: of those that have not entered the market only the ones that wait like this, beside
    the ``statuses`` of all others; None: waiting or not is all the same.
    """
    rows = _orders.filter(account_id=account_id)
    if market_id is not None:
        rows = rows.filter(market_id=market_id)
    if side is not None:
        rows = rows.filter(side=side)
    if waiting is not None:
        outside = Q(status=Order.Status.NEW, conditions__trigger_state__in=WAITING)
        like_this = Q(status=Order.Status.NEW, conditions__trigger_state__in=waiting)
        rows = rows.filter((Q(status__in=statuses) & ~outside) | like_this)
    elif statuses:
        rows = rows.filter(status__in=statuses)
    if client_order_id is not None:
        rows = rows.filter(called(client_order_id), client_order_id=client_order_id)
    below = _below(within, before_id)
    return newest_rows(_within(rows, within), below=below, limit=min(limit, PAGE_MAX))


def called(client_order_id: str) -> Q:
    """Return the condition that orders have this client order id, in any letter case.

    It is what the index has; who means the exact letters asks for them, too.
    """
    name = Lower(Value(client_order_id))
    return Q(Exact(Lower("client_order_id"), name), client_order_id__isnull=False)


def find_order(order_id: int, *, account_id: int, market_id: int) -> Order | None:
    """Return an order of an account in a market, in whatever state; None if there is none."""
    return _orders.filter(pk=order_id, account_id=account_id, market_id=market_id).first()


def find_order_by_client_id(
    client_order_id: str, *, account_id: int, market_id: int
) -> Order | None:
    """Return the open order of that name, else the newest closed one, else None."""
    rows = _orders.filter(
        called(client_order_id),
        account_id=account_id,
        client_order_id=client_order_id,
        market_id=market_id,
    )
    # A name is free again once its order has closed, and at most one open order has it.
    return rows.filter(status__in=OPEN_STATUSES).first() or rows.order_by("-pk").first()


def list_open_orders(
    account_id: int, *, market_ids: Sequence[int], after_id: int = 0
) -> list[Order]:
    """Return an account's open orders in some markets, oldest first, after an order's id.

    At most ``OPEN_PAGE`` of them: who wants all goes on after the last one, until a page is short.
    An order that is open all the while is found once.
    """
    rows = _orders.filter(
        market_id__in=market_ids,
        account_id=account_id,
        status__in=OPEN_STATUSES,
        pk__gt=after_id,
    )
    return list(rows.order_by("pk")[:OPEN_PAGE])


def list_market_orders(
    account_id: int,
    market_id: int,
    *,
    from_id: int | None = None,
    start_us: int | None = None,
    end_us: int | None = None,
    limit: int = 500,
) -> list[Order]:
    """Return an account's orders in a market, by ascending id, at most ``limit``.

    From ``from_id`` on or from the time ``start_us`` on the oldest of them, else the newest.
    Both times are inclusive, in microseconds since 1970, and mean when an order was placed.
    """
    rows = _orders.filter(account_id=account_id, market_id=market_id)
    if from_id is not None:
        rows = rows.filter(pk__gte=from_id)
    return _page_by_time(rows, start_us, end_us, limit, is_oldest=from_id is not None)


def _page_by_time(
    rows: "QuerySet[Row]",
    start_us: int | None,
    end_us: int | None,
    limit: int,
    *,
    is_oldest: bool = False,
) -> "list[Row]":
    """Return at most ``limit`` rows of a time, by ascending id."""
    within = Within(start_us, end_us)
    rows = _within(rows, within)
    limit = min(limit, PAGE_MAX)
    if is_oldest or start_us is not None:
        return list(rows.order_by("pk")[:limit])
    return newest_rows(rows, below=_below(within, None), limit=limit)[::-1]


def _within(rows: "QuerySet[Row]", within: Within) -> "QuerySet[Row]":
    """Return the rows that were made within bounds of time.

    Ids grow with time, so bounds of ids let an index find what the times then decide exactly.
    """
    start_us, end_us = within
    if start_us is not None:
        id_first = first_id_of(start_us // 1_000)
        rows = rows.filter(pk__gte=id_first, created_at__gte=moment_of(start_us))
    if end_us is not None:
        id_end = first_id_of(end_us // 1_000 + ID_SLACK_MS)
        rows = rows.filter(pk__lt=id_end, created_at__lte=moment_of(end_us))
    return rows


def _below(within: Within, before_id: int | None) -> int | None:
    """Return below which id rows are: that of a cursor, or of the end of a time."""
    if within.end_us is None:
        return before_id
    id_end = first_id_of(within.end_us // 1_000 + ID_SLACK_MS)
    return id_end if before_id is None else min(before_id, id_end)


# --- trades --------------------------------------------------------------------------------------


def list_account_trades(
    account_id: int,
    *,
    market_id: int | None = None,
    side: str | None = None,
    before_id: int | None = None,
    within: Within = EVER,
    limit: int = 100,
) -> list[Trade]:
    """Return the trades in which an account was maker or taker, newest first.

    ``side``: on which it was; one that was on both counts as its maker's. Each role has an index of
    its own, so the two are read apart and merged.
    """
    limit = min(limit, PAGE_MAX)

    def of_role(role: str) -> list[Trade]:
        rows = Trade.objects.filter(**{f"{role}_account_id": account_id})
        if market_id is not None:
            rows = rows.filter(market_id=market_id)
        if side is not None:
            # The taker's side is the row's; where both are the account's, the maker's is shown.
            its_own = (
                rows.filter(taker_side=side) if role == "taker" else rows.exclude(taker_side=side)
            )
            rows = its_own.exclude(maker_account_id=account_id) if role == "taker" else its_own
        rows = _within(rows, within)
        return newest_rows(rows, below=_below(within, before_id), limit=limit)

    found = {row.pk: row for role in ("maker", "taker") for row in of_role(role)}
    return [found[pk] for pk in sorted(found, reverse=True)[:limit]]


def list_market_trades(
    account_id: int,
    market_id: int,
    *,
    from_sequence: int | None = None,
    order_id: int | None = None,
    start_us: int | None = None,
    end_us: int | None = None,
    limit: int = 500,
) -> list[Trade]:
    """Return an account's trades in a market, by ascending sequence, at most ``limit``.

    From ``from_sequence`` (a public trade id, inclusive) or ``start_us`` on the oldest, else the
    newest; with ``order_id`` only that order's. Each role has an index of its own, so the two are
    read apart and merged.
    """
    bounds = _trade_id_bounds(account_id, market_id, from_sequence, order_id)
    if bounds is None:
        return []
    is_oldest = from_sequence is not None or start_us is not None
    limit = min(limit, PAGE_MAX)
    found: dict[int, Trade] = {}
    for role in ("maker", "taker"):
        rows = Trade.objects.filter(
            **{f"{role}_account_id": account_id}, market_id=market_id, pk__gte=bounds[0]
        )
        if bounds[1] is not None:
            rows = rows.filter(pk__lt=bounds[1])
        if from_sequence is not None:
            rows = rows.filter(sequence__gte=from_sequence)
        if order_id is not None:
            rows = rows.filter(**{f"{role}_order_id": order_id})
        for row in _page_by_time(rows, start_us, end_us, limit, is_oldest=is_oldest):
            found[row.pk] = row
    trades = sorted(found.values(), key=_sequence_of)
    return trades[:limit] if is_oldest else trades[-limit:]


def _sequence_of(trade: Trade) -> int:
    return trade.sequence


def _trade_id_bounds(
    account_id: int, market_id: int, from_sequence: int | None, order_id: int | None
) -> tuple[int, int | None] | None:
    """Return between which ids (from, below) the trades asked for are; None: there are none.

    An order trades after it was placed and not after its last change.
    """
    low, below = 0, None
    if order_id is not None:
        order = find_order(order_id, account_id=account_id, market_id=market_id)
        if order is None:
            return None
        low = order.pk
        below = first_id_of(microseconds_of(order.updated_at) // 1_000 + ID_SLACK_MS)
    if from_sequence is not None:
        rows = Trade.objects.filter(market_id=market_id, sequence__gte=from_sequence)
        first = rows.order_by("sequence").values_list("pk", flat=True).first()
        if first is None:
            return None
        low = max(low, first)
    return low, below


# --- idempotency keys ----------------------------------------------------------------------------
