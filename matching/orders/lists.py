"""Reads of lists of orders: bounded queries, explicit order, no locks."""

from collections.abc import Iterable
from typing import Final

from matching.engine.orders import OPEN_STATUSES
from matching.models import Order, OrderList
from matching.orders.selectors import PAGE_MAX
from zavora.foundation.errors import NotFound

_NONE: Final = "There is no such list of orders."


def get_order_list(list_id: int, *, account_ids: Iterable[int]) -> OrderList:
    """Return a list of one of the accounts; else raise NotFound."""
    row = OrderList.objects.filter(pk=list_id, account_id__in=list(account_ids)).first()
    if row is None:
        raise NotFound(_NONE)
    return row


def list_orders_of(order_ids: Iterable[int]) -> list[Order]:
    """Return orders by their ids, with their conditions, in whatever state, by id."""
    rows = Order.objects.select_related("conditions").filter(pk__in=list(order_ids))
    return list(rows.order_by("pk"))


def list_open_ids(order_ids: Iterable[int]) -> list[int]:
    """Return which of some orders are open, by id."""
    rows = Order.objects.filter(pk__in=list(order_ids), status__in=sorted(OPEN_STATUSES))
    return list(rows.order_by("pk").values_list("pk", flat=True))


def list_order_lists(
    account_id: int,
    *,
    market_id: int | None = None,
    is_done: bool | None = None,
    before_id: int | None = None,
    limit: int = 100,
) -> list[OrderList]:
    """Return an account's lists of orders, newest first; ``is_done`` None: done or not."""
    rows = OrderList.objects.filter(account_id=account_id)
    if market_id is not None:
        rows = rows.filter(market_id=market_id)
    if is_done is not None:
        rows = rows.filter(done_at__isnull=not is_done)
    if before_id is not None:
        rows = rows.filter(pk__lt=before_id)
    return list(rows.order_by("-pk")[: min(limit, PAGE_MAX)])
