"""A plausible course of prices for the demo, in whole cents; ETH in BTC follows from the two."""

import random
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from zavora.demo.catalogue import BTC_CENTS, ETH_CENTS, DemoMarket

# Steps are drawn in millionths of the price.
MILLION: Final = 1_000_000
# What pulls a wandering price back to where it began, per step: 1 in so many.
PULL: Final = 4_000
_ROUNDED: Final = Context(prec=40, rounding=ROUND_HALF_EVEN)


class Prices:
    """Prices of BTC and ETH in dollars, which step together and each for itself."""

    def __init__(
        self, source: random.Random, *, btc_cents: int = BTC_CENTS, eth_cents: int = ETH_CENTS
    ) -> None:
        self._source = source
        self._btc_cents, self._eth_cents = btc_cents, eth_cents
        self._btc_home, self._eth_home = btc_cents, eth_cents

    def step(self, step_max_ppm: int) -> None:
        """Move both prices by up to ``step_max_ppm`` millionths, more than half of it together."""
        together = self._draw(step_max_ppm * 3 // 5)
        own_max = step_max_ppm * 2 // 5
        self._btc_cents = _moved(self._btc_cents, together + self._draw(own_max), self._btc_home)
        self._eth_cents = _moved(self._eth_cents, together + self._draw(own_max), self._eth_home)

    def ticks(self, market: DemoMarket) -> int:
        """Return a market's price in its ticks; a dollar of USDT is worth a dollar."""
        if market.quote == "BTC":
            price = _ROUNDED.divide(Decimal(self._eth_cents), Decimal(self._btc_cents))
        else:
            cents = self._btc_cents if market.base == "BTC" else self._eth_cents
            price = Decimal(cents).scaleb(-2)
        return int(_ROUNDED.divide(price, market.tick_size).to_integral_value(ROUND_HALF_EVEN))

    def _draw(self, limit_ppm: int) -> int:
        # The mean of three is a bell of a sort, without a float.
        return sum(self._source.randint(-limit_ppm, limit_ppm) for _ in range(3)) // 3


def _moved(cents: int, by_ppm: int, home_cents: int) -> int:
    return max(1, cents + cents * by_ppm // MILLION + (home_cents - cents) // PULL)
