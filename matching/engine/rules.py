"""What the engine must know of a market."""

from typing import Literal

import msgspec

MarketPhase = Literal[
    "pre_open", "auction", "continuous", "post_only", "cancel_only", "halted", "closed"
]
# Whose orders do not trade with each other: those of one owner, or only those of one account.
SelfTradeScope = Literal["owner", "account"]


class IntegerRules(msgspec.Struct, frozen=True, gc=False):
    """A market's rules as integers.

    ``lot_units``: base smallest units in one lot. ``tick_lot_units``: quote smallest units that
    one lot costs at a price of one tick (tick x lot is exact in the quote's scale). Notionals in
    quote smallest units, the largest price in ticks, the largest quantity in lots.
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
        )

    def scale(self) -> tuple[int, int, int, int]:
        """Return the rules on which the meaning of every tick and lot rests."""
        return self.base_id, self.quote_id, self.lot_units, self.tick_lot_units


class MarketSnapshot(msgspec.Struct, frozen=True, gc=False):
    """All that the engine remembers of a market but its open orders, as the tables hold it."""

    rules: IntegerRules
    phase: MarketPhase
    trade_sequence: int
    depth_sequence: int
    last_price_ticks: int | None
