"""Lists of orders: what their orders are, and which ids they have."""

from typing import Any, Final

from matching.engine.orders import Leg
from matching.orders.ids import following_ids
from matching.wire import ListKind, ListState

# What the orders of each kind are, in their order.
LEGS: Final[dict[ListKind, tuple[Leg, ...]]] = {
    "oco": ("one", "one"),
    "oto": ("working", "pending"),
    "otoco": ("working", "pending", "pending"),
}
LEGS_MAX: Final = max(map(len, LEGS.values()))


def list_state(list_id: int, *, kind: Any, **fields: Any) -> ListState:
    """Return a list's state: the ids of its orders follow from its own.

    ``kind``: a ListKind, or a row's text that is one.
    """
    order_ids = order_ids_of(list_id, kind)
    return ListState(id=list_id, kind=kind, order_ids=order_ids, **fields)


def order_ids_of(list_id: int, kind: Any) -> list[int]:
    """Return the ids of a list's orders, in their order: the next ones after its own."""
    return following_ids(list_id, len(LEGS[kind]))
