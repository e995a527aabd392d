"""What an order's conditions come to in its market: refused, or settled for as long as it lives."""

from typing import Final

from msgspec.structs import replace

from matching.engine import bounds, checks
from matching.engine.amounts import hold_units
from matching.engine.commands import Place
from matching.engine.events import OrderRejected
from matching.engine.market import Market
from matching.engine.orders import Conditions, OrderTerms, TriggerState
from matching.engine.rules import IntegerRules
from matching.engine.triggers import fires_rising, reference_of

DAY_US: Final = 86_400_000_000


def settle(market: Market, command: Place) -> Place | OrderRejected:
    """Return the command as it is accepted: with the day's end, and the price that it slides to.

    A market order to buy that waits gets the price up to which it holds funds.
    """
    conditions = command.terms.conditions
    refused = _check(market, command, conditions)
    if refused is not None:
        return refused
    changes: dict[str, int] = {}
    if command.terms.ends_with_day:
        changes["expires_us"] = (command.time_us // DAY_US + 1) * DAY_US
    if conditions.trigger is not None or conditions.leg == "pending":
        if _holds_up_to_protection(command):
            protection_ticks = _protection_ticks(market, command)
            if protection_ticks is None:
                return checks.NO_REFERENCE if conditions.trails else checks.NO_WORST_PRICE
            changes["protection_ticks"] = protection_ticks
    elif conditions.slides and command.terms.post_only and command.price_ticks is not None:
        price_ticks = bounds.slid_ticks(market, command.terms.side, command.price_ticks)
        if price_ticks is None:
            return checks.WOULD_CROSS
        command = replace(command, price_ticks=price_ticks)
    if not changes:
        return command
    terms = replace(command.terms, conditions=replace(conditions, **changes))
    return replace(command, terms=terms)


def _check(market: Market, command: Place, conditions: Conditions) -> OrderRejected | None:
    rules = market.rules
    mode = conditions.self_trade
    if mode is not None and mode not in rules.self_trade_modes:
        return checks.SELF_TRADE_MODE
    expires_us = conditions.expires_us
    names_time = command.terms.ends_in_time and not command.terms.ends_with_day
    if (expires_us is None) == names_time or (
        expires_us is not None and expires_us <= command.time_us
    ):
        return checks.EXPIRY
    if conditions.display_lots is not None:
        parts_max = rules.max_iceberg_parts
        if not shows_enough(conditions.display_lots, command.quantity_lots or 0, parts_max):
            return checks.DISPLAY
    protection_ticks = conditions.protection_ticks
    if protection_ticks is not None and not 0 < protection_ticks <= rules.max_price_ticks:
        return checks.PRICE
    return _check_trigger(market, command, conditions) if conditions.trigger else None


def shows_enough(display_lots: int, quantity_lots: int, parts_max: int) -> bool:
    """Tell whether a quantity falls into few enough parts of what is shown at a time."""
    return display_lots > 0 and quantity_lots <= display_lots * parts_max


def _check_trigger(market: Market, command: Place, conditions: Conditions) -> OrderRejected | None:
    rules, terms = market.rules, command.terms
    if command.quantity_lots is None and terms.side == "sell":
        return checks.NOT_TRIGGERABLE  # how much it would sell depends on the book of then
    if terms.post_only and not terms.may_rest:
        return checks.CANNOT_REST
    for price_ticks in (conditions.trigger_ticks, conditions.activation_ticks):
        if price_ticks is not None and not 0 < price_ticks <= rules.max_price_ticks:
            return checks.PRICE
    if conditions.trails == (conditions.trigger_ticks is not None):
        return checks.NOT_TRIGGERABLE
    waiting_max = rules.max_trigger_orders
    if waiting_max is not None and market.count_waiting_of(command.account_id) >= waiting_max:
        return checks.TOO_MANY_TRIGGERS
    return _check_trail(rules, conditions) if conditions.trails else None


def _check_trail(rules: IntegerRules, conditions: Conditions) -> OrderRejected | None:
    trail_ticks, trail_bps = conditions.trail_ticks, conditions.trail_bps
    if trail_ticks is not None and trail_bps is not None:
        return checks.NOT_TRIGGERABLE
    if trail_ticks is not None and not 0 < trail_ticks <= rules.max_price_ticks:
        return checks.TRAIL
    if trail_bps is not None and not rules.min_trail_bps <= trail_bps <= rules.max_trail_bps:
        return checks.TRAIL
    return None


def waiting_state(market: Market, command: Place) -> TriggerState | OrderRejected:
    """Return how a new order waits, or why it cannot: its turn would be now, or never known."""
    conditions = command.terms.conditions
    price_ticks = market.price_of(reference_of(command.terms))
    if not conditions.trails:
        rises = fires_rising(command.terms)
        if is_reached(price_ticks, conditions.trigger_ticks, rises=rises):
            return checks.AT_ONCE
        return "rising" if rises else "falling"
    if price_ticks is None:
        return checks.NO_REFERENCE
    activation_ticks = conditions.activation_ticks
    if activation_ticks is None or activation_ticks == price_ticks:
        return "trailing"
    return "rising" if price_ticks < activation_ticks else "falling"


def is_reached(price_ticks: int | None, awaited_ticks: int | None, *, rises: bool) -> bool:
    """Tell whether a price has risen, or fallen, to the one that is waited for."""
    if price_ticks is None or awaited_ticks is None:
        return False
    return price_ticks >= awaited_ticks if rises else price_ticks <= awaited_ticks


def waiting_hold_units(
    rules: IntegerRules, terms: OrderTerms, price_ticks: int | None, quantity_lots: int
) -> int:
    """Return what an order holds while it waits, of what is left of it."""
    if terms.budget_units is not None:
        return terms.budget_units
    if price_ticks is None:
        price_ticks = terms.conditions.protection_ticks or 0
    return hold_units(rules, terms.side, price_ticks, quantity_lots)


def _holds_up_to_protection(command: Place) -> bool:
    """Tell whether an order that waits pays an amount that is not known yet."""
    return (
        command.terms.side == "buy"
        and command.price_ticks is None
        and command.quantity_lots is not None
    )


def _protection_ticks(market: Market, command: Place) -> int | None:
    """Return the worst price of a market order to buy that waits: what it holds funds for.

    By default so much above where it is known to enter, as far as that is known now; None: it is
    not known at all.
    """
    conditions = command.terms.conditions
    if conditions.protection_ticks is not None:
        return conditions.protection_ticks
    base_ticks = conditions.trigger_ticks
    if conditions.trails:
        base_ticks = conditions.activation_ticks or market.price_of(reference_of(command.terms))
        if base_ticks is not None and fires_rising(command.terms):
            base_ticks += conditions.trail_ticks or -(
                -base_ticks * (conditions.trail_bps or 0) // 10_000
            )
    if base_ticks is None:
        return None
    above_ticks = -(-base_ticks * market.rules.protection_ppm // 1_000_000)
    return min(base_ticks + above_ticks, market.rules.max_price_ticks)
