"""Amending an open order: less quantity in place, anything else by leaving and entering again."""

from matching.engine import checks
from matching.engine.amounts import hold_units, notional_units
from matching.engine.commands import Amend
from matching.engine.entering import check_phase
from matching.engine.events import Event, OrderAmended, OrderRejected
from matching.engine.market import Market
from matching.engine.orders import Order
from matching.engine.taking import end_taking, take


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
    held_units = hold_units(market.rules, order.terms.side, price_ticks, remaining_lots)
    more_hold_units = held_units - order.hold_units
    if more_hold_units > command.available_units:
        return [checks.BALANCE]
    keeps_priority = price_ticks == order.price_ticks and remaining_lots < order.remaining_lots
    events: list[Event] = [
        OrderAmended(
            order,
            more_hold_units,
            remaining_lots,
            order.filled_lots,
            order.filled_quote_units,
        )
    ]
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
    order.hold_units = held_units
    order.updated_us = command.time_us
    if not keeps_priority:
        end_taking(market, order, take(market, order, events, time_us=command.time_us), events)
    market.tell_touched(events)
    return events


def _check(
    market: Market, order: Order, *, price_ticks: int | None, quantity_lots: int | None
) -> OrderRejected | None:
    """Check everything but the funds."""
    refused = check_phase(market, is_post_only=order.terms.post_only)
    if refused is not None:
        return refused
    is_new_price = price_ticks != order.price_ticks
    if not is_new_price and quantity_lots == order.quantity_lots:
        return checks.NOTHING_TO_AMEND
    units = 0
    if price_ticks is not None and quantity_lots is not None:
        units = notional_units(market.rules, price_ticks, quantity_lots)
    refused = checks.check_limit_order(
        market, price_ticks, quantity_lots, units, is_new_price=is_new_price
    )
    if refused is not None:
        return refused
    if quantity_lots is None or quantity_lots <= order.filled_lots:
        return checks.TOTAL_FILLED
    if (
        order.terms.post_only
        and price_ticks is not None
        and market.would_cross(order.terms.side, price_ticks)
    ):
        return checks.WOULD_CROSS
    return None
