"""What happened, in order: each event carries the figures right after its own step.

An event names its live ``Order`` for what no later step of its command changes (ids and terms;
price and quantity, which only an amendment changes, before anything trades); every other figure
stands in the event itself. Figures and words as in ``matching.engine.orders``.
"""

from typing import TYPE_CHECKING, Literal

import msgspec

from matching.engine.orders import Order, OrderStatus, SelfTradeMode, Side
from matching.engine.rules import MarketPhase, Protection, Reference

if TYPE_CHECKING:
    from matching.engine.market import Market

# Why an order was refused: nothing was written.
RejectReason = Literal[
    "insufficient_balance",
    "market_not_found",
    "market_halted",
    "market_post_only",
    "market_auction",
    "post_only_would_cross",
    "price_out_of_range",
    "price_band",
    "quantity_out_of_range",
    "notional_too_small",
    "notional_too_large",
    "duplicate_client_order_id",
    "too_many_open_orders",
    "order_not_open",
    "cancel_restricted",
    "order_not_found",
    "nothing_to_amend",
    "rules_not_changeable",
    "self_trade_mode",
    "expiry_passed",
    "display_quantity",
    "would_trigger_at_once",
    "no_reference_price",
    "trail_out_of_range",
    "too_many_trigger_orders",
    "not_triggerable",
    "list_not_possible",
    "too_many_order_lists",
    "order_in_list",
    "phase_not_possible",
    "market_delisted",
    "protection",
]


class OrderPlaced(msgspec.Struct, frozen=True, gc=False):
    """Accepted: ``hold_units`` moved from available to locked of the asset it pays with."""

    order: Order
    hold_units: int


class OrderRejected(msgspec.Struct, frozen=True, gc=False):
    """Refused whole: nothing changed. ``message`` is for the client, text-safe."""

    reason: RejectReason
    message: str


class Replaced(msgspec.Struct, frozen=True, gc=False):
    """Of a cancel and a new order at least one took effect: what became of both follows.

    What of them was refused changed nothing; None: it was not.
    """

    cancel_refused: OrderRejected | None
    place_refused: OrderRejected | None


class Traded(msgspec.Struct, gc=False):
    """One match at the maker's price.

    ``sequence`` is the market's gapless trade number, ``run_sequence`` that of the first trade of
    this taker at this price. ``buyer_hold_units`` is how much of the buyer's hold the fill used up:
    ``quote_units`` of it is paid, the rest returns to available. The seller's hold shrinks by
    ``base_units``. Fees are in what each side receives: the buyer's in base, the seller's in quote.
    A maker of a negative rate pays none and gets ``rebate_units`` of the taker's fee, in its asset.
    ``maker_...`` and ``taker_...`` are what both orders have filled and left right after this
    trade. Written by the engine alone: the last fill of a taker learns what becomes of it
    (``taker_status``). In an auction (``is_auction``) nobody makes or takes: the younger order is
    called the taker, and both pay the rate of auctions.
    """

    sequence: int
    run_sequence: int
    maker: Order
    taker: Order
    price_ticks: int
    quantity_lots: int
    base_units: int
    quote_units: int
    buyer_hold_units: int
    buyer_fee_units: int
    seller_fee_units: int
    maker_filled_lots: int
    maker_filled_quote_units: int
    maker_left_lots: int
    taker_filled_lots: int
    taker_filled_quote_units: int
    taker_left_lots: int
    taker_status: OrderStatus
    rebate_units: int = 0
    is_auction: bool = False


class Prevented(msgspec.Struct, frozen=True, gc=False):
    """Two orders of one owner met and did not trade.

    ``quantity_lots`` at ``price_ticks`` is what they would have traded. With ``decrement`` and
    ``transfer`` both lost that much, and ``..._released_units`` went from locked back to available;
    with the other modes an OrderClosed follows for each that ends. ``..._left_lots`` as in Traded.
    With ``transfer`` the buying account then gave the other one ``quote_units`` for ``base_units``.
    """

    mode: SelfTradeMode
    maker: Order
    taker: Order
    price_ticks: int
    quantity_lots: int
    maker_left_lots: int
    taker_left_lots: int
    maker_released_units: int = 0
    taker_released_units: int = 0
    base_units: int = 0
    quote_units: int = 0


class OrderTriggered(msgspec.Struct, frozen=True, gc=False):
    """The price that the order waited for was reached: it enters the market as a taker.

    ``released_units`` of what it held as a market order are not needed as the book stands now.
    """

    order: Order
    released_units: int


class OrderShifted(msgspec.Struct, frozen=True, gc=False):
    """The order's place or hold is another, and nothing else: to be stored, and not to be told.

    A new slice of an iceberg stands behind its level; an order trails from here on, or its price
    was reached and its turn is to come. ``hold_units`` more (or, negative, fewer) are locked for an
    order of a list than before.
    """

    order: Order
    hold_units: int = 0


class ListDone(msgspec.Struct, frozen=True, gc=False):
    """No order of a list is open any more."""

    market_id: int
    account_id: int
    list_id: int


class TrailMoved(msgspec.Struct, frozen=True, gc=False):
    """From where orders trail that began to with ``number`` or later, up to the next such number.

    ``reference``: the price that they look at, ``rises``: whether they wait for it to rise above
    its lowest, else to fall below its highest; ``price_ticks`` is that. None: nobody trails there.
    """

    market_id: int
    reference: Reference
    rises: bool
    number: int
    price_ticks: int | None


class OrderAmended(msgspec.Struct, frozen=True, gc=False):
    """The order's new figures; ``hold_units`` more (or, negative, fewer) are locked than before.

    ``..._before``: what it asked for until then; its own price, quantity and terms are the new
    ones.
    """

    order: Order
    hold_units: int
    remaining_lots: int
    filled_lots: int
    filled_quote_units: int
    price_ticks_before: int | None
    quantity_lots_before: int | None
    trigger_ticks_before: int | None


class OrderClosed(msgspec.Struct, frozen=True, gc=False):
    """The order left the market; ``released_units`` moved from locked back to available.

    Nothing changes a closed order: its own figures are those after this step.
    """

    order: Order
    released_units: int


class ProtectionChanged(msgspec.Struct, frozen=True, gc=False):
    """What protects an account's quotes, and what was counted; None: nothing protects them."""

    market_id: int
    account_id: int
    protection: Protection | None


class DepthChanged(msgspec.Struct, frozen=True, gc=False):
    """The whole quantity at a price after the command; 0 removes the level. +1 per change."""

    market_id: int
    sequence: int
    side: Side
    price_ticks: int
    quantity_lots: int


class MarketChanged(msgspec.Struct, frozen=True, gc=False):
    """Rules or phase of a market changed.

    ``auction_ends_us``: when an auction ends by itself; None: it does not, or there is none.
    """

    market_id: int
    phase: MarketPhase
    auction_ends_us: int | None = None


class MarketReleased(msgspec.Struct, frozen=True):
    """A market was let go with its open orders: nothing changes them any more.

    ``state_hash``: of it alone.
    """

    market: "Market"
    orders: list[Order]
    state_hash: str


class SwitchSet(msgspec.Struct, frozen=True, gc=False):
    """When everything of an account is to be cancelled; ``due_us`` None: not any more."""

    account_id: int
    key_id: int
    due_us: int | None


Event = (
    OrderPlaced
    | OrderRejected
    | Replaced
    | Traded
    | Prevented
    | OrderTriggered
    | OrderShifted
    | ListDone
    | ProtectionChanged
    | TrailMoved
    | OrderAmended
    | OrderClosed
    | DepthChanged
    | MarketChanged
    | MarketReleased
    | SwitchSet
)
