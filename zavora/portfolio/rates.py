"""What an asset was worth in another one: last prices, by a market of both, or by several.

A rate at a moment is made of the last trade before it in each market of a path. Of the paths that
have a price everywhere the shortest counts, of equally long ones that of the older markets. A
market that opens later so changes nothing that was.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from marketdata.candles.closes import list_closes
from matching.markets.terms import MarketTerms
from zavora.foundation.money import decimal_to_units
from zavora.portfolio.accounting import half_even

# A path leads through so many markets, and so many paths of an asset are tried.
HOPS_MAX: Final = 3
PATHS_MAX: Final = 8
# Prices as whole numbers of 10^-18, as tables have them.
_PRICE_SCALE: Final = 18
_ONE: Final = 10**_PRICE_SCALE


class Step(msgspec.Struct, frozen=True):
    """A market to go through; ``is_inverse``: from its quote asset to its base asset."""

    market_id: int
    symbol: str
    is_inverse: bool


Path = tuple[Step, ...]


class Rate(msgspec.Struct, frozen=True):
    """What an asset's smallest unit is worth in the currency's: ``over / under``."""

    over: int
    under: int
    path: Path

    def value(self, units: int) -> int:
        """Return what units are worth, rounded half to even."""
        return half_even(units * self.over, self.under)


def find_paths(terms: Sequence[MarketTerms], currency_id: int) -> dict[int, list[Path]]:
    """Return, by asset id, the paths that lead to a currency, best first.

    The direct ones come first; longer ones are looked for while an asset has none.
    """
    steps: dict[int, list[tuple[int, Step]]] = {}
    for one in sorted(terms, key=_market_id_of):
        base, quote = one.base.asset_id, one.quote.asset_id
        steps.setdefault(quote, []).append((base, Step(one.market_id, one.symbol, False)))
        steps.setdefault(base, []).append((quote, Step(one.market_id, one.symbol, True)))
    found: dict[int, list[Path]] = {}
    ends: list[tuple[int, Path, frozenset[int]]] = [(currency_id, (), frozenset([currency_id]))]
    for _ in range(HOPS_MAX):
        longer: list[tuple[int, Path, frozenset[int]]] = []
        for asset_id, path, seen in ends:
            for next_id, step in steps.get(asset_id, []):
                if next_id in seen:
                    continue
                paths = found.setdefault(next_id, [])
                if len(paths) < PATHS_MAX:
                    paths.append((step, *path))
                    longer.append((next_id, (step, *path), seen | {next_id}))
        ends = longer
    return found


def _market_id_of(terms: MarketTerms) -> int:
    return terms.market_id


class Rates:
    """Rates into a currency at some moments; each market's prices are read once, when asked for."""

    def __init__(
        self,
        currency_id: int,
        paths: Mapping[int, list[Path]],
        scales: Mapping[int, int],
        moments: Sequence[datetime],
    ) -> None:
        self._currency_id = currency_id
        self._paths = paths
        self._scales = scales
        self._moments = list(dict.fromkeys(moments))
        self._closes: dict[int, dict[datetime, Decimal]] = {}
        self._known: dict[tuple[int, datetime], Rate | None] = {}

    def rate(self, asset_id: int, moment: datetime) -> Rate | None:
        """Return what an asset was worth right before a moment, one of those given; or None."""
        key = (asset_id, moment)
        if key not in self._known:
            self._known[key] = self._find(asset_id, moment)
        return self._known[key]

    def value(self, asset_id: int, units: int, moment: datetime) -> int | None:
        """Return what units were worth right before a moment; None: not known."""
        if asset_id == self._currency_id:
            return units
        rate = self.rate(asset_id, moment)
        return None if rate is None else rate.value(units)

    def _find(self, asset_id: int, moment: datetime) -> Rate | None:
        if asset_id == self._currency_id:
            return Rate(1, 1, ())
        for path in self._paths.get(asset_id, []):
            over, under = 10 ** self._scales[self._currency_id], 10 ** self._scales[asset_id]
            for step in path:
                close = self._closes_of(step.market_id).get(moment)
                if close is None:
                    break
                price = decimal_to_units(close, _PRICE_SCALE)
                over *= _ONE if step.is_inverse else price
                under *= price if step.is_inverse else _ONE
            else:
                return Rate(over, under, path)
        return None

    def _closes_of(self, market_id: int) -> dict[datetime, Decimal]:
        if market_id not in self._closes:
            self._closes[market_id] = list_closes(market_id, self._moments)
        return self._closes[market_id]
