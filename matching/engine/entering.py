"""Placing an order: refuse it whole, or accept it, match it and rest or close what is left."""

from matching.engine import checks, costing
from matching.engine.amounts import notional_units
from matching.engine.commands import Place
from matching.engine.errors import EngineError
from matching.engine.events import Event, OrderPlaced, OrderRejected
from matching.engine.market import Market
from matching.engine.orders import Order
from matching.engine.taking import close, end_taking, take


def place(market: Market, command: Place) -> list[Event]:
    """Apply ``command``. The order of the checks decides which reason a refusal names.

    Raises EngineError where the order id is in use.
    """
    terms, price_ticks, quantity_lots = command.terms, command.price_ticks, command.quantity_lots
    units = 0
    if price_ticks is not None and quantity_lots is not None:
        units = notional_units(market.rules, price_ticks, quantity_lots)
    refused = _check_rules(market, command, units) or _check_own(market, command)
    if refused is None and terms.post_only:
        refused = _check_post_only(market, command)
    if refused is not None:
        return [refused]
    held_units = _hold_units(market, command, units)
    if held_units > command.available_units:
        return [checks.BALANCE]
    if command.order_id in market.by_id:
        raise EngineError(f"order id {command.order_id} is in use")
    order = _new_order(command, held_units)
    market.keep(new_order=order)
    events: list[Event] = [OrderPlaced(order, held_units)]
    time_in_force = terms.time_in_force
    if time_in_force == "fok" and not _can_fill(market, command):
        close(order, "expired", "fok_unfillable", events)
    elif (
        price_ticks is not None
        and time_in_force == "gtc"
        and not market.would_cross(terms.side, price_ticks)
    ):
        market.tell_depth(market.rest(order), events)  # what most orders do
    else:
        stop = take(market, order, events, time_us=command.time_us)
        end_taking(market, order, stop, events)
        market.tell_touched(events)
    return events


def check_phase(market: Market, *, is_post_only: bool) -> OrderRejected | None:
    """Check that the market's phase lets such an order in."""
    if market.phase == "continuous":
        return None
    if market.phase == "post_only":
        return None if is_post_only else checks.POST_ONLY_PHASE
    return checks.HALTED


def refusal_before(market: Market, command: Place, *, leaving: Order) -> OrderRejected | None:
    """Return why ``command`` would be refused once ``leaving`` is cancelled, None: nothing says so.

    ``command.available_units`` counts in what ``leaving`` sets free. What the other orders of the
    book decide (a post-only order that would take, what a market order costs) is left to ``place``.
    """
    terms, units = command.terms, 0
    if command.price_ticks is not None and command.quantity_lots is not None:
        units = notional_units(market.rules, command.price_ticks, command.quantity_lots)
    refused = _check_rules(market, command, units) or _check_own(market, command, leaving=leaving)
    if refused is not None:
        return refused
    if terms.order_type == "market" and (terms.side == "buy") == (
        command.quantity_lots is not None
    ):
        return None  # what it needs depends on the book
    return checks.BALANCE if _hold_units(market, command, units) > command.available_units else None


def _check_rules(market: Market, command: Place, units: int) -> OrderRejected | None:
    """Check phase and figures."""
    terms = command.terms
    if market.phase != "continuous":
        refused = check_phase(market, is_post_only=terms.post_only)
        if refused is not None:
            return refused
    if terms.order_type == "limit":
        if terms.budget_units is not None:
            return checks.QUANTITY
        refused = checks.check_limit_order(
            market, command.price_ticks, command.quantity_lots, units, is_new_price=True
        )
    else:
        refused = checks.check_market_order(
            market, command.price_ticks, command.quantity_lots, terms.budget_units
        )
    if refused is not None:
        return refused
    if terms.budget_units is not None and terms.time_in_force == "fok":
        return checks.QUANTITY  # fill-or-kill needs a quantity to fill
    return None


def _check_own(
    market: Market, command: Place, leaving: Order | None = None
) -> OrderRejected | None:
    """Check name and number of the account's other open orders, ``leaving`` aside."""
    client_order_id = command.terms.client_order_id
    if client_order_id is not None:
        named = market.by_client_id.get((command.account_id, client_order_id))
        if named is not None and named is not leaving:
            return checks.DUPLICATE
    open_max = market.rules.max_open_orders
    if (
        open_max is not None
        and market.count_of(command.account_id) - (leaving is not None) >= open_max
        and command.terms.may_rest
    ):
        return checks.TOO_MANY
    return None


def _check_post_only(market: Market, command: Place) -> OrderRejected | None:
    if command.price_ticks is None or not command.terms.may_rest:
        return checks.CANNOT_REST
    if market.would_cross(command.terms.side, command.price_ticks):
        return checks.WOULD_CROSS
    return None


def _hold_units(market: Market, command: Place, units: int) -> int:
    """Return what must be locked: quote units for a buy, base units for a sell.

    ``units``: what a limit order costs at its price.
    """
    terms, quantity_lots = command.terms, command.quantity_lots
    if terms.side == "buy":
        if command.price_ticks is not None:
            return units
        if quantity_lots is not None:
            return costing.cost_units(
                market,
                account_id=command.account_id,
                owner_id=command.owner_id,
                quantity_lots=quantity_lots,
            )
        return terms.budget_units or 0
    if quantity_lots is None:
        quantity_lots = costing.lots_to_sell(
            market,
            account_id=command.account_id,
            owner_id=command.owner_id,
            budget_units=terms.budget_units or 0,
        )
    return quantity_lots * market.rules.lot_units


def _can_fill(market: Market, command: Place) -> bool:
    return costing.can_fill(
        market,
        side=command.terms.side,
        account_id=command.account_id,
        owner_id=command.owner_id,
        limit_ticks=command.price_ticks,
        quantity_lots=command.quantity_lots or 0,
    )


def _new_order(command: Place, held_units: int) -> Order:
    terms = command.terms
    return Order(
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
