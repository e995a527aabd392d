"""Lists of orders: of two only one is to trade (OCO), others follow one that fills (OTO, OTOCO).

What is held is held once. Of two orders of which one is to trade, one holds what the dearer of both
needs: the one in the book, for it is the one that others meet. Orders that are to follow hold what
the working order brings, as it brings it; so they can never be short of it, and where fees make it
less than they ask for, they are as much smaller. Any fill or trigger of one ends the other; any
other end of an order ends its list.
"""

from collections.abc import Sequence

from matching.engine.amounts import hold_units
from matching.engine.closing import end_open
from matching.engine.conditions import is_reached, waiting_hold_units
from matching.engine.errors import EngineError
from matching.engine.events import (
    Event,
    ListDone,
    OrderAmended,
    OrderClosed,
    OrderShifted,
    Prevented,
    Traded,
)
from matching.engine.market import Market
from matching.engine.orders import LOSING_MODES, OPEN_STATUSES, Order, OrderStatus
from matching.engine.triggers import fires_rising, reference_of


def holder_of(legs: Sequence[Order]) -> Order:
    """Return which of two orders, of which one is to trade, holds for both."""
    return next((leg for leg in legs if leg.terms.conditions.trigger is None), legs[0])


def need_of(market: Market, leg: Order) -> int:
    """Return what an order that is one of a list needs for itself, of what is left of it."""
    return waiting_hold_units(market.rules, leg.terms, leg.price_ticks, leg.left_lots)


def dearest_need(market: Market, legs: Sequence[Order]) -> int:
    """Return what is needed for the dearer of them."""
    return max(need_of(market, leg) for leg in legs)


def count_of(market: Market, account_id: int) -> int:
    """Return of how many lists an account has orders open."""
    conditions = [order.terms.conditions for order in market.orders_of(account_id)]
    return len({asked.list_id for asked in conditions if asked.leg is not None})


def react(market: Market, new: Sequence[Event], events: list[Event], *, time_us: int) -> None:
    """Let lists take in what became of their orders, as ``new`` ones of the events tell it."""
    touched: dict[int, Order] = {}
    for event in new:
        for order in _concerned(event):
            if order.terms.conditions.leg is not None:
                touched[order.terms.conditions.list_id] = order
                _take_in(market, order, event, events, time_us=time_us)
    for list_id, order in touched.items():
        if not market.lists.get(list_id):
            market.lists.pop(list_id, None)
            events.append(ListDone(market.rules.market_id, order.account_id, list_id))


def end_legs(
    market: Market, order: Order, status: OrderStatus, events: list[Event], *, time_us: int
) -> None:
    """End the other open orders of an order's list."""
    for leg in others_of(market, order):
        end_open(market, leg, status, "list", events, time_us=time_us)


def claim(market: Market, order: Order, events: list[Event], *, time_us: int) -> None:
    """Let an order whose turn has come be the one that is to trade, with funds of its own."""
    end_legs(market, order, "expired", events, time_us=time_us)
    shift_hold(order, need_of(market, order), events)


def shift_hold(order: Order, units: int, events: list[Event]) -> None:
    """Let an order hold so much, if it holds another amount."""
    more_units = units - order.hold_units
    if more_units:
        order.hold_units = units
        events.append(OrderShifted(order, more_units))


def has_others(market: Market, order: Order) -> bool:
    """Tell whether another order of an order's list is open."""
    return order.terms.conditions.leg is not None and bool(others_of(market, order))


def others_of(market: Market, order: Order) -> list[Order]:
    """Return the other open orders of an order's list, by age; of no list there is none."""
    legs = market.lists.get(order.terms.conditions.list_id, {})
    return [legs[order_id] for order_id in sorted(legs) if legs[order_id] is not order]


def _concerned(event: Event) -> tuple[Order, ...]:
    """Return the orders that an event is of, where it may be one of a list's turns."""
    if type(event) is Traded or (type(event) is Prevented and event.mode in LOSING_MODES):
        return event.maker, event.taker
    return (event.order,) if type(event) is OrderClosed else ()


def _take_in(
    market: Market, order: Order, event: Event, events: list[Event], *, time_us: int
) -> None:
    if isinstance(event, OrderClosed):
        if order.reason != "list":  # none that is filled: those by quote amount are in no list
            status: OrderStatus = "cancelled" if order.status == "cancelled" else "expired"
            end_legs(market, order, status, events, time_us=time_us)
        return
    others = others_of(market, order)
    if order.terms.conditions.leg != "working":
        # Where the others have ended just before, as a market was closed, it still holds for them.
        end_legs(market, order, "expired", events, time_us=time_us)
        market.keep_order(order)
        is_open = order.status in OPEN_STATUSES
        shift_hold(order, need_of(market, order) if is_open else 0, events)
    elif others and isinstance(event, Traded):
        _take_in_fill(market, order, others, event, events, time_us=time_us)


def _take_in_fill(
    market: Market,
    order: Order,
    others: list[Order],
    trade: Traded,
    events: list[Event],
    *,
    time_us: int,
) -> None:
    """Hold what a working order brings for those that follow it; let them go when it is full."""
    if others[0].terms.side != order.terms.side:
        _set_aside(market, holder_of(others), others, _brought(order, trade), events)
    left_lots = trade.maker_left_lots if order is trade.maker else trade.taker_left_lots
    if not left_lots:
        _release(market, others, events, time_us=time_us)


def _brought(order: Order, trade: Traded) -> int:
    """Return what a fill brought to an order's account."""
    if order.terms.side == "buy":
        return trade.base_units - trade.buyer_fee_units
    return trade.quote_units - trade.seller_fee_units


def _set_aside(
    market: Market, holder: Order, legs: Sequence[Order], units: int, events: list[Event]
) -> None:
    """Hold of what was brought what the orders that follow still lack."""
    market.keep_order(holder)
    needed_units = dearest_need(market, legs)
    shift_hold(holder, min(needed_units, holder.hold_units + units), events)


def _release(market: Market, legs: list[Order], events: list[Event], *, time_us: int) -> None:
    """Let orders follow one that is filled, for as much as is held for them."""
    holder = holder_of(legs)
    lot_units = max(_lot_units(market, leg) for leg in legs)
    lots = min(holder.hold_units // lot_units, holder.quantity_lots or 0)
    if not lots:
        for leg in legs:
            end_open(market, leg, "expired", "list", events, time_us=time_us)
        return
    for leg in legs:
        market.keep_order(leg)
        if lots != leg.quantity_lots:
            lots_before, trigger_ticks = leg.quantity_lots, leg.terms.conditions.trigger_ticks
            leg.quantity_lots = leg.remaining_lots = lots
            events.append(
                OrderAmended(leg, 0, lots, 0, 0, leg.price_ticks, lots_before, trigger_ticks)
            )
        leg.updated_us = time_us
    shift_hold(holder, lots * lot_units, events)
    for leg in legs:
        _let_go(market, leg, events)


def _lot_units(market: Market, leg: Order) -> int:
    ticks = leg.terms.conditions.protection_ticks if leg.price_ticks is None else leg.price_ticks
    return hold_units(market.rules, leg.terms.side, ticks or 0, 1)


def _let_go(market: Market, leg: Order, events: list[Event]) -> None:
    """Let an order wait for its price, or for its turn where it has none or that is reached."""
    conditions = leg.terms.conditions
    if conditions.trigger is None:
        market.triggers.queue_up(leg)
        return
    price_ticks = market.price_of(reference_of(leg.terms))
    rises = fires_rising(leg.terms)
    if conditions.trails:
        awaited_ticks = conditions.activation_ticks
        if awaited_ticks is not None and price_ticks is not None and price_ticks != awaited_ticks:
            leg.trigger_state = "rising" if price_ticks < awaited_ticks else "falling"
        else:
            leg.trigger_state = "trailing"
    elif is_reached(price_ticks, conditions.trigger_ticks, rises=rises):
        market.triggers.queue_up(leg)
        return
    else:
        leg.trigger_state = "rising" if rises else "falling"
    market.triggers.begin(leg, events)
    events.append(OrderShifted(leg))


def check_holds(market: Market) -> None:
    """Check freshly loaded lists. Raises EngineError where one does not hold what it needs."""
    for list_id in sorted(market.lists):
        legs = [leg for _, leg in sorted(market.lists[list_id].items())]
        held_units = {leg.order_id: leg.hold_units for leg in legs}
        working = [leg for leg in legs if leg.terms.conditions.leg == "working"]
        for leg in working:
            if held_units.pop(leg.order_id) != need_of(market, leg):
                raise EngineError(f"order {leg.order_id} does not hold what it needs")
        others = [leg for leg in legs if leg not in working]
        if not others:
            continue
        held = held_units.pop(holder_of(others).order_id)
        needed = dearest_need(market, others)
        follows = bool(working) and working[0].terms.side != others[0].terms.side
        if any(held_units.values()) or not (0 <= held <= needed if follows else held == needed):
            raise EngineError(f"list {list_id} does not hold what it needs")
