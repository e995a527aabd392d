"""Tickers and candles as they are told: figures are decimal text.

Prices carry the tick's decimals, volumes the lot's, quote volumes the quote asset's.
"""

import msgspec


class TickerState(msgspec.Struct, frozen=True, array_like=True):
    """The last 24 hours of a market, counted up to the trade ``sequence``.

    Where nothing traded within them, open, high and low are the last price and volumes zero.
    ``first_sequence`` is the first trade in them (0: none), ``prev_close`` the price before them
    (empty: there was none).
    """

    market_id: int
    sequence: int
    last: str
    open: str
    high: str
    low: str
    volume: str
    quote_volume: str
    trades: int
    computed_us: int
    first_sequence: int = 0
    prev_close: str = ""


class CandleState(msgspec.Struct, frozen=True, array_like=True):
    """A candle as it stands after a commit; ``open_us`` in microseconds since 1970.

    ``prev_sequence`` is the last trade that the candles of its interval counted before this
    change (-1: not said): who knows less than that has missed something.
    """

    market_id: int
    interval: str
    open_us: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    quote_volume: str
    taker_buy_volume: str
    taker_buy_quote_volume: str
    trades: int
    first_trade_sequence: int
    last_trade_sequence: int
    prev_sequence: int = -1
