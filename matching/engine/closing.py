"""The end of an order: why, and what it held goes back."""

from matching.engine.events import Event, OrderClosed
from matching.engine.market import Market
from matching.engine.orders import CloseReason, Order, OrderStatus


def close(order: Order, status: OrderStatus, reason: CloseReason, events: list[Event]) -> None:
    """End an order that is not (or no longer) in the market and release its hold."""
    order.status = status
    order.reason = reason
    released_units, order.hold_units = order.hold_units, 0
    events.append(OrderClosed(order, released_units))


def end_open(
    market: Market,
    order: Order,
    status: OrderStatus,
    reason: CloseReason,
    events: list[Event],
    *,
    time_us: int,
) -> None:
    """End an order that rests or waits in the market; the level it leaves counts as touched."""
    market.keep_order(order)
    market.touch_level_of(order)
    market.leave(order, events)
    order.updated_us = time_us
    close(order, status, reason, events)
