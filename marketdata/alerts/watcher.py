"""The part of the market data service that watches alerts, beside candles and never before them."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final

from django.utils import timezone

from marketdata.alerts.selectors import list_told_since, list_watched
from marketdata.alerts.watching import watch_trades
from marketdata.wire import AlertState
from matching.markets.terms import MarketTerms

# After a start, and once the queue is back, those told of in this time are told of again: a message
# may have been lost with a process. Whoever knows an alert's count takes it once.
TOLD_AGAIN_S: Final = 3_600

# Does some work on a market, unless it is set aside: the terms, the work and its arguments.
Guard = Callable[..., None]


class AlertWatcher:
    """Watches each market of which an alert waits for the price. ``is_behind``: there is more."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._is_again = True
        self.is_behind = False

    def tell_again(self) -> None:
        """Let the next step tell again what may have been lost."""
        self._is_again = True

    def step(
        self, terms: Mapping[int, MarketTerms], sequences: Mapping[int, int]
    ) -> list[AlertState]:
        """Look at the next trades of each watched market; return the alerts to be told of."""
        told: list[AlertState] = []
        if self._is_again:
            told += list_told_since(timezone.now() - timedelta(seconds=TOLD_AGAIN_S))
            self._is_again = False
        self.is_behind = False
        for market_id, watched in list_watched().items():
            sequence = sequences.get(market_id, 0)
            if market_id in terms and watched < sequence:
                self._guard(terms[market_id], self._look, terms[market_id], sequence, told)
        return told

    def _look(self, terms: MarketTerms, sequence: int, told: list[AlertState]) -> None:
        seen = watch_trades(terms)
        told += seen.told
        self.is_behind = self.is_behind or seen.sequence < sequence
