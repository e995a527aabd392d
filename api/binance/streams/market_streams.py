"""The streams: what each listens to, when it tells something, and what.

Streams are sinks of the feed. What they listen to arrives as the feed's own objects (``_Plain``);
each event is encoded here, once.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import structlog

from api.binance.streams.depth_chain import ChainBroken, DepthChain
from api.binance.streams.events import Event
from api.binance.streams.names import SLOW_S, StreamName
from api.binance.streams.pace import Pace
from api.binance.streams.stream import Stream
from api.binance.words import public_shapes as shapes
from api.binance.words.symbols import find_market, list_offered
from marketdata.candles.intervals import next_open_us, open_us
from marketdata.candles.selectors import flat_candle
from marketdata.feed.feed import Feed, MarketView, Message, Topic
from marketdata.feed.topics import Channel
from marketdata.feed.view import DepthDelta
from marketdata.wire import AggregatedTrade, CandleState, PublicTrade
from zavora.foundation.money import EXACT, parse_decimal
from zavora.foundation.times import now_ms

# A candle is closed this long after its end: trades of its last moment are counted by then.
CLOSE_GRACE_S: Final = 0.7
# A candle whose trades are known but not counted is looked at again this much later.
CLOSE_RETRY_S: Final = 0.1
# Candles that a stream remembers having told, so that it can tell flat ones again.
TOLD_CANDLES_MAX: Final = 1_000

log = structlog.get_logger(__name__)


class _Plain:
    """A codec that spells nothing: streams are given what happened."""

    def book_snapshot(self, topic: Topic, view: MarketView) -> Message:
        return None

    def book_delta(self, topic: Topic, view: MarketView, delta: DepthDelta) -> Message:
        return delta

    def trade(self, topic: Topic, view: MarketView, trade: PublicTrade) -> Message:
        return trade

    def ticker(self, topic: Topic, view: MarketView) -> Message:
        return None

    def candle(self, topic: Topic, view: MarketView, candle: CandleState) -> Message:
        return candle

    def market(self, topic: Topic, view: MarketView) -> Message:
        return None


_PLAIN: Final = _Plain()


class MarketStream(Stream):
    """A stream of one market that listens to a channel of the feed."""

    channel: Channel

    def start(self) -> None:
        """Begin to listen."""
        self.view = find_market(self.name.symbol or "")
        interval = self.name.interval or None
        self.topic = Topic(self.channel, self.view.terms.market_id, _PLAIN, interval)
        self.feed.subscribe(self.topic, self)

    def stop(self) -> None:
        """Listen no more."""
        self.feed.unsubscribe(self.topic, self)

    def push(self, topic: Topic, message: Message) -> None:
        """Take what the feed tells."""
        raise NotImplementedError


class TradeStream(MarketStream):
    """Each trade."""

    channel: Channel = "trades"

    def push(self, topic: Topic, message: PublicTrade) -> None:
        """Tell of a trade."""
        self.tell(shapes.trade_event(message, self.view.terms, now_ms()))


class AggregatedTradeStream(MarketStream):
    """The fills of one taker at one price, as one."""

    channel: Channel = "trades"

    def start(self) -> None:
        """Begin to listen."""
        super().start()
        self._run: list[PublicTrade] = []

    def push(self, topic: Topic, message: PublicTrade) -> None:
        """Keep a trade until its run is over: the feed tells all of a batch in one go."""
        if not self._run and message.sequence != message.run_sequence:
            return  # its run's first trades were missed, and part of it would be a wrong one
        if self._run and self._run[-1].run_sequence != message.run_sequence:
            self._tell_run()
        if not self._run:
            asyncio.get_running_loop().call_soon(self._tell_run)
        self._run.append(message)

    def _tell_run(self) -> None:
        run, self._run = self._run, []
        if run and self.followers:
            merged = merge_run(run)
            self.tell(shapes.aggregated_trade_event(merged, self.view.terms, now_ms()))


def merge_run(run: list[PublicTrade]) -> AggregatedTrade:
    """Return the trades of one run, oldest first, as one."""
    first, last = run[0], run[-1]
    quantity = first.quantity
    if len(run) > 1:
        total = parse_decimal(first.quantity)
        for trade in run[1:]:
            total = EXACT.add(total, parse_decimal(trade.quantity))
        quantity = f"{total:f}"
    return AggregatedTrade(
        first.sequence, last.sequence, first.price, quantity, first.taker_side, first.created_us
    )


class KlineStream(MarketStream):
    """A candle after each change, and once more when it is over; flat ones without a trade.

    What was told last of a candle is what REST says of it: a candle is told as closed only once
    every known trade from before its end is counted, and one that changes after all is told again,
    with the flat ones that were carried on from it (ADR 0016).
    """

    channel: Channel = "candles"

    def start(self) -> None:
        """Begin to listen."""
        super().start()
        self._closing: asyncio.TimerHandle | None = None
        # What was told, by when it opened, oldest first.
        self._told: OrderedDict[int, CandleState] = OrderedDict()
        # The newest candle; None until the first change after the process started.
        self._candle = self.view.candles.get(self.name.interval)
        self._is_closed = False
        if self._candle is not None:
            self._candle = self._skip_to_now(self._candle)
            self._await_close(self._candle)

    def stop(self) -> None:
        """Listen no more."""
        super().stop()
        if self._closing is not None:
            self._closing.cancel()

    def push(self, topic: Topic, message: CandleState) -> None:
        """Tell of a candle's new state; close those before it, correct those after it."""
        known = self._candle
        if known is not None and message.open_us < known.open_us:
            self._correct(known, message)
            return
        while known is not None and known.open_us < message.open_us:
            if not self._is_closed:
                self._tell_candle(known, is_closed=True)
            known = self._following(known)
            self._is_closed = False
        self._candle = message
        self._is_closed = self._closes_in_s(message) <= 0 and self._is_counted(message)
        self._await_close(message)
        self._tell_candle(message, is_closed=self._is_closed)

    def _correct(self, present: CandleState, late: CandleState) -> None:
        """Tell an earlier candle again, and the flat ones from it up to the next trade."""
        self._tell_candle(late, is_closed=True)
        candle = self._following(late)
        while candle.open_us < present.open_us:
            told = self._told.get(candle.open_us)
            if told is not None and told.trades:
                return
            if told is not None:
                self._tell_candle(candle, is_closed=True)
            candle = self._following(candle)
        if not present.trades:
            self._candle = candle
            if self._is_closed:
                self._tell_candle(candle, is_closed=True)

    def _tell_candle(self, candle: CandleState, *, is_closed: bool) -> None:
        if candle.open_us not in self._told:
            self._told[candle.open_us] = candle
            if len(self._told) > TOLD_CANDLES_MAX:
                self._told.popitem(last=False)
        self._told[candle.open_us] = candle
        self.tell(shapes.kline_event(candle, self.view.terms, now_ms(), is_closed=is_closed))

    def _await_close(self, candle: CandleState, *, not_before_s: float = 0.0) -> None:
        if self._closing is not None:
            self._closing.cancel()
        delay_s = max(not_before_s, self._closes_in_s(candle))
        self._closing = asyncio.get_running_loop().call_later(delay_s, self._close)

    def _close(self) -> None:
        """Close the candle whose time is over; the next one is flat until something is traded."""
        candle = self._candle
        if candle is None:
            return
        if not self._is_closed and not self._is_counted(candle):
            self._await_close(candle, not_before_s=CLOSE_RETRY_S)
            return
        if not self._is_closed:
            self._tell_candle(candle, is_closed=True)
        self._candle, self._is_closed = self._following(candle), False
        self._await_close(self._candle)

    def _is_counted(self, candle: CandleState) -> bool:
        """Tell whether every trade that is known of the candle's time, or before, is counted."""
        return self.view.counts_all(candle.interval, next_open_us(candle.interval, candle.open_us))

    def _following(self, candle: CandleState) -> CandleState:
        opened_us = next_open_us(candle.interval, candle.open_us)
        return flat_candle(self.view.terms, candle.interval, opened_us, candle.close)

    def _skip_to_now(self, candle: CandleState) -> CandleState:
        """Return the present candle, a flat one, where ``candle`` is an old one."""
        if self._closes_in_s(candle) > 0:
            return candle
        opened_us = open_us(candle.interval, int((time.time() - CLOSE_GRACE_S) * 1_000_000))
        return flat_candle(self.view.terms, candle.interval, opened_us, candle.close)

    def _closes_in_s(self, candle: CandleState) -> float:
        end_s = next_open_us(candle.interval, candle.open_us) / 1_000_000
        return end_s + CLOSE_GRACE_S - time.time()


class BookTickerStream(MarketStream):
    """The best bid and ask, whenever one of them changes."""

    channel: Channel = "orderbook"

    def start(self) -> None:
        """Begin to listen."""
        super().start()
        self._known = shapes.best(self.view)

    def push(self, topic: Topic, message: DepthDelta | None) -> None:
        """Tell of the best prices if they are others than before."""
        best = shapes.best(self.view)
        if best != self._known:
            self._known = best
            self.tell(shapes.book_ticker_event(self.view))


class PartialDepthStream(MarketStream):
    """The best levels, each time something in the book changed."""

    channel: Channel = "orderbook"

    def start(self) -> None:
        """Begin to listen."""
        super().start()
        self._pace = Pace(self.name.period_s, self._tell_levels)
        self._last: tuple[int, Event] | None = None

    def stop(self) -> None:
        """Listen no more."""
        super().stop()
        self._pace.stop()

    def push(self, topic: Topic, message: DepthDelta | None) -> None:
        """Have it told when its time has come."""
        self._pace.wake()

    def opening(self) -> Event:
        """Return the book as it is."""
        sequence = self.view.depth_sequence
        if self._last is None or self._last[0] != sequence:
            levels = shapes.depth(self.view, self.name.levels)
            self._last = sequence, Event(self.name.text, levels)
        return self._last[1]

    def _tell_levels(self) -> None:
        self.deliver(self.opening())


class DepthStream(MarketStream):
    """All changes of a book, in a chain without gaps: one chain per market and speed."""

    channel: Channel = "orderbook"

    def start(self) -> None:
        """Begin the chain with the book as it is."""
        super().start()
        self._chain = DepthChain(*self.view.top())
        self._pace = Pace(self.name.period_s, self._tell_changes)

    def stop(self) -> None:
        """End the chain."""
        super().stop()
        self._pace.stop()

    def push(self, topic: Topic, message: DepthDelta | None) -> None:
        """Take in a change, or a book that the feed has loaded anew."""
        try:
            if message is not None and self._chain.follows(message):
                self._chain.change(message)
            else:
                self._chain.reload(*self.view.top())
        except ChainBroken as error:
            # Numbers never go back unless the tables themselves were replaced.
            log.error("depth_chain_broken", stream=self.name.text, error=str(error))
            self._chain = DepthChain(*self.view.top())
            for follower in list(self.followers):
                follower.lose()
            return
        self._pace.wake()

    def _tell_changes(self) -> None:
        event = self._chain.take()
        if event is None:
            return
        self.tell(
            {
                "e": "depthUpdate",
                "E": now_ms(),
                "s": self.name.symbol,
                "U": event.first,
                "u": event.last,
                "b": shapes.level_shapes(event.bids),
                "a": shapes.level_shapes(event.asks),
            }
        )


class TickerStream(Stream):
    """The last 24 hours of one market or, in an array, of all; each second."""

    def start(self) -> None:
        """Begin to tell."""
        self._view = None if self.name.symbol is None else find_market(self.name.symbol)
        self._pace = Pace(SLOW_S, self._tell_tickers)
        self._pace.wake()

    def stop(self) -> None:
        """Tell no more."""
        self._pace.stop()

    def _tell_tickers(self) -> None:
        self._pace.wake()
        time_ms = now_ms()
        is_mini = self.name.kind in ("miniTicker", "allMiniTickers")
        shape = shapes.mini_ticker_event if is_mini else shapes.ticker_event
        if self._view is not None:
            self.tell(shape(self._view, time_ms))
        else:
            self.tell([each for view in list_offered() for each in _spelled(shape, view, time_ms)])


def _spelled(
    shape: Callable[[MarketView, int], shapes.Shape], view: MarketView, time_ms: int
) -> list[shapes.Shape]:
    """Return a market's ticker, or nothing where it has none: the others are told all the same."""
    try:
        return [shape(view, time_ms)]
    except Exception:
        log.exception("ticker_not_told", market=view.terms.symbol)
        return []


_STREAMS: Final[dict[str, type[Stream]]] = {
    "trade": TradeStream,
    "aggTrade": AggregatedTradeStream,
    "kline": KlineStream,
    "bookTicker": BookTickerStream,
    "partialDepth": PartialDepthStream,
    "depth": DepthStream,
    "miniTicker": TickerStream,
    "ticker": TickerStream,
    "allMiniTickers": TickerStream,
    "allTickers": TickerStream,
}


def make_stream(name: StreamName, feed: Feed) -> Stream:
    """Return a stream, not started yet."""
    return _STREAMS[name.kind](name, feed)
