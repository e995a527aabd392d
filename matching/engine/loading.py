"""Putting an open order from the tables into its book, not without looking at it."""

from matching.engine.errors import EngineError
from matching.engine.market import Market
from matching.engine.types import OPEN_STATUSES, Order


def load_order(market: Market | None, order: Order) -> None:
    """Rest ``order`` in its market; call in the order of priorities.

    Raises EngineError where the order is not one that can be open, or does not hold exactly what
    its rest needs.
    """
    if market is None:
        raise EngineError(f"order {order.order_id}: no market {order.market_id}")
    if market.order(order.order_id) is not None:
        raise EngineError(f"order {order.order_id} came twice")
    price_ticks = order.price_ticks
    if (
        order.status not in OPEN_STATUSES
        or order.order_type != "limit"
        or order.time_in_force != "gtc"
        or price_ticks is None
        or price_ticks < 1
        or order.quantity_lots is None
        or order.remaining_lots < 1
        or order.remaining_lots + order.filled_lots != order.quantity_lots
        or (order.filled_lots > 0) != (order.status == "partially_filled")
    ):
        raise EngineError(f"order {order.order_id} cannot be open as it is")
    lot_hold_units = (
        price_ticks * market.rules.tick_lot_units if order.side == "buy" else market.rules.lot_units
    )
    if order.hold_units != order.remaining_lots * lot_hold_units:
        raise EngineError(f"order {order.order_id} does not hold what it needs")
    market.rest(order)
