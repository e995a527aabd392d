"""Placing an order: refuse it whole, or accept it, match it and rest or close what is left."""

from matching.engine import checks, costing
from matching.engine.errors import EngineError
from matching.engine.market import Market
from matching.engine.taking import close, end_taking, take
from matching.engine.types import Event, Order, OrderPlaced, OrderRejected, Place


def place(market: Market, command: Place) -> list[Event]:
    """Apply ``command``. The order of the checks decides which reason a refusal names.

    Raises EngineError where the order id is in use.
    """
    refused = _check(market, command)
    if refused is not None:
        return [refused]
    hold_units = _hold_units(market, command)
    if hold_units > command.available_units:
        return [checks.BALANCE]
    if market.order(command.order_id) is not None:
        raise EngineError(f"order id {command.order_id} is in use")
    order = _new_order(command, hold_units)
    market.keep(new_order=order)
    events: list[Event] = [OrderPlaced(order, hold_units)]
    price_ticks = command.price_ticks
    time_in_force = command.time_in_force
    if time_in_force == "fok" and not _can_fill(market, command):
        close(order, "expired", "fok_unfillable", events)
    elif (
        price_ticks is not None
        and time_in_force == "gtc"
        and not market.would_cross(command.side, price_ticks)
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
    refused = _check_rules(market, command) or _check_own(market, command, leaving=leaving)
    if refused is not None:
        return refused
    if command.order_type == "market" and (command.side == "buy") == (
        command.quantity_lots is not None
    ):
        return None  # what it needs depends on the book
    return checks.BALANCE if _hold_units(market, command) > command.available_units else None


def _check(market: Market, command: Place) -> OrderRejected | None:
    """Check everything but the funds."""
    refused = _check_rules(market, command) or _check_own(market, command)
    if refused is not None:
        return refused
    return _check_post_only(market, command) if command.post_only else None


def _check_rules(market: Market, command: Place) -> OrderRejected | None:
    """Check phase and figures."""
    if market.phase != "continuous":
        refused = check_phase(market, is_post_only=command.post_only)
        if refused is not None:
            return refused
    if command.order_type == "limit":
        if command.budget_units is not None:
            return checks.QUANTITY
        refused = checks.check_limit_order(
            market, command.price_ticks, command.quantity_lots, is_new_price=True
        )
    else:
        refused = checks.check_market_order(
            market, command.price_ticks, command.quantity_lots, command.budget_units
        )
    if refused is not None:
        return refused
    if command.budget_units is not None and command.time_in_force == "fok":
        return checks.QUANTITY  # fill-or-kill needs a quantity to fill
    return None


def _check_own(
    market: Market, command: Place, leaving: Order | None = None
) -> OrderRejected | None:
    """Check name and number of the account's other open orders, ``leaving`` aside."""
    if command.client_order_id is not None:
        named = market.order_by_client_id(command.account_id, command.client_order_id)
        if named is not None and named is not leaving:
            return checks.DUPLICATE
    open_max = market.rules.max_open_orders
    if (
        open_max is not None
        and command.time_in_force == "gtc"
        and command.price_ticks is not None
        and market.count_of(command.account_id) - (leaving is not None) >= open_max
    ):
        return checks.TOO_MANY
    return None


def _check_post_only(market: Market, command: Place) -> OrderRejected | None:
    if command.price_ticks is None or command.time_in_force != "gtc":
        return checks.CANNOT_REST
    if market.would_cross(command.side, command.price_ticks):
        return checks.WOULD_CROSS
    return None


def _hold_units(market: Market, command: Place) -> int:
    """Return what must be locked: quote units for a buy, base units for a sell."""
    rules = market.rules
    quantity_lots = command.quantity_lots
    if command.side == "buy":
        if command.price_ticks is not None and quantity_lots is not None:
            return command.price_ticks * quantity_lots * rules.tick_lot_units
        if quantity_lots is not None:
            return costing.cost_units(
                market,
                account_id=command.account_id,
                owner_id=command.owner_id,
                quantity_lots=quantity_lots,
            )
        return command.budget_units or 0
    if quantity_lots is None:
        quantity_lots = costing.lots_to_sell(
            market,
            account_id=command.account_id,
            owner_id=command.owner_id,
            budget_units=command.budget_units or 0,
        )
    return quantity_lots * rules.lot_units


def _can_fill(market: Market, command: Place) -> bool:
    return costing.can_fill(
        market,
        side=command.side,
        account_id=command.account_id,
        owner_id=command.owner_id,
        limit_ticks=command.price_ticks,
        quantity_lots=command.quantity_lots or 0,
    )


def _new_order(command: Place, hold_units: int) -> Order:
    is_market = command.order_type == "market"
    return Order(
        command.order_id,
        command.account_id,
        command.market_id,
        command.client_order_id,
        command.side,
        command.order_type,
        # A market order never rests, whatever it was called.
        "ioc" if is_market and command.time_in_force == "gtc" else command.time_in_force,
        command.post_only,
        command.price_ticks,
        command.quantity_lots,
        command.budget_units,
        command.quantity_lots or 0,  # remaining
        0,  # filled
        0,  # amount of the fills
        hold_units,
        command.maker_ppm,
        command.taker_ppm,
        command.order_id,  # priority
        "new",
        "",
        command.time_us,
        command.time_us,
        command.owner_id,
    )
