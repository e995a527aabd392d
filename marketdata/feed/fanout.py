"""Who follows what everybody may see, and the delivery of each message to all of them."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import structlog

from marketdata.feed.topics import Channel, Message, Sink, Topic
from marketdata.feed.view import DepthDelta, MarketView
from marketdata.wire import CandleState, PublicTrade

# What a sink that fell behind is given of the trades it missed: the newest ones. Their ids have
# no gaps, so it can tell how many more there were.
MISSED_TRADES_MAX: Final = 100

NO_TOPICS: Final[dict[Topic, dict[Sink, None]]] = {}

log = structlog.get_logger(__name__)


class Fanout:
    """The subscriptions of a process. All methods run in the feed's event loop."""

    def __init__(self) -> None:
        # By channel and market (None: all).
        self._topics: dict[tuple[Channel, int | None], dict[Topic, dict[Sink, None]]] = {}
        # The last snapshot made of a book topic and market, and the depth sequence it shows.
        self._snapshots: dict[tuple[Topic, int], tuple[int, Message]] = {}
        self.deliveries = 0

    def add(self, topic: Topic, sink: Sink) -> None:
        """Let ``sink`` follow ``topic``; twice is once."""
        topics = self._topics.setdefault(_place(topic), {})
        topics.setdefault(topic, {})[sink] = None

    def remove(self, topic: Topic, sink: Sink) -> None:
        """End it; a topic that is not followed is left alone."""
        topics = self._topics.get(_place(topic), NO_TOPICS)
        sinks = topics.get(topic)
        if sinks is None:
            return
        sinks.pop(sink, None)
        if not sinks:
            self._drop(topic, topics)

    def has_followers(self, channel: Channel, market_id: int) -> bool:
        """Tell whether somebody follows a public channel of a market."""
        return any(True for _ in self._following(channel, market_id))

    def book_delta(self, view: MarketView, delta: DepthDelta) -> None:
        """Tell the followers of a book what changed."""
        for topic, sinks in self._following("orderbook", view.terms.market_id):
            self._tell(topic, sinks, topic.codec.book_delta, view, delta)

    def book_snapshot(self, view: MarketView) -> None:
        """Give the followers of a book the whole of it: it was loaded anew."""
        for topic, sinks in self._following("orderbook", view.terms.market_id):
            self._tell(topic, sinks, self.snapshot_of, view)

    def trades(self, view: MarketView, trades: Iterable[PublicTrade]) -> None:
        """Tell of trades, oldest first."""
        following = list(self._following("trades", view.terms.market_id))
        if not following:
            return
        for trade in trades:
            for topic, sinks in following:
                self._tell(topic, sinks, topic.codec.trade, view, trade)

    def ticker(self, view: MarketView) -> None:
        """Tell of the ticker as it is now."""
        for topic, sinks in self._following("ticker", view.terms.market_id):
            self._tell(topic, sinks, topic.codec.ticker, view)

    def candle(self, view: MarketView, candle: CandleState) -> None:
        """Tell the followers of the candle's interval of its new state."""
        for topic, sinks in self._following("candles", view.terms.market_id):
            if topic.interval == candle.interval:
                self._tell(topic, sinks, topic.codec.candle, view, candle)

    def market(self, view: MarketView) -> None:
        """Tell of a market's rules and state as they are now."""
        for topic, sinks in self._following("markets", view.terms.market_id):
            self._tell(topic, sinks, topic.codec.market, view)

    def follows_candles(self, market_id: int, interval: str) -> bool:
        """Tell whether somebody follows a market's candles of an interval."""
        following = self._following("candles", market_id)
        return any(topic.interval == interval for topic, _ in following)

    def current(self, topic: Topic, view: MarketView, *, candles_max: int) -> list[Message]:
        """Return what brings a follower of a public topic up to date in one market."""
        if topic.channel == "orderbook":
            return [self.snapshot_of(topic, view)]
        if topic.channel == "ticker":
            return [topic.codec.ticker(topic, view)]
        if topic.channel == "markets":
            return [topic.codec.market(topic, view)]
        if topic.channel == "candles":
            candles = view.recent_candles(topic.interval or "")[-candles_max:]
            return [topic.codec.candle(topic, view, candle) for candle in candles]
        trades = reversed(view.recent_trades(MISSED_TRADES_MAX))
        return [topic.codec.trade(topic, view, trade) for trade in trades]

    def snapshot_of(self, topic: Topic, view: MarketView) -> Message:
        """Return the whole book for a topic, encoded once per state of the book."""
        key = (topic, view.terms.market_id)
        known = self._snapshots.get(key)
        if known is not None and known[0] == view.depth_sequence:
            return known[1]
        message = topic.codec.book_snapshot(topic, view)
        self._snapshots[key] = (view.depth_sequence, message)
        return message

    def _following(
        self, channel: Channel, market_id: int
    ) -> Iterable[tuple[Topic, dict[Sink, None]]]:
        for followed in (market_id, None):
            yield from list(self._topics.get((channel, followed), NO_TOPICS).items())

    def _tell(
        self, topic: Topic, sinks: dict[Sink, None], spell: Callable[..., Message], *what: Any
    ) -> None:
        """Spell what happened for a topic and give it to its sinks.

        What cannot be spelled or taken, against what codecs and sinks promise, is lost for them;
        nobody else pays for it.
        """
        try:
            message = spell(topic, *what)
        except Exception:
            log.exception("message_not_spelled", channel=topic.channel, market=topic.market_id)
            return
        self.deliveries += len(sinks)
        for sink in list(sinks):
            try:
                sink.push(topic, message)
            except Exception:
                log.exception("message_not_taken", channel=topic.channel, market=topic.market_id)

    def _drop(self, topic: Topic, topics: dict[Topic, dict[Sink, None]]) -> None:
        del topics[topic]
        if not topics:
            del self._topics[_place(topic)]
        for key in [key for key in self._snapshots if key[0] == topic]:
            del self._snapshots[key]


def _place(topic: Topic) -> tuple[Channel, int | None]:
    return topic.channel, topic.market_id
