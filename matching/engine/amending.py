"""Amending an open order: less quantity in place, anything else by leaving and entering again.

What waits for a price is amended where it waits, whatever changes.
"""

from msgspec.structs import replace

from matching.engine import checks, iceberg
from matching.engine.amounts import hold_units, notional_units
from matching.engine.commands import Amend
from matching.engine.conditions import is_reached, shows_enough, waiting_hold_units
from matching.engine.events import Event, OrderAmended, OrderRejected
from matching.engine.firing import follow
from matching.engine.lists import has_others
from matching.engine.market import Market
from matching.engine.orders import WAITING, Order, OrderTerms
from matching.engine.phases import check_phase
from matching.engine.taking import end_taking, take
from matching.engine.triggers import fires_rising, reference_of


def amend(market: Market, order: Order, command: Amend) -> list[Event]:
    """Apply ``command`` to ``order``, which is open and the account's own."""
    if has_others(market, order):
        return [checks.IN_LIST]
    if order.trigger_state in WAITING:
        return _amend_waiting(market, order, command)
    if command.trigger_ticks is not None:
        return [checks.NOT_TRIGGERABLE]
    price_ticks = order.price_ticks if command.price_ticks is None else command.price_ticks
    quantity_lots = order.quantity_lots if command.quantity_lots is None else command.quantity_lots
    refused = _check(market, order, price_ticks=price_ticks, quantity_lots=quantity_lots)
    if refused is not None:
        return [refused]
    assert price_ticks is not None  # for the type checker: an order in the book is a limit order
    assert quantity_lots is not None
    left_lots = quantity_lots - order.filled_lots - order.prevented_lots
    held_units = hold_units(market.rules, order.terms.side, price_ticks, left_lots)
    more_hold_units = held_units - order.hold_units
    if more_hold_units > command.available_units:
        return [checks.BALANCE]
    keeps_priority = price_ticks == order.price_ticks and left_lots < order.left_lots
    events: list[Event] = [_amended(order, more_hold_units, left_lots)]
    market.keep()
    market.keep_order(order)
    if keeps_priority:
        market.shrink(order, iceberg.reduce_to(order, left_lots))
    else:
        market.touch_level_of(order)
        market.unrest(order)
        order.remaining_lots, order.hidden_lots = left_lots, 0
        order.price_ticks = price_ticks
        order.priority = command.priority
    order.quantity_lots = quantity_lots
    order.hold_units = held_units
    order.updated_us = command.time_us
    if not keeps_priority and market.phase == "auction":
        market.touch_level_of(order)
        market.rest(order)
    elif not keeps_priority:
        end_taking(market, order, take(market, order, events, time_us=command.time_us), events)
    follow(market, events, time_us=command.time_us)
    market.tell_touched(events)
    return events


def _amended(order: Order, more_hold_units: int, left_lots: int) -> OrderAmended:
    """Return the event of an order that is about to be changed."""
    return OrderAmended(
        order,
        more_hold_units,
        left_lots,
        order.filled_lots,
        order.filled_quote_units,
        order.price_ticks,
        order.quantity_lots,
        order.terms.conditions.trigger_ticks,
    )


def _check(
    market: Market, order: Order, *, price_ticks: int | None, quantity_lots: int | None
) -> OrderRejected | None:
    """Check everything but the funds."""
    terms = order.terms
    refused = check_phase(market, terms)
    if refused is not None:
        return refused
    is_new_price = price_ticks != order.price_ticks
    if not is_new_price and quantity_lots == order.quantity_lots:
        return checks.NOTHING_TO_AMEND
    reference_ticks = market.last_price_ticks if is_new_price else None
    refused = _check_figures(market, price_ticks, quantity_lots, reference_ticks) or _check_total(
        market, order, quantity_lots or 0
    )
    if refused is not None:
        return refused
    if terms.post_only and price_ticks is not None and market.would_cross(terms.side, price_ticks):
        return checks.WOULD_CROSS
    return None


def _check_figures(
    market: Market,
    price_ticks: int | None,
    quantity_lots: int | None,
    reference_ticks: int | None,
) -> OrderRejected | None:
    units = notional_units(market.rules, price_ticks or 0, quantity_lots or 0)
    return checks.check_limit_order(market, price_ticks, quantity_lots, units, reference_ticks)


def _check_total(market: Market, order: Order, quantity_lots: int) -> OrderRejected | None:
    """Check that a new total leaves something, in few enough parts."""
    if quantity_lots <= order.filled_lots + order.prevented_lots:
        return checks.TOTAL_FILLED
    display_lots = order.terms.conditions.display_lots
    if display_lots is not None and not shows_enough(
        display_lots, quantity_lots, market.rules.max_iceberg_parts
    ):
        return checks.DISPLAY
    return None


# --- what waits for a price -----------------------------------------------------------------------


def _amend_waiting(market: Market, order: Order, command: Amend) -> list[Event]:
    """Change an order where it waits; of its age it loses nothing."""
    price_ticks = order.price_ticks if command.price_ticks is None else command.price_ticks
    quantity_lots = order.quantity_lots if command.quantity_lots is None else command.quantity_lots
    refused = check_phase(market, order.terms)
    terms = order.terms if refused is not None else _new_terms(market, order, command)
    if isinstance(terms, OrderRejected):
        refused = terms
    elif refused is None:
        refused = _check_waiting(market, order, terms, price_ticks, quantity_lots)
    if refused is not None:
        return [refused]
    assert isinstance(terms, OrderTerms)  # for the type checker: a refusal was returned
    held_units = waiting_hold_units(market.rules, terms, price_ticks, quantity_lots or 0)
    more_hold_units = held_units - order.hold_units
    if more_hold_units > command.available_units:
        return [checks.BALANCE]
    events: list[Event] = [_amended(order, more_hold_units, quantity_lots or 0)]
    market.keep()
    market.keep_order(order)
    market.triggers.move(order, terms)
    order.price_ticks = price_ticks
    order.quantity_lots = quantity_lots
    order.remaining_lots = quantity_lots or 0
    order.hold_units = held_units
    order.updated_us = command.time_us
    return events


def _new_terms(market: Market, order: Order, command: Amend) -> OrderTerms | OrderRejected:
    """Return an order's terms with the trigger's new price.

    The worst price of a market order moves along.
    """
    terms, trigger_ticks = order.terms, command.trigger_ticks
    if trigger_ticks is None:
        return terms
    conditions = terms.conditions
    before_ticks = conditions.trigger_ticks
    if before_ticks is None or order.trigger_state == "queued":
        return checks.NOT_TRIGGERABLE
    max_ticks = market.rules.max_price_ticks
    if not 0 < trigger_ticks <= max_ticks:
        return checks.PRICE
    reference_ticks = market.price_of(reference_of(terms))
    if is_reached(reference_ticks, trigger_ticks, rises=fires_rising(terms)):
        return checks.AT_ONCE
    conditions = replace(conditions, trigger_ticks=trigger_ticks)
    if conditions.protection_ticks is not None:
        moved_ticks = conditions.protection_ticks + trigger_ticks - before_ticks
        conditions = replace(conditions, protection_ticks=min(max(1, moved_ticks), max_ticks))
    return replace(terms, conditions=conditions)


def _check_waiting(
    market: Market,
    order: Order,
    terms: OrderTerms,
    price_ticks: int | None,
    quantity_lots: int | None,
) -> OrderRejected | None:
    if (terms, price_ticks, quantity_lots) == (order.terms, order.price_ticks, order.quantity_lots):
        return checks.NOTHING_TO_AMEND
    if terms.order_type == "market":
        refused = checks.check_market_order(market, price_ticks, quantity_lots, terms.budget_units)
    else:
        refused = _check_figures(market, price_ticks, quantity_lots, terms.conditions.trigger_ticks)
    if refused is not None or quantity_lots is None:
        return refused
    return _check_total(market, order, quantity_lots)
