"""How public market data is spelled, by REST and by the streams: one place, so that they agree."""

from collections.abc import Iterable
from typing import Any, Final

from api.binance.words.symbols import symbol_of
from api.binance.words.text import ZERO, eight, ms_of_us
from marketdata.candles.intervals import next_open_us
from marketdata.feed.book import Level
from marketdata.feed.feed import MarketView
from marketdata.feed.view import Ticker
from marketdata.wire import AggregatedTrade, CandleState, PublicTrade
from matching.markets.terms import MarketTerms

Shape = dict[str, Any]
NO_TRADE: Final = -1


# --- books ----------------------------------------------------------------------------------------


def level_shapes(levels: Iterable[Level]) -> list[Level]:
    """Return price levels; what is removed reads exactly ``0.00000000``."""
    return [(eight(price), eight(quantity)) for price, quantity in levels]


def depth(view: MarketView, limit: int) -> Shape:
    """Return a book as it is now: its levels and the last change that they contain."""
    bids, asks, sequence = view.top(limit)
    return {"lastUpdateId": sequence, "bids": level_shapes(bids), "asks": level_shapes(asks)}


def best(view: MarketView) -> tuple[Level, Level]:
    """Return the best bid and ask, zeros for an empty side."""
    bids, asks, _ = view.top(1)
    empty = (ZERO, ZERO)
    return (
        level_shapes(bids)[0] if bids else empty,
        level_shapes(asks)[0] if asks else empty,
    )


def book_ticker(view: MarketView) -> Shape:
    """Return the best prices."""
    bid, ask = best(view)
    return {
        "symbol": symbol_of(view.terms),
        "bidPrice": bid[0],
        "bidQty": bid[1],
        "askPrice": ask[0],
        "askQty": ask[1],
    }


def book_ticker_event(view: MarketView) -> Shape:
    """Return the best prices as ``@bookTicker`` tells them."""
    bid, ask = best(view)
    return {
        "u": view.depth_sequence,
        "s": symbol_of(view.terms),
        "b": bid[0],
        "B": bid[1],
        "a": ask[0],
        "A": ask[1],
    }


# --- trades ---------------------------------------------------------------------------------------


def trade(trade: PublicTrade) -> Shape:
    """Return a trade."""
    return {
        "id": trade.sequence,
        "price": eight(trade.price),
        "qty": eight(trade.quantity),
        "quoteQty": eight(trade.amount),
        "time": ms_of_us(trade.created_us),
        "isBuyerMaker": trade.taker_side == "sell",
        "isBestMatch": True,
    }


def trade_event(trade: PublicTrade, terms: MarketTerms, time_ms: int) -> Shape:
    """Return a trade as ``@trade`` tells it."""
    return {
        "e": "trade",
        "E": time_ms,
        "s": symbol_of(terms),
        "t": trade.sequence,
        "p": eight(trade.price),
        "q": eight(trade.quantity),
        "T": ms_of_us(trade.created_us),
        "m": trade.taker_side == "sell",
        "M": True,
    }


def aggregated_trade(trade: AggregatedTrade) -> Shape:
    """Return the fills of one taker at one price; the first trade's id is its own."""
    return {
        "a": trade.run_sequence,
        "p": eight(trade.price),
        "q": eight(trade.quantity),
        "f": trade.run_sequence,
        "l": trade.last_sequence,
        "T": ms_of_us(trade.created_us),
        "m": trade.taker_side == "sell",
        "M": True,
    }


def aggregated_trade_event(trade: AggregatedTrade, terms: MarketTerms, time_ms: int) -> Shape:
    """Return the same as ``@aggTrade`` tells it."""
    head = {"e": "aggTrade", "E": time_ms, "s": symbol_of(terms)}
    return {**head, **aggregated_trade(trade)}


# --- candles --------------------------------------------------------------------------------------


def close_ms(candle: CandleState) -> int:
    """Return the last millisecond of a candle."""
    return ms_of_us(next_open_us(candle.interval, candle.open_us)) - 1


def kline(candle: CandleState) -> list[Any]:
    """Return a candle."""
    return [
        ms_of_us(candle.open_us),
        eight(candle.open),
        eight(candle.high),
        eight(candle.low),
        eight(candle.close),
        eight(candle.volume),
        close_ms(candle),
        eight(candle.quote_volume),
        candle.trades,
        eight(candle.taker_buy_volume),
        eight(candle.taker_buy_quote_volume),
        "0",
    ]


def kline_event(candle: CandleState, terms: MarketTerms, time_ms: int, *, is_closed: bool) -> Shape:
    """Return a candle as ``@kline_<interval>`` tells it."""
    symbol = symbol_of(terms)
    shown = {
        "t": ms_of_us(candle.open_us),
        "T": close_ms(candle),
        "s": symbol,
        "i": candle.interval,
        "f": candle.first_trade_sequence,
        "L": candle.last_trade_sequence,
        "o": eight(candle.open),
        "c": eight(candle.close),
        "h": eight(candle.high),
        "l": eight(candle.low),
        "v": eight(candle.volume),
        "n": candle.trades,
        "x": is_closed,
        "q": eight(candle.quote_volume),
        "V": eight(candle.taker_buy_volume),
        "Q": eight(candle.taker_buy_quote_volume),
        "B": "0",
    }
    return {"e": "kline", "E": time_ms, "s": symbol, "k": shown}


# --- tickers --------------------------------------------------------------------------------------


class Day:
    """The last 24 hours of a market in eight decimals; zeros where nothing was ever traded."""

    __slots__ = (
        "change",
        "close_ms",
        "count",
        "first_id",
        "high",
        "last",
        "last_id",
        "last_quantity",
        "low",
        "open",
        "open_ms",
        "percent",
        "previous",
        "quote_volume",
        "volume",
        "weighted",
    )

    def __init__(self, ticker: Ticker, *, time_ms: int) -> None:
        self.change = _figure(ticker.change_24h)
        self.percent = _figure(ticker.change_24h_percent)
        self.weighted = _figure(ticker.vwap_24h)
        self.open = _figure(ticker.open_24h)
        self.previous = _figure(ticker.prev_close or ticker.open_24h)
        self.last = _figure(ticker.last)
        self.last_quantity = _figure(ticker.last_quantity)
        self.high = _figure(ticker.high_24h)
        self.low = _figure(ticker.low_24h)
        self.volume = _figure(ticker.volume_24h)
        self.quote_volume = _figure(ticker.quote_volume_24h)
        # A market in which nothing ever happened is as of now.
        self.close_ms = ms_of_us(ticker.time_us) or time_ms
        self.open_ms = ms_of_us(ticker.opened_us) or self.close_ms - 86_400_000
        self.first_id = ticker.first_sequence
        self.last_id = ticker.last_sequence
        self.count = ticker.trades_24h


def _figure(text: str | None) -> str:
    return ZERO if text is None else eight(text)


def ticker_mini(view: MarketView, time_ms: int) -> Shape:
    """Return the 24-hour ticker without what takes reckoning."""
    day = Day(view.ticker, time_ms=time_ms)
    return {
        "symbol": symbol_of(view.terms),
        "openPrice": day.open,
        "highPrice": day.high,
        "lowPrice": day.low,
        "lastPrice": day.last,
        "volume": day.volume,
        "quoteVolume": day.quote_volume,
        "openTime": day.open_ms,
        "closeTime": day.close_ms,
        "firstId": day.first_id,
        "lastId": day.last_id,
        "count": day.count,
    }


def ticker_full(view: MarketView, time_ms: int) -> Shape:
    """Return the 24-hour ticker."""
    day = Day(view.ticker, time_ms=time_ms)
    bid, ask = best(view)
    return {
        "symbol": symbol_of(view.terms),
        "priceChange": day.change,
        "priceChangePercent": day.percent,
        "weightedAvgPrice": day.weighted,
        "prevClosePrice": day.previous,
        "lastPrice": day.last,
        "lastQty": day.last_quantity,
        "bidPrice": bid[0],
        "bidQty": bid[1],
        "askPrice": ask[0],
        "askQty": ask[1],
        "openPrice": day.open,
        "highPrice": day.high,
        "lowPrice": day.low,
        "volume": day.volume,
        "quoteVolume": day.quote_volume,
        "openTime": day.open_ms,
        "closeTime": day.close_ms,
        "firstId": day.first_id,
        "lastId": day.last_id,
        "count": day.count,
    }


def ticker_price(view: MarketView) -> Shape:
    """Return the last price."""
    return {"symbol": symbol_of(view.terms), "price": _figure(view.ticker.last)}


def mini_ticker_event(view: MarketView, time_ms: int) -> Shape:
    """Return the 24-hour ticker as ``@miniTicker`` tells it."""
    day = Day(view.ticker, time_ms=time_ms)
    return {
        "e": "24hrMiniTicker",
        "E": time_ms,
        "s": symbol_of(view.terms),
        "c": day.last,
        "o": day.open,
        "h": day.high,
        "l": day.low,
        "v": day.volume,
        "q": day.quote_volume,
    }


def ticker_event(view: MarketView, time_ms: int) -> Shape:
    """Return the 24-hour ticker as ``@ticker`` tells it."""
    day = Day(view.ticker, time_ms=time_ms)
    bid, ask = best(view)
    return {
        "e": "24hrTicker",
        "E": time_ms,
        "s": symbol_of(view.terms),
        "p": day.change,
        "P": day.percent,
        "w": day.weighted,
        "x": day.previous,
        "c": day.last,
        "Q": day.last_quantity,
        "b": bid[0],
        "B": bid[1],
        "a": ask[0],
        "A": ask[1],
        "o": day.open,
        "h": day.high,
        "l": day.low,
        "v": day.volume,
        "q": day.quote_volume,
        "O": day.open_ms,
        "C": day.close_ms,
        "F": day.first_id,
        "L": day.last_id,
        "n": day.count,
    }
