"""The rolling 24 hours of a market, from its one-minute candles.

The window is the present minute and the 1,439 before it, so that it moves once a minute.
"""

from collections import OrderedDict
from decimal import Decimal
from typing import Final

import msgspec

from marketdata.candles.intervals import MINUTE_US, open_us
from marketdata.figures import figure_text
from marketdata.wire import CandleState, TickerState
from matching.markets.terms import MarketTerms
from zavora.foundation.money import EXACT

WINDOW_MINUTES: Final = 1_440


class DayWindow:
    """The one-minute candles of the last 24 hours of a market, and its last price."""

    def __init__(self, terms: MarketTerms) -> None:
        self.terms = terms
        self._minutes: OrderedDict[int, CandleState] = OrderedDict()  # by open time, oldest first
        self._last: CandleState | None = None
        self._prev_close = ""  # of the last minute that left the window
        self._computed: tuple[tuple[int, int], TickerState] | None = None

    def add(self, candle: CandleState) -> None:
        """Take in the newest state of a one-minute candle."""
        if self._last is None or candle.last_trade_sequence >= self._last.last_trade_sequence:
            self._last = candle
        newest = next(reversed(self._minutes), 0)
        self._minutes[candle.open_us] = candle
        if candle.open_us < newest:
            # Only where a market moved to a shard whose clock is behind.
            self._minutes = OrderedDict(sorted(self._minutes.items()))
        self._computed = None

    def ticker(self, now_us: int) -> TickerState | None:
        """Return the figures as of ``now_us``, None where nothing was ever traded."""
        last = self._last
        if last is None:
            return None
        first_minute = window_open_us(now_us)
        while self._minutes and next(iter(self._minutes)) < first_minute:
            self._prev_close = self._minutes.popitem(last=False)[1].close
        state = (first_minute, last.last_trade_sequence)
        if self._computed is None or self._computed[0] != state:
            self._computed = state, self._sum(last, now_us)
        return msgspec.structs.replace(self._computed[1], computed_us=now_us)

    def _sum(self, last: CandleState, now_us: int) -> TickerState:
        candles = list(self._minutes.values())
        volume, quote_volume = Decimal(0), Decimal(0)
        for candle in candles:
            volume = EXACT.add(volume, Decimal(candle.volume))
            quote_volume = EXACT.add(quote_volume, Decimal(candle.quote_volume))
        return TickerState(
            market_id=self.terms.market_id,
            sequence=last.last_trade_sequence,
            last=last.close,
            open=candles[0].open if candles else last.close,
            high=max((candle.high for candle in candles), key=Decimal, default=last.close),
            low=min((candle.low for candle in candles), key=Decimal, default=last.close),
            volume=figure_text(volume, self.terms.lot_decimals),
            quote_volume=figure_text(quote_volume, self.terms.quote.scale),
            trades=sum(candle.trades for candle in candles),
            computed_us=now_us,
            first_sequence=candles[0].first_trade_sequence if candles else 0,
            prev_close=self._prev_close,
        )


def window_open_us(now_us: int) -> int:
    """Return when the 24 hours that end with the minute of ``now_us`` begin."""
    return open_us("1m", now_us) - (WINDOW_MINUTES - 1) * MINUTE_US
