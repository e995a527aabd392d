"""The terms of a market for tests that need one and do not care which."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from matching.markets.terms import RULES, AssetTerms, MarketRules, MarketTerms, build_terms


def btc_usd(**changes: Any) -> MarketTerms:
    """Return the terms of a market BTC/USD of cents and thousandths; ``changes``: other rules."""
    rules: dict[str, Any] = {
        "market_id": 7,
        "symbol": "BTC/USD",
        "shard_id": 0,
        "base": AssetTerms(1, "BTC", 8),
        "quote": AssetTerms(2, "USD", 8),
        "tick_size": Decimal("0.01"),
        "lot_size": Decimal("0.001"),
        "min_notional": Decimal(0),
        "max_notional": Decimal(10**9),
        "max_price": Decimal(10**9),
        "max_quantity": Decimal(10**9),
        "band_ppm": None,
        "maker_fee_ppm": 0,
        "taker_fee_ppm": 0,
        "phase": "continuous",
    }
    return flat_terms(**rules | changes)


def flat_terms(build: Callable[..., MarketTerms] = build_terms, **flat: Any) -> MarketTerms:
    """Return the terms of a market and its rules in one list of names."""
    rules = MarketRules(**{name: flat.pop(name) for name in RULES if name in flat})
    return build(**flat, rules=rules)
