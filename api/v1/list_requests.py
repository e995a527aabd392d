"""What the routes of order lists take: the parser of the body.

An order of a list is read as one that comes alone, and named by its place where it is wrong:
``orders[1].price``.
"""

from typing import Any, Final
from uuid import UUID

import msgspec

from api.v1.fields import Fields
from api.v1.order_words import LIST_KIND
from api.v1.requests import (
    CLIENT_ORDER_ID_LENGTH_MAX,
    PlaceOrderIn,
    symbol_of,
    take_order,
    take_place,
)
from matching.orders.legs import LEGS
from matching.wire import ListKind

_KIND_OF: Final = {name: kind for kind, name in LIST_KIND.items()}
_KINDS: Final = {name.lower(): name for name in LIST_KIND.values()}


class AskedList(msgspec.Struct, frozen=True):
    """A list as it was asked for, in the words of commands where it names a kind."""

    user_id: UUID
    market: str
    kind: ListKind
    client_list_id: str | None
    orders: list[PlaceOrderIn]


def parse_list(data: Any) -> AskedList:
    """Return a list's body. Raises ValidationFailed naming every wrong field."""
    fields = Fields(data)
    where = take_place(fields)
    name = fields.choice("kind", _KINDS, required=True)
    client_list_id = fields.text("client_list_id", length_max=CLIENT_ORDER_ID_LENGTH_MAX)
    items = fields.take("orders", required=True)
    kind = None if name is None else _KIND_OF[name]
    if items is not None and kind is not None:
        count = len(LEGS[kind])
        if not isinstance(items, list) or len(items) != count:
            fields.refuse("orders", f"expected a list of {count} orders for {name}")
    asked = []
    if isinstance(items, list) and "orders" not in fields.wrong:
        asked = [_take_listed(fields, place, item) for place, item in enumerate(items[:3])]
    fields.check()
    market = symbol_of(where["market"])
    orders = [PlaceOrderIn(user_id=where["user_id"], market=market, **each) for each in asked]
    if kind is None:
        raise LookupError("a field that was checked is not there")
    return AskedList(where["user_id"], market, kind, client_list_id, orders)


def _take_listed(fields: Fields, place: int, item: Any) -> dict[str, Any]:
    """Take one order; what is wrong with it is named by its place."""
    name = f"orders[{place}]"
    if not isinstance(item, dict):
        fields.refuse(name, "expected an order, which is a JSON object")
        return {}
    inner = Fields(item)
    asked = take_order(inner)
    if inner.has("quote_quantity"):
        inner.refuse("quote_quantity", "is not for orders of a list: give quantity")
    for field, expected in inner.all_wrong().items():
        fields.refuse(f"{name}.{field}", expected)
    return asked
