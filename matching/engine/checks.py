"""The refusals, and the limits of a market's rules that an order must keep.

A refusal is an ordinary outcome: an event, made once here, that says nothing has changed.
"""

from typing import Final

from matching.engine.events import OrderRejected
from matching.engine.market import Market

BALANCE: Final = OrderRejected("insufficient_balance", "The available balance is too small.")
NO_MARKET: Final = OrderRejected("market_not_found", "There is no such market.")
HALTED: Final = OrderRejected("market_halted", "The market takes no orders now.")
DELISTED: Final = OrderRejected(
    "market_delisted", "The market was delisted: it has ended for good."
)
POST_ONLY_PHASE: Final = OrderRejected(
    "market_post_only", "The market takes only post-only limit orders now."
)
AUCTION_PHASE: Final = OrderRejected(
    "market_auction",
    "The market holds an auction: it takes limit orders that may rest, and orders that wait.",
)
PHASE: Final = OrderRejected("phase_not_possible", "The market's phase cannot be changed so.")
WOULD_CROSS: Final = OrderRejected(
    "post_only_would_cross", "The post-only order would trade at once."
)
CANNOT_REST: Final = OrderRejected(
    "post_only_would_cross", "A post-only order must be a good-till-cancelled limit order."
)
PRICE: Final = OrderRejected("price_out_of_range", "The price is outside the market's range.")
BAND: Final = OrderRejected("price_band", "The price is too far from the last price.")
QUANTITY: Final = OrderRejected(
    "quantity_out_of_range", "The quantity is outside the market's range."
)
NOTIONAL_SMALL: Final = OrderRejected(
    "notional_too_small", "The order's amount is below the market's minimum."
)
NOTIONAL_LARGE: Final = OrderRejected(
    "notional_too_large", "The order's amount is above the market's maximum."
)
DUPLICATE: Final = OrderRejected(
    "duplicate_client_order_id", "An open order of the account has this client order id."
)
TOO_MANY: Final = OrderRejected(
    "too_many_open_orders", "The account has as many open orders in this market as it may have."
)
NOT_OPEN: Final = OrderRejected("order_not_open", "There is no such open order.")
RESTRICTED: Final = OrderRejected(
    "cancel_restricted", "The order has another status than the one it is to be cancelled in."
)
NOTHING_TO_AMEND: Final = OrderRejected(
    "nothing_to_amend", "The order has that price and quantity already."
)
TOTAL_FILLED: Final = OrderRejected(
    "quantity_out_of_range", "The order is already filled up to that quantity."
)
RULES: Final = OrderRejected(
    "rules_not_changeable", "Tick and lot change only while the market is halted and empty."
)
SELF_TRADE_MODE: Final = OrderRejected(
    "self_trade_mode", "The market does not allow this mode of self-trade prevention."
)
EXPIRY: Final = OrderRejected("expiry_passed", "The order's time in force is over already.")
DISPLAY: Final = OrderRejected(
    "display_quantity", "The order would fall into more parts than the market allows."
)
AT_ONCE: Final = OrderRejected(
    "would_trigger_at_once", "The price that the order would wait for is reached already."
)
NO_REFERENCE: Final = OrderRejected(
    "no_reference_price", "There is no price yet from which the order could trail."
)
TRAIL: Final = OrderRejected("trail_out_of_range", "The trail is outside the market's range.")
TOO_MANY_TRIGGERS: Final = OrderRejected(
    "too_many_trigger_orders",
    "The account has as many orders waiting for a price in this market as it may have.",
)
NOT_TRIGGERABLE: Final = OrderRejected(
    "not_triggerable", "Such an order cannot wait for a price, or has none to change."
)
LIST: Final = OrderRejected(
    "list_not_possible",
    "The orders of a list must be of one quantity each side, in one market, and fit each other.",
)
TOO_MANY_LISTS: Final = OrderRejected(
    "too_many_order_lists",
    "The account has as many lists of orders open in this market as it may have.",
)
NO_WORST_PRICE: Final = OrderRejected(
    "list_not_possible", "A market order to buy that follows another needs a protection price."
)
IN_LIST: Final = OrderRejected("order_in_list", "An order of a list is cancelled, not amended.")
PROTECTED: Final = OrderRejected(
    "protection", "The account's market-maker protection has ended its quotes: reset it first."
)
BAD_RULES: Final = OrderRejected("rules_not_changeable", "The rules contradict themselves.")


def check_limit_order(
    market: Market,
    price_ticks: int | None,
    quantity_lots: int | None,
    units: int,
    reference_ticks: int | None,
) -> OrderRejected | None:
    """Check price, quantity, amount and the band about a reference (None: none); in this order.

    ``units``: what the quantity costs at the price, where there are both.
    """
    rules = market.rules
    if price_ticks is None or not 0 < price_ticks <= rules.max_price_ticks:
        return PRICE
    if quantity_lots is None or not 0 < quantity_lots <= rules.max_quantity_lots:
        return QUANTITY
    if units < rules.min_notional_units:
        return NOTIONAL_SMALL
    if units > rules.max_notional_units:
        return NOTIONAL_LARGE
    if rules.band_ppm is None or reference_ticks is None:
        return None
    # Compared crosswise, so that nothing is divided and nothing rounded.
    if abs(price_ticks - reference_ticks) * 1_000_000 > rules.band_ppm * reference_ticks:
        return BAND
    return None


def check_market_order(
    market: Market,
    price_ticks: int | None,
    quantity_lots: int | None,
    budget_units: int | None,
) -> OrderRejected | None:
    """Check a market order: by quantity its lots, by quote amount its budget."""
    rules = market.rules
    if price_ticks is not None:
        return PRICE
    if budget_units is None:
        if quantity_lots is None or not 0 < quantity_lots <= rules.max_quantity_lots:
            return QUANTITY
        return None
    if quantity_lots is not None:
        return QUANTITY
    if budget_units < max(1, rules.min_notional_units):
        return NOTIONAL_SMALL
    if budget_units > rules.max_notional_units:
        return NOTIONAL_LARGE
    return None
