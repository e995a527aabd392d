"""The engine's vocabulary: commands in, events out, and the orders they speak of.

Everything is exact and integral: prices in ticks, quantities in lots, amounts in an asset's
smallest units, times in microseconds since the epoch, rates in parts per million. Enumerations
are short lower-case words, the same in the engine, on the wire and in the tables.
"""

from typing import Final, Literal

import msgspec

Side = Literal["buy", "sell"]
OrderType = Literal["limit", "market"]
TimeInForce = Literal["gtc", "ioc", "fok"]
OrderStatus = Literal["new", "partially_filled", "filled", "cancelled", "expired"]
MarketPhase = Literal[
    "pre_open", "auction", "continuous", "post_only", "cancel_only", "halted", "closed"
]

OPEN_STATUSES: Final = frozenset({"new", "partially_filled"})

# Why an order was refused (nothing was written), or why its rest was closed.
RejectReason = Literal[
    "insufficient_balance",
    "market_not_found",
    "market_halted",
    "market_post_only",
    "post_only_would_cross",
    "price_out_of_range",
    "price_band",
    "quantity_out_of_range",
    "notional_too_small",
    "notional_too_large",
    "duplicate_client_order_id",
    "too_many_open_orders",
    "order_not_open",
    "order_not_found",
    "nothing_to_amend",
    "rules_not_changeable",
]
CloseReason = Literal[
    "",
    "requested",
    "self_trade",
    "ioc_unfilled",
    "fok_unfillable",
    "no_liquidity",
    "halted",
    "balance_full",
]
# Whose orders do not trade with each other: those of one owner, or only those of one account.
SelfTradeScope = Literal["owner", "account"]


class MarketRules(msgspec.Struct, frozen=True, gc=False):
    """What the engine must know of a market; all figures are integers.

    ``lot_units``: base smallest units in one lot. ``tick_lot_units``: quote smallest units that
    one lot costs at a price of one tick (tick x lot is exact in the quote's scale).
    ``band_ppm``: a limit price may differ from the last price by this much; None: no band.
    ``max_open_orders``: how many orders an account may have in the book; None: any number.
    """

    market_id: int
    base_id: int
    quote_id: int
    lot_units: int
    tick_lot_units: int
    min_notional_units: int
    max_notional_units: int
    max_price_ticks: int
    max_quantity_lots: int
    band_ppm: int | None = None
    self_trade_scope: SelfTradeScope = "owner"
    max_open_orders: int | None = None


class Order(msgspec.Struct, gc=False, eq=False):
    """An order and its current state. Mutable; only the engine writes to it.

    ``quantity_lots`` is None for a market order by quote amount; then ``budget_units`` is set and
    ``remaining_lots`` stays 0. A closed order keeps what it had remaining.
    ``hold_units`` is what is still locked for it: quote units for a buy, base units for a sell.
    ``filled_quote_units`` is the sum of the amounts of its fills. ``owner_id`` says whose account
    it is; 0: not known, the account stands for itself. Compared by identity.
    """

    order_id: int
    account_id: int
    market_id: int
    client_order_id: str | None
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    price_ticks: int | None
    quantity_lots: int | None
    budget_units: int | None
    remaining_lots: int
    filled_lots: int
    filled_quote_units: int
    hold_units: int
    maker_ppm: int
    taker_ppm: int
    priority: int
    status: OrderStatus
    reason: CloseReason
    created_us: int
    updated_us: int
    owner_id: int = 0


class MarketSnapshot(msgspec.Struct, frozen=True, gc=False):
    """All that the engine remembers of a market but its open orders, as the tables hold it."""

    rules: MarketRules
    phase: MarketPhase
    trade_sequence: int
    depth_sequence: int
    last_price_ticks: int | None


# --- commands -------------------------------------------------------------------------------


class Place(msgspec.Struct, frozen=True, gc=False):
    """Place an order. ``available_units``: what the account has of the asset it would pay with.

    ``owner_id``: whose account it is; 0: not known, or nobody's.
    """

    market_id: int
    account_id: int
    order_id: int
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    post_only: bool
    price_ticks: int | None
    quantity_lots: int | None
    budget_units: int | None
    client_order_id: str | None
    maker_ppm: int
    taker_ppm: int
    available_units: int
    time_us: int
    owner_id: int = 0


class Cancel(msgspec.Struct, frozen=True, gc=False):
    """Cancel one open order of an account. ``reason``: why; mostly because it was asked for."""

    market_id: int
    account_id: int
    order_id: int
    time_us: int
    reason: CloseReason = "requested"


class CancelAll(msgspec.Struct, frozen=True, gc=False):
    """Cancel all open orders of an account in a market, oldest first; ``side`` None: both."""

    market_id: int
    account_id: int
    side: Side | None
    time_us: int


class Amend(msgspec.Struct, frozen=True, gc=False):
    """Change price or total quantity of an open limit order. None leaves a figure as it is.

    Less quantity at the same price keeps the order's priority; anything else gives it
    ``priority`` and may trade at once. ``quantity_lots`` counts what is already filled.
    """

    market_id: int
    account_id: int
    order_id: int
    price_ticks: int | None
    quantity_lots: int | None
    priority: int
    available_units: int
    time_us: int


class ConfigureMarket(msgspec.Struct, frozen=True, gc=False):
    """Add a market, or replace the rules of one (tick and lot only when halted and empty)."""

    rules: MarketRules
    phase: MarketPhase
    time_us: int


class SetPhase(msgspec.Struct, frozen=True, gc=False):
    """Halt, resume or otherwise change the trading phase of a market."""

    market_id: int
    phase: MarketPhase
    time_us: int


Command = Place | Cancel | CancelAll | Amend | ConfigureMarket | SetPhase


# --- events ---------------------------------------------------------------------------------
# Events refer to the live Order: its fields are those after the whole command.


class OrderPlaced(msgspec.Struct, frozen=True, gc=False):
    """Accepted: ``hold_units`` moved from available to locked of the asset it pays with."""

    order: Order
    hold_units: int


class OrderRejected(msgspec.Struct, frozen=True, gc=False):
    """Refused whole: nothing changed. ``details`` are figures for the client, already text-safe."""

    reason: RejectReason
    message: str


class Traded(msgspec.Struct, frozen=True, gc=False):
    """One match at the maker's price.

    ``sequence`` is the market's gapless trade number, ``run_sequence`` that of the first trade of
    this taker at this price. ``buyer_hold_units`` is how much of the buyer's hold the fill used up:
    ``quote_units`` of it is paid, the rest returns to available. The seller's hold shrinks by
    ``base_units``. Fees are in what each side receives: the buyer's in base, the seller's in quote.
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


class OrderAmended(msgspec.Struct, frozen=True, gc=False):
    """``hold_units`` more (or, negative, fewer) are locked than before, prior to any trade."""

    order: Order
    hold_units: int


class OrderClosed(msgspec.Struct, frozen=True, gc=False):
    """The order left the market; ``released_units`` moved from locked back to available."""

    order: Order
    released_units: int


class DepthChanged(msgspec.Struct, frozen=True, gc=False):
    """The whole quantity at a price after the command; 0 removes the level. +1 per change."""

    market_id: int
    sequence: int
    side: Side
    price_ticks: int
    quantity_lots: int


class MarketChanged(msgspec.Struct, frozen=True, gc=False):
    """Rules or phase of a market changed."""

    market_id: int
    phase: MarketPhase


Event = (
    OrderPlaced | OrderRejected | Traded | OrderAmended | OrderClosed | DepthChanged | MarketChanged
)
