"""Which rates an order gets when it is placed, and why: one rule for the worker and for displays.

1. An account's own rates in the market, while they are in force, and nothing else.
2. Each of its own rates in all markets, where it has one.
3. Else the lowest of the market's rate, that of the account's tier and that of a promotion.

See docs/adr/0027-fees.md.
"""

from typing import Final, Literal

import msgspec

from accounts.money.balances import AccountFigures
from accounts.people.fee_terms import TierRates
from matching.markets.terms import MarketTerms, Promotion

Source = Literal["market", "tier", "promotion", "account", "account_market"]
# For people.
SOURCES: Final[dict[Source, str]] = {
    "market": "the market's",
    "tier": "by tier",
    "promotion": "promotion",
    "account": "its own",
    "account_market": "its own here",
}


class Rate(msgspec.Struct, frozen=True):
    """A rate in parts per million, where it comes from, and when that ends (microseconds)."""

    ppm: int
    source: Source
    until_us: int | None = None


def rates_of(account: AccountFigures, terms: MarketTerms, time_us: int) -> tuple[int, int]:
    """Return an account's maker and taker rates in a market, in parts per million."""
    if account.fees is not None or terms.promotion is not None:
        maker, taker = explained_rates(account, terms, time_us)
        return maker.ppm, taker.ppm
    rules, maker_ppm, taker_ppm = terms.rules, account.maker_fee_ppm, account.taker_fee_ppm
    return (
        rules.maker_fee_ppm if maker_ppm is None else maker_ppm,
        rules.taker_fee_ppm if taker_ppm is None else taker_ppm,
    )


def explained_rates(account: AccountFigures, terms: MarketTerms, time_us: int) -> tuple[Rate, Rate]:
    """Return an account's maker and taker rates in a market and why they are these."""
    fees, market_id = account.fees, terms.market_id
    own = None if fees is None else fees.rates_in(market_id, time_us)
    if own is not None:
        return (
            Rate(own.maker_ppm, "account_market", own.until_us),
            Rate(own.taker_ppm, "account_market", own.until_us),
        )
    tier = None if fees is None else fees.tier_at(time_us)
    promotion = terms.promotion
    if promotion is not None and not promotion.from_us <= time_us < promotion.until_us:
        promotion = None
    rules = terms.rules
    return (
        _lowest("maker_ppm", account.maker_fee_ppm, rules.maker_fee_ppm, tier, promotion),
        _lowest("taker_ppm", account.taker_fee_ppm, rules.taker_fee_ppm, tier, promotion),
    )


def _lowest(
    name: str,
    own_ppm: int | None,
    market_ppm: int,
    tier: TierRates | None,
    promotion: Promotion | None,
) -> Rate:
    """Return the account's own rate, or the lowest; of equal ones what lasts longest."""
    if own_ppm is not None:
        return Rate(own_ppm, "account")
    found = Rate(market_ppm, "market")
    if tier is not None and getattr(tier, name) < found.ppm:
        found = Rate(getattr(tier, name), "tier")
    if promotion is not None and getattr(promotion, name) < found.ppm:
        found = Rate(getattr(promotion, name), "promotion", promotion.until_us)
    return found
