"""What an account pays, as v1 says it (``api.v1.openapi.fee_documents`` has the shapes)."""

from decimal import Decimal
from typing import Any, Final

from accounts.people.fee_terms import TierRates
from api.v1.times import time_text
from api.v1.words import Shape, plain, rate
from matching.fees.rates import Rate
from matching.fees.selectors import AccountFees
from matching.fees.volumes import VOLUME_DAYS

SOURCE: Final = {
    "market": "Market",
    "tier": "Tier",
    "promotion": "Promotion",
    "account": "Account",
    "account_market": "AccountMarket",
}


def account_fees(fees: AccountFees) -> Shape:
    """Return an AccountFees."""
    return {
        "volume": plain(fees.volume),
        "volume_asset": fees.volume_asset,
        "volume_days": VOLUME_DAYS,
        "tier": _tier(fees.tier),
        "next_tier": _tier(fees.next_tier),
        "markets": [
            {"market": one.symbol, "maker": _rate(one.maker), "taker": _rate(one.taker)}
            for one in fees.markets
        ],
        "tiers": [
            {
                "level": tier.level,
                "min_volume": plain(Decimal(tier.min_volume)),
                "maker_fee": rate(tier.maker_fee_ppm),
                "taker_fee": rate(tier.taker_fee_ppm),
            }
            for tier in fees.tiers
        ],
    }


def _rate(one: Rate) -> Shape:
    ends_at = None if one.until_us is None else time_text(one.until_us)
    return {"fee": rate(one.ppm), "source": SOURCE[one.source], "ends_at": ends_at}


def _tier(tier: TierRates | None) -> dict[str, Any] | None:
    """Return an AccountTier; one of level 0 is none, with what a market costs by itself."""
    if tier is None:
        return None
    has_rates = tier.level > 0
    return {
        "level": tier.level,
        "maker_fee": rate(tier.maker_ppm) if has_rates else None,
        "taker_fee": rate(tier.taker_ppm) if has_rates else None,
        "effective_at": time_text(tier.from_us),
    }
