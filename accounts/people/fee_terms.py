"""What an account pays by rules of its own, as its row keeps it: what a batch of orders reads.

The text stands in the account's row because a worker reads that row with every batch anyway: a
change is in force with the next batch, and an account without rules of its own costs nothing.
"""

from functools import lru_cache
from typing import Final

import msgspec

# How many markets may have rates for one account: the text is read with every batch.
MARKETS_MAX: Final = 64
TEXTS_MAX: Final = 2**12


class TierRates(msgspec.Struct, frozen=True, array_like=True):
    """The tier of an account from a time on (microseconds since 1970), and its rates then.

    Level 0 is no tier. The rates are those of the table of tiers when the tier was given.
    """

    from_us: int
    level: int
    maker_ppm: int
    taker_ppm: int


class MarketRates(msgspec.Struct, frozen=True, array_like=True):
    """An account's own rates in one market, until a time (microseconds); None: until changed."""

    market_id: int
    maker_ppm: int
    taker_ppm: int
    until_us: int | None = None


class FeeTerms(msgspec.Struct, frozen=True, array_like=True):
    """Tiers, oldest first (the one in force and the next), and rates in markets."""

    tiers: tuple[TierRates, ...] = ()
    markets: tuple[MarketRates, ...] = ()

    def tier_at(self, time_us: int) -> TierRates | None:
        """Return the tier in force; None: there is none."""
        found = None
        for tier in self.tiers:
            if tier.from_us <= time_us:
                found = tier
        return found if found is not None and found.level else None

    def next_tier(self, time_us: int) -> TierRates | None:
        """Return the tier that comes, which may be none (level 0); None: nothing changes."""
        return next((tier for tier in self.tiers if tier.from_us > time_us), None)

    def rates_in(self, market_id: int, time_us: int) -> MarketRates | None:
        """Return the account's own rates in a market, where they are in force."""
        for rates in self.markets:
            if rates.market_id == market_id and (
                rates.until_us is None or time_us < rates.until_us
            ):
                return rates
        return None

    def with_tier(self, tier: TierRates, *, now_us: int) -> "FeeTerms":
        """Return the terms once ``tier`` follows; the same ones where nothing changes by it.

        What is not in force any more is left out, and what was to come gives way.
        """
        past = [known for known in self.tiers if known.from_us <= now_us][-1:]
        if _rates_of(past) == _rates_of([tier]):
            return self if list(self.tiers) == past else FeeTerms(_kept(past), self.markets)
        planned = self.tiers[-1:]
        if planned and planned[0].from_us > now_us and _rates_of(planned) == _rates_of([tier]):
            return self
        return FeeTerms((*_kept(past), tier), self.markets)

    def with_market(self, market_id: int, rates: MarketRates | None) -> "FeeTerms":
        """Return the terms with other rates in a market; None: without any there."""
        others = [known for known in self.markets if known.market_id != market_id]
        if rates is not None:
            others.append(rates)
        return FeeTerms(self.tiers, tuple(sorted(others, key=lambda one: one.market_id)))

    @property
    def text(self) -> str | None:
        """Return the terms as the row keeps them; None: there are none."""
        if not self.tiers and not self.markets:
            return None
        return msgspec.json.encode(self).decode()


NO_TERMS: Final = FeeTerms()
_decoder: Final = msgspec.json.Decoder(FeeTerms)


@lru_cache(TEXTS_MAX)
def _decoded(text: str) -> FeeTerms:
    return _decoder.decode(text)


def fee_terms_of(text: str | None) -> FeeTerms:
    """Return what a row keeps as terms."""
    return NO_TERMS if text is None else _decoded(text)


def _rates_of(tiers: list[TierRates] | tuple[TierRates, ...]) -> tuple[int, ...]:
    """Return level and rates of the one tier in a list; of none: those of level 0."""
    if not tiers or not tiers[0].level:
        return (0,)
    return tiers[0].level, tiers[0].maker_ppm, tiers[0].taker_ppm


def _kept(past: list[TierRates]) -> tuple[TierRates, ...]:
    return tuple(tier for tier in past if tier.level)
