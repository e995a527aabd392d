"""Amending an open order: less quantity in place, anything else by leaving and entering again."""

from matching.engine import checks
from matching.engine.entering import check_phase
from matching.engine.market import Market
from matching.engine.taking import end_taking, take
from matching.engine.types import Amend, Event, Order, OrderAmended, OrderRejected


def amend(market: Market, order: Order, command: Amend) -> list[Event]:
    """Apply ``command`` to ``order``, which is open and the account's own."""
    price_ticks = order.price_ticks if command.price_ticks is None else command.price_ticks
    quantity_lots = order.quantity_lots if command.quantity_lots is None else command.quantity_lots
    refused = _check(market, order, price_ticks=price_ticks, quantity_lots=quantity_lots)
    if refused is not None:
        return [refused]
    assert price_ticks is not None  # for the type checker: an open order is a limit order
    assert quantity_lots is not None
    remaining_lots = quantity_lots - order.filled_lots
    hold_units = remaining_lots * (
        price_ticks * market.rules.tick_lot_units if order.side == "buy" else market.rules.lot_units
    )
    more_hold_units = hold_units - order.hold_units
    if more_hold_units > command.available_units:
        return [checks.BALANCE]
    keeps_priority = price_ticks == order.price_ticks and remaining_lots < order.remaining_lots
    events: list[Event] = [OrderAmended(order, more_hold_units)]
    market.keep()
    market.keep_order(order)
    if keeps_priority:
        market.shrink(order, remaining_lots)
    else:
        market.touch_level_of(order)
        market.unrest(order)
        order.remaining_lots = remaining_lots
        order.price_ticks = price_ticks
        order.priority = command.priority
    order.quantity_lots = quantity_lots
    order.hold_units = hold_units
    order.updated_us = command.time_us
    if not keeps_priority:
        end_taking(market, order, take(market, order, events, time_us=command.time_us), events)
    market.tell_touched(events)
    return events


def _check(
    market: Market, order: Order, *, price_ticks: int | None, quantity_lots: int | None
) -> OrderRejected | None:
    """Check everything but the funds."""
    refused = check_phase(market, is_post_only=order.post_only)
    if refused is not None:
        return refused
    is_new_price = price_ticks != order.price_ticks
    if not is_new_price and quantity_lots == order.quantity_lots:
        return checks.NOTHING_TO_AMEND
    refused = checks.check_limit_order(
        market, price_ticks, quantity_lots, is_new_price=is_new_price
    )
    if refused is not None:
        return refused
    if quantity_lots is None or quantity_lots <= order.filled_lots:
        return checks.TOTAL_FILLED
    if order.post_only and price_ticks is not None and market.would_cross(order.side, price_ticks):
        return checks.WOULD_CROSS
    return None
