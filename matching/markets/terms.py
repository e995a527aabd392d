"""A market's terms: its rules as figures, and the exact conversions between text and integers.

Prices are ticks, quantities lots and amounts smallest units inside the engine and the worker.
Text that does not fit a tick or a lot is refused, never rounded.
"""

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from operator import attrgetter
from typing import Final

import msgspec

from matching.engine.amounts import notional_units
from matching.engine.orders import SelfTradeMode
from matching.engine.rules import IntegerRules, SelfTradeScope
from zavora.foundation import money
from zavora.foundation.errors import ValidationFailed
from zavora.foundation.money import NotExact
from zavora.foundation.times import microseconds_of

# How many texts of figures a process remembers each way.
TEXTS_MAX: Final = 2**16


class AssetTerms(msgspec.Struct, frozen=True):
    """An asset as a market needs it. ``scale``: decimals of its smallest unit."""

    asset_id: int
    code: str
    scale: int


# Below the 10^20 of NUMERIC(38, 18); a market may set less.
DEFAULT_MAXIMUM: Final = Decimal(10**12)
# Five times what large venues let an account have; a market may set another one.
DEFAULT_MAX_OPEN_ORDERS: Final = 1_000
# Each is looked at whenever the price moves.
DEFAULT_MAX_TRIGGER_ORDERS: Final = 100
DEFAULT_MAX_ORDER_LISTS: Final = 100
# The window of the clock in which an account's messages to a market are counted.
MESSAGES_WINDOW_S: Final = 10
DEFAULT_SELF_TRADE_MODES: Final = "taker,maker,both,decrement"


class MarketRules(msgspec.Struct, frozen=True):
    """What an operator sets of a market. A rule has the same name here, in commands and tables.

    Figures are exact decimals in the units people read; rates and the band in parts per million.
    ``band_ppm``: how far a limit price may be from the last price; None: any. ``max_open_orders``:
    how many orders an account may have open, ``max_trigger_orders``: how many of them may wait for
    a price; None: any number. ``self_trade_modes``: words with commas between, in any order. The
    others as in ``matching.engine.rules.IntegerRules``; ``auction_fee_ppm``: what both sides pay in
    auctions, None: their maker rates. ``max_position``: how much of the base asset an account may
    have with what its open orders here would buy, ``max_messages``: how many orders it may place or
    amend in ``MESSAGES_WINDOW_S`` seconds of the clock; None: any number.
    """

    tick_size: Decimal
    lot_size: Decimal
    min_notional: Decimal = Decimal(0)
    max_notional: Decimal = DEFAULT_MAXIMUM
    max_price: Decimal = DEFAULT_MAXIMUM
    max_quantity: Decimal = DEFAULT_MAXIMUM
    band_ppm: int | None = None
    maker_fee_ppm: int = 0
    taker_fee_ppm: int = 0
    phase: str = "continuous"
    is_demo: bool = False
    self_trade_scope: SelfTradeScope = "owner"
    max_open_orders: int | None = DEFAULT_MAX_OPEN_ORDERS
    # All four, or none: the rates that nobody without rates of their own pays more than meanwhile.
    promotion_maker_fee_ppm: int | None = None
    promotion_taker_fee_ppm: int | None = None
    promotion_starts_at: datetime | None = None
    promotion_ends_at: datetime | None = None
    self_trade_mode: SelfTradeMode = "taker"
    self_trade_modes: str = DEFAULT_SELF_TRADE_MODES
    max_trigger_orders: int | None = DEFAULT_MAX_TRIGGER_ORDERS
    max_iceberg_parts: int = 100
    protection_ppm: int = 50_000
    min_trail_bps: int = 10
    max_trail_bps: int = 2_000
    dynamic_collar_ppm: int | None = None
    static_collar_ppm: int | None = None
    interruption_s: int = 120
    auction_fee_ppm: int | None = None
    cancels_on_close: bool = True
    # Its phases by the clock of a place (``matching.markets.schedules``); empty: none.
    schedule: str = ""
    time_zone: str = "UTC"
    # When it ends for good; None: it does not.
    delists_at: datetime | None = None
    max_order_lists: int | None = DEFAULT_MAX_ORDER_LISTS
    max_position: Decimal | None = None
    max_messages: int | None = None


RULES: Final = MarketRules.__struct_fields__
PROMOTION: Final = tuple(name for name in RULES if name.startswith("promotion_"))
# What a permission of its own changes.
FEE_RULES: Final = frozenset({"maker_fee_ppm", "taker_fee_ppm", "auction_fee_ppm", *PROMOTION})
DELISTING_RULES: Final = frozenset({"delists_at"})
# Those that are decimals, always and where there is one.
FIGURES: Final = RULES[:6]
OPTIONAL_FIGURES: Final = ("max_position",)
# Those that keep a figure from growing without bound.
MAXIMA: Final = FIGURES[3:]


_rules_of: Final = attrgetter(*RULES)


def rules_of(source: object) -> MarketRules:
    """Return the rules that a row has by their names."""
    return MarketRules(*_rules_of(source))


class Promotion(msgspec.Struct, frozen=True):
    """Lower rates of a market from a time until another, in microseconds since 1970."""

    maker_ppm: int
    taker_ppm: int
    from_us: int
    until_us: int


class MarketTerms(msgspec.Struct, frozen=True):
    """Everything about a market that is not its book. Built by ``build_terms``."""

    market_id: int
    symbol: str
    shard_id: int
    base: AssetTerms
    quote: AssetTerms
    rules: MarketRules
    # The rules as the engine has them.
    integers: IntegerRules
    # A tick is ``tick_units`` of ``10**-tick_decimals``; a lot likewise.
    tick_decimals: int
    tick_units: int
    lot_decimals: int
    lot_units: int
    # Most figures of most orders are these.
    zero_quantity: str
    zero_quote: str
    promotion: Promotion | None = None
    # Of the base asset.
    max_position_units: int | None = None

    def price_to_ticks(self, text: str) -> int:
        """Return a price as ticks. Raises NotExact: not a positive multiple of the tick size."""
        return _to_count(
            text, self.tick_decimals, self.tick_units, self.rules.tick_size, "tick size"
        )

    def quantity_to_lots(self, text: str) -> int:
        """Return a quantity as lots. Raises NotExact: not a positive multiple of the lot size."""
        return _to_count(text, self.lot_decimals, self.lot_units, self.rules.lot_size, "lot size")

    def quote_amount_to_units(self, text: str) -> int:
        """Return a positive amount of the quote asset in its smallest units, or raise NotExact."""
        units = money.text_to_units(text, self.quote.scale)
        if units <= 0:
            raise NotExact("expected an amount above zero")
        return units

    def price_text(self, ticks: int) -> str:
        """Return a price as text with the tick's decimals."""
        return _text(ticks * self.tick_units, self.tick_decimals)

    def quantity_text(self, lots: int) -> str:
        """Return a quantity as text with the lot's decimals."""
        return _text(lots * self.lot_units, self.lot_decimals)

    def has_ended(self, time_us: int) -> bool:
        """Tell whether the market is to be delisted by now."""
        delists_at = self.rules.delists_at
        return delists_at is not None and microseconds_of(delists_at) <= time_us

    def allows_notional(self, units: int) -> bool:
        """Tell whether an order's amount in quote units is within the market's limits."""
        return self.integers.min_notional_units <= units <= self.integers.max_notional_units

    def is_below_smallest(self, notional: Decimal) -> bool:
        """Tell whether an amount of quote is less than an order's must be."""
        return notional < self.rules.min_notional

    def fee_asset(self, fee: str, *, buys: bool) -> AssetTerms:
        """Return the asset of a party's fee: what it received; of a rebate: what it gave."""
        return self.base if buys != fee.startswith("-") else self.quote

    def base_text(self, units: int) -> str:
        """Return an amount of the base asset as text with its scale's decimals."""
        return money.units_to_text(units, self.base.scale)

    def quote_text(self, units: int) -> str:
        """Return an amount of the quote asset as text with its scale's decimals."""
        return money.units_to_text(units, self.quote.scale)


def build_terms(
    *,
    market_id: int,
    symbol: str,
    shard_id: int,
    base: AssetTerms,
    quote: AssetTerms,
    rules: MarketRules,
) -> MarketTerms:
    """Return the terms of a market. Raises ValidationFailed where its rules cannot be exact."""
    wrong = _wrong_steps(base, quote, rules) | _wrong_bounds(quote, rules)
    wrong |= _wrong_position(base, rules)
    if wrong:
        raise ValidationFailed("the market's rules do not fit its assets", **wrong)
    tick_decimals, lot_decimals = money.scale_of(rules.tick_size), money.scale_of(rules.lot_size)
    return MarketTerms(
        market_id=market_id,
        symbol=symbol,
        shard_id=shard_id,
        base=base,
        quote=quote,
        rules=rules,
        integers=_integer_rules(market_id, base, quote, rules),
        tick_decimals=tick_decimals,
        tick_units=money.decimal_to_units(rules.tick_size, tick_decimals),
        lot_decimals=lot_decimals,
        lot_units=money.decimal_to_units(rules.lot_size, lot_decimals),
        zero_quantity=money.units_to_text(0, lot_decimals),
        zero_quote=money.units_to_text(0, quote.scale),
        promotion=_promotion_of(rules),
        max_position_units=None
        if rules.max_position is None
        else money.decimal_to_units(rules.max_position, base.scale),
    )


def _promotion_of(rules: MarketRules) -> Promotion | None:
    maker_ppm, taker_ppm = rules.promotion_maker_fee_ppm, rules.promotion_taker_fee_ppm
    starts_at, ends_at = rules.promotion_starts_at, rules.promotion_ends_at
    if maker_ppm is None or taker_ppm is None or starts_at is None or ends_at is None:
        return None
    return Promotion(maker_ppm, taker_ppm, microseconds_of(starts_at), microseconds_of(ends_at))


def _integer_rules(
    market_id: int, base: AssetTerms, quote: AssetTerms, rules: MarketRules
) -> IntegerRules:
    step_cost = money.EXACT.multiply(rules.tick_size, rules.lot_size)
    return IntegerRules(
        market_id=market_id,
        base_id=base.asset_id,
        quote_id=quote.asset_id,
        lot_units=money.decimal_to_units(rules.lot_size, base.scale),
        tick_lot_units=money.decimal_to_units(step_cost, quote.scale),
        min_notional_units=money.decimal_to_units(rules.min_notional, quote.scale),
        max_notional_units=_floor_units(rules.max_notional, quote.scale),
        # Ticks and lots travel as text and are Python's integers: they have no bound of their own.
        max_price_ticks=int(money.EXACT.divide_int(rules.max_price, rules.tick_size)),
        max_quantity_lots=int(money.EXACT.divide_int(rules.max_quantity, rules.lot_size)),
        band_ppm=rules.band_ppm,
        self_trade_scope=rules.self_trade_scope,
        max_open_orders=rules.max_open_orders,
        self_trade_mode=rules.self_trade_mode,
        self_trade_modes=tuple(rules.self_trade_modes.split(",")),  # type: ignore[arg-type]
        max_trigger_orders=rules.max_trigger_orders,
        max_iceberg_parts=rules.max_iceberg_parts,
        protection_ppm=rules.protection_ppm,
        min_trail_bps=rules.min_trail_bps,
        max_trail_bps=rules.max_trail_bps,
        dynamic_collar_ppm=rules.dynamic_collar_ppm,
        static_collar_ppm=rules.static_collar_ppm,
        interruption_s=rules.interruption_s,
        auction_ppm=rules.auction_fee_ppm,
        cancels_on_close=rules.cancels_on_close,
        max_order_lists=rules.max_order_lists,
    )


def _wrong_steps(base: AssetTerms, quote: AssetTerms, rules: MarketRules) -> dict[str, str]:
    """Return what is wrong with the tick and the lot, by name."""
    wrong: dict[str, str] = {}
    tick_size, lot_size = rules.tick_size, rules.lot_size
    tick_decimals, lot_decimals = money.scale_of(tick_size), money.scale_of(lot_size)
    if tick_size <= 0:
        wrong["tick_size"] = "expected a price above zero"
    if lot_size <= 0:
        wrong["lot_size"] = "expected a quantity above zero"
    if lot_decimals > base.scale:
        wrong["lot_size"] = f"expected at most the {base.scale} decimals of {base.code}"
    if tick_decimals + lot_decimals > quote.scale and not wrong:
        # The product may still be exact where its last digits are zeros: 0.5 x 0.2 is 0.1.
        product = money.EXACT.multiply(tick_size, lot_size)
        if money.scale_of(product) > quote.scale:
            wrong["tick_size"] = (
                f"expected tick size x lot size to fit the {quote.scale} decimals of {quote.code}"
            )
    return wrong


def _wrong_bounds(quote: AssetTerms, rules: MarketRules) -> dict[str, str]:
    """Return what is wrong with fee rates, maxima and the smallest notional, by name."""
    wrong: dict[str, str] = {}
    for name in ("maker_fee_ppm", "taker_fee_ppm", "auction_fee_ppm", *PROMOTION[:2]):
        lowest = -money.PPM if "maker" in name else 0
        ppm = getattr(rules, name)
        if ppm is not None and not lowest <= ppm <= money.PPM:
            wrong[name] = f"expected parts per million from {lowest} to {money.PPM}"
    limit = Decimal(10**money.INTEGER_DIGITS_MAX)
    for name in MAXIMA:
        if not 0 < getattr(rules, name) < limit:
            wrong[name] = "expected a figure above zero and below 10^20"
    if not 0 <= rules.min_notional <= rules.max_notional:
        wrong["min_notional"] = "expected a figure from zero to max_notional"
    elif money.scale_of(rules.min_notional) > quote.scale:
        wrong["min_notional"] = f"expected at most the {quote.scale} decimals of {quote.code}"
    return wrong


def _wrong_position(base: AssetTerms, rules: MarketRules) -> dict[str, str]:
    """Return what is wrong with the largest position, by name."""
    largest = rules.max_position
    if largest is None:
        return {}
    if not 0 < largest < Decimal(10**money.INTEGER_DIGITS_MAX):
        return {"max_position": "expected a figure above zero and below 10^20, or nothing"}
    if money.scale_of(largest) > base.scale:
        return {"max_position": f"expected at most the {base.scale} decimals of {base.code}"}
    return {}


def wrong_limits(terms: MarketTerms) -> dict[str, str]:
    """Return which limits leave no order at all, by name."""
    wrong, rules = {}, terms.integers
    if rules.max_price_ticks < 1:
        wrong["max_price"] = "expected at least the tick size"
    if rules.max_quantity_lots < 1:
        wrong["max_quantity"] = "expected at least the lot size"
    if rules.max_notional_units < rules.tick_lot_units:
        wrong["max_notional"] = "expected at least tick size x lot size"
    elif rules.min_notional_units > rules.max_notional_units:
        wrong["min_notional"] = "expected a figure from zero to max_notional"
    largest_units = notional_units(rules, rules.max_price_ticks, rules.max_quantity_lots)
    if not wrong and rules.min_notional_units > largest_units:
        wrong["min_notional"] = "expected at most max_price x max_quantity"
    return wrong


# Prices and quantities come again and again: a market's worker spends less on text by remembering.
_text = lru_cache(TEXTS_MAX)(money.units_to_text)
_units = lru_cache(TEXTS_MAX)(money.text_to_units)


def _to_count(text: str, decimals: int, step_units: int, step: Decimal, name: str) -> int:
    try:
        units = _units(text, decimals)
    except NotExact as error:
        if "decimals" in str(error):
            raise NotExact(f"expected a multiple of the {name} {step.normalize():f}") from None
        raise
    if units <= 0:
        raise NotExact("expected a figure above zero")
    count, rest = divmod(units, step_units)
    if rest:
        raise NotExact(f"expected a multiple of the {name} {step.normalize():f}")
    return count


def _floor_units(value: Decimal, scale: int) -> int:
    """Return ``value`` in units of ``10**-scale``, rounded down: a maximum stays a maximum."""
    return int(value.scaleb(scale, money.EXACT))
