"""Placing an order: refuse it whole, or accept it, match it and rest or close what is left."""

from matching.engine import checks, costing
from matching.engine.amounts import hold_units, notional_units
from matching.engine.closing import close
from matching.engine.commands import Place
from matching.engine.conditions import settle, waiting_hold_units, waiting_state
from matching.engine.errors import EngineError
from matching.engine.events import Event, OrderPlaced, OrderRejected
from matching.engine.firing import follow
from matching.engine.market import Market
from matching.engine.orders import UNCONDITIONAL, Order, TriggerState
from matching.engine.phases import check_phase
from matching.engine.taking import end_taking, take


def place(market: Market, command: Place, *, is_alone: bool = True) -> list[Event]:
    """Apply ``command``. The order of the checks decides which reason a refusal names.

    ``is_alone``: nothing else was changed by the same command. Raises EngineError where the order
    id is in use.
    """
    refused = _check_rules(market, command) or _check_own(market, command)
    if refused is not None:
        return [refused]
    terms = command.terms
    if terms.conditions is not UNCONDITIONAL or terms.ends_in_time:
        settled = settle(market, command)
        if isinstance(settled, OrderRejected):
            return [settled]
        command = settled
        if terms.conditions.trigger is not None:
            return _let_wait(market, command)
    if terms.post_only:
        refused = _check_post_only(market, command)
        if refused is not None:
            return [refused]
    held_units = needed_units(market, command)
    if held_units > command.available_units:
        return [checks.BALANCE]
    order = new_order(market, command, held_units)
    events: list[Event] = [OrderPlaced(order, held_units)]
    enter(market, order, events, time_us=command.time_us, is_alone=is_alone)
    return events


def accept(market: Market, command: Place, *, ahead: int) -> Place | OrderRejected:
    """Return an order of a list as it is accepted, but for its funds.

    ``ahead``: how many orders of the list come before it.
    """
    refused = _check_rules(market, command) or _check_own(market, command, ahead=ahead)
    if refused is not None:
        return refused
    settled = settle(market, command)
    if isinstance(settled, OrderRejected) or settled.terms.conditions.leg == "pending":
        return settled
    if settled.terms.conditions.trigger is not None:
        state = waiting_state(market, settled)
        return state if isinstance(state, OrderRejected) else settled
    if settled.terms.post_only:
        return _check_post_only(market, settled) or settled
    return settled


def enter(
    market: Market, order: Order, events: list[Event], *, time_us: int, is_alone: bool = True
) -> None:
    """Let a new order rest or take, and then those whose price that reaches."""
    terms, price_ticks = order.terms, order.price_ticks
    if terms.is_whole_or_nothing and not costing.can_fill(
        market, costing.taker_of(market, order), order.quantity_lots or 0
    ):
        close(order, "expired", "fok_unfillable", events)
    elif (
        price_ticks is not None
        and terms.may_rest
        and (market.phase == "auction" or not market.would_cross(terms.side, price_ticks))
    ):
        if is_alone and not market.triggers.count:  # what most orders do
            market.tell_depth(market.rest(order), events)
            return
        market.touch_level_of(order)
        market.rest(order)
    else:
        end_taking(market, order, take(market, order, events, time_us=time_us), events)
    if market.triggers.count or market.lists or market.protections:
        follow(market, events, time_us=time_us)
    market.tell_touched(events)


def _let_wait(market: Market, command: Place) -> list[Event]:
    """Accept an order that waits for a price."""
    state = waiting_state(market, command)
    if isinstance(state, OrderRejected):
        return [state]
    held_units = waiting_hold_units(
        market.rules, command.terms, command.price_ticks, command.quantity_lots or 0
    )
    if held_units > command.available_units:
        return [checks.BALANCE]
    order = new_order(market, command, held_units)
    events: list[Event] = [OrderPlaced(order, held_units)]
    wait(market, order, state, events)
    return events


def wait(market: Market, order: Order, state: TriggerState, events: list[Event]) -> None:
    """Let a new order wait."""
    order.trigger_state = state
    market.triggers.add(order, events)
    market.wait(order)


def _check_rules(market: Market, command: Place) -> OrderRejected | None:
    """Check phase and figures."""
    terms = command.terms
    if market.phase != "continuous":
        refused = check_phase(market, terms)
        if refused is not None:
            return refused
    if market.protections and market.protections.is_tripped(command.account_id):
        return checks.PROTECTED
    if terms.order_type == "limit":
        if terms.budget_units is not None:
            return checks.QUANTITY
        price_ticks, quantity_lots, units = command.price_ticks, command.quantity_lots, 0
        if price_ticks is not None and quantity_lots is not None:
            units = notional_units(market.rules, price_ticks, quantity_lots)
        conditions = terms.conditions
        # A price that is to be reached is what the limit is about; one that trails is not known.
        reference_ticks = (
            market.last_price_ticks if conditions.trigger is None else conditions.trigger_ticks
        )
        refused = checks.check_limit_order(
            market, price_ticks, quantity_lots, units, reference_ticks
        )
    else:
        refused = checks.check_market_order(
            market, command.price_ticks, command.quantity_lots, terms.budget_units
        )
    if refused is not None:
        return refused
    if terms.budget_units is not None and terms.is_whole_or_nothing:
        return checks.QUANTITY  # fill-or-kill needs a quantity to fill
    return None


def _check_own(market: Market, command: Place, *, ahead: int = 0) -> OrderRejected | None:
    """Check name and number of the account's other open orders.

    ``ahead``: so many more of the same list are about to be there.
    """
    client_order_id = command.terms.client_order_id
    if client_order_id is not None and (command.account_id, client_order_id) in market.by_client_id:
        return checks.DUPLICATE
    open_max = market.rules.max_open_orders
    if (
        open_max is not None
        and market.count_of(command.account_id) + ahead >= open_max
        and (command.terms.may_rest or command.terms.conditions.trigger is not None)
    ):
        return checks.TOO_MANY
    return None


def _check_post_only(market: Market, command: Place) -> OrderRejected | None:
    if command.price_ticks is None or not command.terms.may_rest:
        return checks.CANNOT_REST
    if market.would_cross(command.terms.side, command.price_ticks):
        return checks.WOULD_CROSS
    return None


def needed_units(market: Market, command: Place) -> int:
    """Return what must be locked: quote units for a buy, base units for a sell."""
    terms, quantity_lots = command.terms, command.quantity_lots
    if command.price_ticks is not None and quantity_lots is not None:
        return hold_units(market.rules, terms.side, command.price_ticks, quantity_lots)
    budget_units = terms.budget_units or 0
    if terms.side == "buy":
        if quantity_lots is None:
            return budget_units
        return costing.cost_units(market, _taker(market, command), quantity_lots)
    if quantity_lots is None:
        quantity_lots = costing.lots_to_sell(market, _taker(market, command), budget_units)
    return quantity_lots * market.rules.lot_units


def _taker(market: Market, command: Place) -> costing.Taker:
    return costing.taker(
        market,
        command.terms,
        account_id=command.account_id,
        owner_id=command.owner_id,
        price_ticks=command.price_ticks,
    )


def new_order(market: Market, command: Place, held_units: int) -> Order:
    """Return the order, of which the undo log knows. Raises EngineError: its id is in use."""
    if command.order_id in market.by_id:
        raise EngineError(f"order id {command.order_id} is in use")
    terms = command.terms
    order = Order(
        command.order_id,
        command.account_id,
        command.market_id,
        terms.as_taker() if terms.order_type == "market" else terms,
        command.price_ticks,
        command.quantity_lots,
        command.quantity_lots or 0,  # remaining
        0,  # filled
        0,  # amount of the fills
        held_units,
        command.maker_ppm,
        command.taker_ppm,
        command.order_id,  # priority
        "new",
        "",
        command.time_us,
        command.time_us,
        command.owner_id,
    )
    market.keep(new_order=order)
    return order
