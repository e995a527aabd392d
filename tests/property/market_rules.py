"""Rules of markets over all scales, mostly possible ones, and the orders at their very ends."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from matching.markets.soundness import PHASES
from matching.markets.terms import FIGURES, AssetTerms, MarketTerms
from zavora.foundation.errors import ValidationFailed
from zavora.foundation.money import EXACT

FIELDS = {
    *FIGURES,
    "band_ppm",
    "maker_fee_ppm",
    "taker_fee_ppm",
    "phase",
    "quote",
    "self_trade_scope",
    "max_open_orders",
    "self_trade_mode",
    "self_trade_modes",
    "max_trigger_orders",
    "max_iceberg_parts",
    "protection_ppm",
    "min_trail_bps",
    "max_trail_bps",
    "cancels_on_close",
    "schedule",
    "time_zone",
    "delists_at",
    "max_order_lists",
    "max_position",
    "max_messages",
    "shard_id",
}


def _power(digit: int, exponent: int) -> Decimal:
    return Decimal((0, (digit,), exponent))


_LARGEST = Decimal("99999999999999999999.999999999999999999")
_FIGURE = st.one_of(
    st.just(_LARGEST),
    st.builds(_power, st.integers(1, 9), st.integers(-18, 19)),
    # Beyond what the tables hold, one way or the other.
    st.builds(_power, st.integers(0, 9), st.sampled_from((-40, -19, 20, 30))),
    st.sampled_from((Decimal(-1), Decimal("NaN"), Decimal("Infinity"))),
)
_END = datetime(2099, 1, 1, tzinfo=UTC)
# What a rule may be that does not come from the others: each may be at fault.
_ODD: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(FIGURES, _FIGURE),
    "shard_id": st.sampled_from((62, 63, -1)),
    "band_ppm": st.sampled_from((0, 10**6, 2**31 - 1, 2**31, -1)),
    "maker_fee_ppm": st.sampled_from((1, -1, 1_000_000, -1_000_000, 1_000_001, -1_000_001)),
    "taker_fee_ppm": st.sampled_from((1, 1_000_000, 1_000_001, -1)),
    "phase": st.sampled_from((*PHASES, "open")),
    "self_trade_scope": st.sampled_from(("account", "nobody")),
    "max_open_orders": st.sampled_from((1, 1_000, 0, 10**9)),
    "self_trade_mode": st.sampled_from(("maker", "none", "nobody")),
    "self_trade_modes": st.sampled_from(("taker", "none,taker", "taker,taker", "", "maker")),
    "max_trigger_orders": st.sampled_from((0, None, 10_000, 10_001, -1)),
    "max_iceberg_parts": st.sampled_from((1, 10_000, 10_001, 0)),
    "protection_ppm": st.sampled_from((0, 9_000_000, 9_000_001, -1)),
    "min_trail_bps": st.sampled_from((1, 2_000, 2_001, 0)),
    "max_trail_bps": st.sampled_from((10, 9_999, 10_000, 9)),
    "cancels_on_close": st.just(False),
    "schedule": st.sampled_from(
        ("Mon 09:00 post_only", "Mon 09:00 closed", "2099-01-01 auction", "Mon 9:00 closed")
    ),
    "time_zone": st.sampled_from(("Asia/Kolkata", "Asia/Bielefeld", "")),
    "delists_at": st.sampled_from((_END, _END.replace(tzinfo=None))),
    "max_order_lists": st.sampled_from((0, None, 10_000, 10_001, -1)),
    "max_position": _FIGURE,
    "max_messages": st.sampled_from((1, 1_000_000, 0, 1_000_001)),
}


@st.composite
def market_rules(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what ``sound_terms`` takes; about every second set makes a market."""
    base_scale, quote_scale = draw(st.integers(0, 18)), draw(st.integers(0, 18))
    tick_decimals = draw(st.integers(0, quote_scale))
    lot_decimals = draw(st.integers(0, min(base_scale, quote_scale - tick_decimals)))
    digit = st.sampled_from((1, 1, 2, 5, 7))
    tick = _power(draw(digit), -tick_decimals)
    lot = _power(draw(digit), -lot_decimals)
    multiple = st.builds(_power, st.integers(1, 9), st.integers(0, 18))

    def maximum(step: Decimal) -> Decimal:
        return min(_LARGEST, EXACT.multiply(step, draw(multiple)))

    rules = {
        "market_id": 1,
        "symbol": "BASE/QUOTE",
        "shard_id": 0,
        "base": AssetTerms(1, "BASE", base_scale),
        "quote": AssetTerms(2, "QUOTE", quote_scale),
        "tick_size": tick,
        "lot_size": lot,
        "min_notional": draw(st.sampled_from((Decimal(0), EXACT.multiply(tick, lot)))),
        "max_notional": maximum(EXACT.multiply(tick, lot)),
        "max_price": maximum(tick),
        "max_quantity": maximum(lot),
        "band_ppm": None,
        "maker_fee_ppm": 0,
        "taker_fee_ppm": 1_000,
        "phase": "continuous",
        "self_trade_scope": "owner",
        "max_open_orders": None,
    }
    for name in draw(st.lists(st.sampled_from(sorted(_ODD)), max_size=2, unique=True)):
        rules[name] = draw(_ODD[name])
    return rules


def require_named(refused: ValidationFailed) -> None:
    """Hold a refusal of rules against what it must say: which fields, and what was expected."""
    assert refused.details
    assert set(refused.details) <= FIELDS
    assert all(str(text).startswith("expected ") for text in refused.details.values())


def extreme_orders(terms: MarketTerms) -> Iterator[tuple[int, int]]:
    """Yield (price_ticks, lots) at the ends of price, quantity and amount that are allowed."""
    rules = terms.integers
    prices, lots, unit = rules.max_price_ticks, rules.max_quantity_lots, rules.tick_lot_units
    smallest, largest = rules.min_notional_units, rules.max_notional_units
    seen = set()
    for price in (1, prices, min(prices, largest // unit)):
        for quantity in (
            1,
            lots,
            min(lots, largest // (price * unit)),
            -(-smallest // (price * unit)),
        ):
            order = price, quantity
            is_allowed = 1 <= quantity <= lots and smallest <= price * quantity * unit <= largest
            if is_allowed and order not in seen:
                seen.add(order)
                yield order
