"""What orders asked for before they were amended."""

from typing import Any

from accounts.access.callers import SCOPE_READ, Caller
from api.transport.threads import read_lasting
from api.v1 import order_words
from api.v1.cursors import next_cursor
from api.v1.fields import order_id_of
from api.v1.fitting import terms_of_id
from api.v1.order_words import Shape
from matching.orders import amendments
from matching.orders.selectors import get_order
from matching.rows.amendments import amendment_state
from zavora.foundation.errors import OrderNotFound


async def list_of_order(
    caller: Caller, order_id: str, *, limit: int, before_id: int | None
) -> tuple[list[Shape], str | None]:
    """Return a page of amendments of one of the caller's orders, newest first.

    And the cursor of the next page, None: there is none.
    """
    caller.require(SCOPE_READ)
    number = order_id_of(order_id)
    if number is None:
        raise OrderNotFound("There is no such order.")
    account_ids = list(caller.accounts.values())
    order, rows = await read_lasting(_read, number, account_ids, before_id, limit + 1)
    terms = terms_of_id(order.market_id)
    page = [order_words.amendment(amendment_state(row, terms), terms) for row in rows[:limit]]
    return page, next_cursor([row.pk for row in rows], limit)


def _read(
    order_id: int, account_ids: list[int], before_id: int | None, limit: int
) -> tuple[Any, list[Any]]:
    order = get_order(order_id, account_ids=account_ids)
    return order, amendments.list_amendments(order_id, before_id=before_id, limit=limit)
