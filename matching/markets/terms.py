"""A market's terms: its rules as figures, and the exact conversions between text and integers.

Prices are ticks, quantities lots and amounts smallest units inside the engine and the worker.
Text that does not fit a tick or a lot is refused, never rounded.
"""

from decimal import Decimal
from functools import lru_cache
from typing import Final

import msgspec

from matching.engine.types import MarketRules, SelfTradeScope
from zavora.foundation import money
from zavora.foundation.errors import ValidationFailed
from zavora.foundation.money import NotExact

# How many texts of figures a process remembers each way.
TEXTS_MAX: Final = 2**16


class AssetTerms(msgspec.Struct, frozen=True):
    """An asset as a market needs it. ``scale``: decimals of its smallest unit."""

    asset_id: int
    code: str
    scale: int


class MarketTerms(msgspec.Struct, frozen=True):
    """Everything about a market that is not its book. Built by ``build_terms``."""

    market_id: int
    symbol: str
    shard_id: int
    base: AssetTerms
    quote: AssetTerms
    tick_size: Decimal
    lot_size: Decimal
    min_notional: Decimal
    max_notional: Decimal
    max_price: Decimal
    max_quantity: Decimal
    band_ppm: int | None
    maker_fee_ppm: int
    taker_fee_ppm: int
    phase: str
    is_demo: bool
    self_trade_scope: SelfTradeScope
    max_open_orders: int | None
    # A tick is ``tick_units`` of ``10**-tick_decimals``; a lot likewise.
    tick_decimals: int
    tick_units: int
    lot_decimals: int
    lot_units: int
    rules: MarketRules
    # Most figures of most orders are these.
    zero_quantity: str
    zero_quote: str

    def price_to_ticks(self, text: str) -> int:
        """Return a price as ticks. Raises NotExact: not a positive multiple of the tick size."""
        return _to_count(text, self.tick_decimals, self.tick_units, self.tick_size, "tick size")

    def quantity_to_lots(self, text: str) -> int:
        """Return a quantity as lots. Raises NotExact: not a positive multiple of the lot size."""
        return _to_count(text, self.lot_decimals, self.lot_units, self.lot_size, "lot size")

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
    tick_size: Decimal,
    lot_size: Decimal,
    min_notional: Decimal,
    max_notional: Decimal,
    max_price: Decimal,
    max_quantity: Decimal,
    band_ppm: int | None,
    maker_fee_ppm: int,
    taker_fee_ppm: int,
    phase: str,
    is_demo: bool = False,
    self_trade_scope: SelfTradeScope = "owner",
    max_open_orders: int | None = None,
) -> MarketTerms:
    """Return the terms of a market. Raises ValidationFailed where its rules cannot be exact."""
    wrong = _wrong_steps(base, quote, tick_size, lot_size) | _wrong_bounds(
        quote,
        rates={"maker_fee_ppm": maker_fee_ppm, "taker_fee_ppm": taker_fee_ppm},
        maxima={
            "max_notional": max_notional,
            "max_price": max_price,
            "max_quantity": max_quantity,
        },
        min_notional=min_notional,
    )
    if wrong:
        raise ValidationFailed("the market's rules do not fit its assets", **wrong)
    tick_decimals, lot_decimals = money.scale_of(tick_size), money.scale_of(lot_size)
    tick_units = money.decimal_to_units(tick_size, tick_decimals)
    lot_units = money.decimal_to_units(lot_size, lot_decimals)
    rules = MarketRules(
        market_id=market_id,
        base_id=base.asset_id,
        quote_id=quote.asset_id,
        lot_units=money.decimal_to_units(lot_size, base.scale),
        tick_lot_units=money.decimal_to_units(
            money.EXACT.multiply(tick_size, lot_size), quote.scale
        ),
        min_notional_units=money.decimal_to_units(min_notional, quote.scale),
        max_notional_units=_floor_units(max_notional, quote.scale),
        # Ticks and lots travel as text and are Python's integers: they have no bound of their own.
        max_price_ticks=int(money.EXACT.divide_int(max_price, tick_size)),
        max_quantity_lots=int(money.EXACT.divide_int(max_quantity, lot_size)),
        band_ppm=band_ppm,
        self_trade_scope=self_trade_scope,
        max_open_orders=max_open_orders,
    )
    return MarketTerms(
        market_id=market_id,
        symbol=symbol,
        shard_id=shard_id,
        base=base,
        quote=quote,
        tick_size=tick_size,
        lot_size=lot_size,
        min_notional=min_notional,
        max_notional=max_notional,
        max_price=max_price,
        max_quantity=max_quantity,
        band_ppm=band_ppm,
        maker_fee_ppm=maker_fee_ppm,
        taker_fee_ppm=taker_fee_ppm,
        phase=phase,
        is_demo=is_demo,
        self_trade_scope=self_trade_scope,
        max_open_orders=max_open_orders,
        tick_decimals=tick_decimals,
        tick_units=tick_units,
        lot_decimals=lot_decimals,
        lot_units=lot_units,
        rules=rules,
        zero_quantity=money.units_to_text(0, lot_decimals),
        zero_quote=money.units_to_text(0, quote.scale),
    )


def _wrong_steps(
    base: AssetTerms, quote: AssetTerms, tick_size: Decimal, lot_size: Decimal
) -> dict[str, str]:
    """Return what is wrong with the tick and the lot, by name."""
    wrong: dict[str, str] = {}
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


def _wrong_bounds(
    quote: AssetTerms, *, rates: dict[str, int], maxima: dict[str, Decimal], min_notional: Decimal
) -> dict[str, str]:
    """Return what is wrong with fee rates, maxima and the smallest notional, by name."""
    wrong: dict[str, str] = {}
    for name, rate in rates.items():
        if not 0 <= rate <= money.PPM:
            wrong[name] = f"expected parts per million from 0 to {money.PPM}"
    limit = Decimal(10**money.INTEGER_DIGITS_MAX)
    for name, value in maxima.items():
        if not 0 < value < limit:
            wrong[name] = "expected a figure above zero and below 10^20"
    if not 0 <= min_notional <= maxima["max_notional"]:
        wrong["min_notional"] = "expected a figure from zero to max_notional"
    elif money.scale_of(min_notional) > quote.scale:
        wrong["min_notional"] = f"expected at most the {quote.scale} decimals of {quote.code}"
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
