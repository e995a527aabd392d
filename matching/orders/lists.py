"""Reads of lists of orders: bounded queries, explicit order, no locks."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from matching.models import Order, OrderConditions, OrderList
from matching.orders.legs import list_state, order_ids_of
from matching.orders.selectors import PAGE_MAX
from matching.wire import ListState
from zavora.foundation.errors import OrderNotFound
from zavora.foundation.times import microseconds_of


def get_order_list(list_id: int, *, account_ids: Iterable[int]) -> OrderList:
    """Return a list of one of the accounts, done or not; else raise OrderNotFound."""
    row = OrderList.objects.filter(pk=list_id, account_id__in=list(account_ids)).first()
    if row is None:
        raise OrderNotFound("There is no such list of orders.")
    return row


def list_lists_by_id(list_ids: Iterable[int], *, account_id: int) -> list[OrderList]:
    """Return those of the lists that are the account's, by ascending id."""
    rows = OrderList.objects.filter(pk__in=list(list_ids), account_id=account_id)
    return list(rows.order_by("pk"))


def list_ids_of(order_ids: Iterable[int]) -> dict[int, int]:
    """Return the lists of those of the orders that are in one, by order."""
    rows = OrderConditions.objects.filter(pk__in=set(order_ids), list_id__gt=0)
    return dict(rows.values_list("pk", "list_id"))


def open_list_names(account_id: int) -> dict[int, dict[int, str | None]]:
    """Return the client order ids of the orders of an account's lists that are not done, by list.

    All of them: they are as many as an account may have orders open.
    """
    rows = OrderList.objects.filter(account_id=account_id, done_at=None)
    ids = {row.pk: order_ids_of(row.pk, row.kind) for row in rows}
    wanted = [order_id for order_ids in ids.values() for order_id in order_ids]
    orders = Order.objects.filter(pk__in=wanted)
    names = dict(orders.values_list("pk", "client_order_id"))
    return {pk: {id_: names.get(id_) for id_ in order_ids} for pk, order_ids in ids.items()}


def find_order_list_by_client_id(client_list_id: str, *, account_id: int) -> OrderList | None:
    """Return the account's newest list of that name, those that are not done first."""
    rows = OrderList.objects.filter(account_id=account_id, client_list_id=client_list_id)
    return rows.filter(done_at=None).order_by("-pk").first() or rows.order_by("-pk").first()


def list_order_lists(
    account_id: int,
    *,
    market_id: int | None = None,
    is_done: bool | None = None,
    before_id: int | None = None,
    from_id: int | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 100,
) -> list[OrderList]:
    """Return an account's lists that match every filter given, newest first.

    ``from_id`` (inclusive) and ``before_id`` are a part of them by id. From ``from_id`` on or from
    the time ``start`` on, the oldest of them are meant, still newest first. Times are inclusive.
    """
    rows = OrderList.objects.filter(account_id=account_id)
    if market_id is not None:
        rows = rows.filter(market_id=market_id)
    if is_done is not None:
        rows = rows.filter(done_at__isnull=not is_done)
    if before_id is not None:
        rows = rows.filter(pk__lt=before_id)
    if from_id is not None:
        rows = rows.filter(pk__gte=from_id)
    if start is not None:
        rows = rows.filter(created_at__gte=start)
    if end is not None:
        rows = rows.filter(created_at__lte=end)
    limit = min(limit, PAGE_MAX)
    if from_id is not None or start is not None:
        return list(reversed(rows.order_by("pk")[:limit]))
    return list(rows.order_by("-pk")[:limit])


def list_orders_of(lists: Sequence[OrderList]) -> dict[int, list[Order]]:
    """Return the orders of lists, by list, as they were placed: the working one first."""
    ids = {row.pk: order_ids_of(row.pk, row.kind) for row in lists}
    wanted = [order_id for order_ids in ids.values() for order_id in order_ids]
    found = Order.objects.select_related("conditions").in_bulk(wanted)
    return {list_id: [found[id_] for id_ in order_ids] for list_id, order_ids in ids.items()}


def state_of_row(row: OrderList) -> ListState:
    """Return a row of the table as the state that events carry."""
    return list_state(
        row.pk,
        account_id=row.account_id,
        market_id=row.market_id,
        kind=row.kind,
        client_list_id=row.client_list_id,
        status="executing" if row.done_at is None else "done",
        created_us=microseconds_of(row.created_at),
    )
