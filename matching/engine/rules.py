"""What the engine must know of a market."""

from typing import Final, Literal, get_args

import msgspec

from matching.engine.orders import SelfTradeMode

MarketPhase = Literal[
    "pre_open", "auction", "continuous", "post_only", "cancel_only", "halted", "closed", "delisted"
]
# Who changes a phase: an operator, the market's calendar, the market itself (a volatility
# interruption), or the exchange (after failures).
PhaseCause = Literal["operator", "clock", "market", "system"]
# Whose orders do not trade with each other: those of one owner, or only those of one account.
SelfTradeScope = Literal["owner", "account"]
# The prices that triggers look at: of the last trade, and the best on each side of the book.
Reference = Literal["last", "bid", "ask"]
SELF_TRADE_MODES: Final[tuple[SelfTradeMode, ...]] = get_args(SelfTradeMode)


class IntegerRules(msgspec.Struct, frozen=True, gc=False):
    """A market's rules as integers.

    ``lot_units``: base smallest units in one lot. ``tick_lot_units``: quote smallest units that
    one lot costs at a price of one tick (tick x lot is exact in the quote's scale). Notionals in
    quote smallest units, the largest price in ticks, the largest quantity in lots.
    ``band_ppm``: a limit price may differ from the last price by this much; None: no band.
    ``max_open_orders``: how many orders an account may have in the market, waiting ones among them,
    and ``max_trigger_orders`` how many of them may wait for a price; None: any number.
    ``self_trade_mode`` is that of orders which name none, ``self_trade_modes`` those that an order
    may name. ``max_iceberg_parts``: into how many parts an iceberg may fall. A market order to buy
    that waits for a price holds funds up to ``protection_ppm`` above it. Trails by a rate are from
    ``min_trail_bps`` to ``max_trail_bps``. A trade that would be further from the last price than
    ``dynamic_collar_ppm``, or from the last auction's than ``static_collar_ppm`` (None: any), leads
    into an auction of ``interruption_s`` seconds. ``auction_ppm``: what both sides pay in auctions;
    None: their maker rates, where those are no rebates. ``cancels_on_close``: nothing outlasts that
    the market is closed. ``max_order_lists``: how many lists of orders an account may have open;
    None: any number.
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
    self_trade_mode: SelfTradeMode = "taker"
    self_trade_modes: tuple[SelfTradeMode, ...] = SELF_TRADE_MODES
    max_trigger_orders: int | None = None
    max_iceberg_parts: int = 100
    protection_ppm: int = 50_000
    min_trail_bps: int = 10
    max_trail_bps: int = 2_000
    dynamic_collar_ppm: int | None = None
    static_collar_ppm: int | None = None
    interruption_s: int = 120
    auction_ppm: int | None = None
    cancels_on_close: bool = False
    max_order_lists: int | None = None

    def are_sound(self) -> bool:
        """Tell whether the rules do not contradict themselves."""
        return (
            self.lot_units > 0
            and self.tick_lot_units > 0
            and 0 <= self.min_notional_units <= self.max_notional_units
            and self.max_price_ticks > 0
            and self.max_quantity_lots > 0
            and (self.band_ppm is None or self.band_ppm >= 0)
            and (self.max_open_orders is None or self.max_open_orders > 0)
            and self.self_trade_mode in self.self_trade_modes
            and (self.max_trigger_orders is None or self.max_trigger_orders >= 0)
            and self.max_iceberg_parts > 0
            and self.protection_ppm >= 0
            and 0 < self.min_trail_bps <= self.max_trail_bps < 10_000
            and (self.dynamic_collar_ppm is None or self.dynamic_collar_ppm >= 0)
            and (self.static_collar_ppm is None or self.static_collar_ppm >= 0)
            and self.interruption_s > 0
            and (self.max_order_lists is None or self.max_order_lists >= 0)
        )

    def scale(self) -> tuple[int, int, int, int]:
        """Return the rules on which the meaning of every tick and lot rests."""
        return self.base_id, self.quote_id, self.lot_units, self.tick_lot_units


class TrailMark(msgspec.Struct, frozen=True, gc=False):
    """From where orders trail (``matching.engine.events.TrailMoved``)."""

    reference: Reference
    rises: bool
    number: int
    price_ticks: int


class Protection(msgspec.Struct, frozen=True, gc=False):
    """What a market maker lets happen to its quotes in a window, and what has happened since.

    ``fills_max``, ``lots_max``: None: any. ``began_us``: when the first fill that is counted was.
    """

    fills_max: int | None
    lots_max: int | None
    window_us: int
    began_us: int = 0
    fills: int = 0
    lots: int = 0
    is_tripped: bool = False


class MarketSnapshot(msgspec.Struct, frozen=True, gc=False):
    """All that the engine remembers of a market but its open orders, as the tables hold it.

    ``trigger_sequence`` is the last number of an order's ``trigger_number``. ``static_ticks``: the
    price of the last auction. ``auction_ends_us``: when the one that is held ends by itself.
    """

    rules: IntegerRules
    phase: MarketPhase
    trade_sequence: int
    depth_sequence: int
    last_price_ticks: int | None
    trigger_sequence: int = 0
    trails: tuple[TrailMark, ...] = ()
    static_ticks: int | None = None
    auction_ends_us: int | None = None
    protections: tuple[tuple[int, Protection], ...] = ()
