"""The conditions of an order to be placed: held against each other, and as the engine has them.

What needs the book, the clock or the account's other orders is the engine's to refuse.
"""

from typing import Final

from matching import conditions as text
from matching.commands.base import Refused, fitting
from matching.engine.orders import UNCONDITIONAL, Conditions, OrderTerms
from matching.markets.terms import MarketTerms

TRAIL_BPS_MAX: Final = 9_999
_NONE_ASKED: Final = text.Conditions()


def asked_conditions(
    asked: text.Conditions | None, order: OrderTerms, terms: MarketTerms
) -> Conditions:
    """Return conditions as integers; raise Refused where one does not go with the others.

    ``order``: what the order asks for beside them.
    """
    asked = asked or _NONE_ASKED
    wrong = _wrong_kind(asked, order) or _wrong_trigger(asked)
    if wrong is not None:
        raise Refused("validation_error", wrong)
    conditions = Conditions(
        asked.self_trade,
        asked.expires_us,
        asked.slides,
        fitting("display_quantity", asked.display_quantity, terms.quantity_to_lots),
        fitting("protection_price", asked.protection_price, terms.price_to_ticks),
        asked.trigger,
        asked.trigger_by,
        fitting("trigger_price", asked.trigger_price, terms.price_to_ticks),
        fitting("trail_price", asked.trail_price, terms.price_to_ticks),
        asked.trail_bps,
        fitting("activation_price", asked.activation_price, terms.price_to_ticks),
    )
    return UNCONDITIONAL if conditions == UNCONDITIONAL else conditions


def _wrong_kind(asked: text.Conditions, order: OrderTerms) -> str | None:
    """Return what goes with another type of order alone."""
    if asked.slides and not order.post_only:
        return "slides: expected for post-only orders only"
    if asked.display_quantity is not None and not order.may_rest:
        return "display_quantity: expected for limit orders that may rest only"
    if asked.protection_price is not None and order.order_type != "market":
        return "protection_price: expected for market orders only"
    return None


def _wrong_trigger(asked: text.Conditions) -> str | None:
    distances = [asked.trail_price, asked.trail_bps]
    trails = distances.count(None) < len(distances)
    if asked.trigger is None:
        if asked.trigger_price is not None or trails or asked.activation_price is not None:
            return "trigger: expected stop or take_profit for an order that waits for a price"
        return None if asked.trigger_by == "last" else "trigger_by: expected with trigger only"
    if [*distances, asked.trigger_price].count(None) != len(distances):
        return "trigger_price: expected one of it, trail_price and trail_bps"
    if asked.activation_price is not None and not trails:
        return "activation_price: expected with trail_price or trail_bps only"
    if asked.trail_bps is not None and not 0 < asked.trail_bps <= TRAIL_BPS_MAX:
        return f"trail_bps: expected ten thousandths from 1 to {TRAIL_BPS_MAX}"
    return None
