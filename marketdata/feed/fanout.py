"""Who follows what, and the delivery of each message to all of them."""

from collections.abc import Iterable
from typing import Final

from marketdata.feed.account_streams import AccountStreams
from marketdata.feed.topics import (
    PRIVATE_CHANNELS,
    AccountFill,
    Channel,
    Message,
    Sink,
    Topic,
)
from marketdata.market_view import DepthDelta, MarketView, PublicTrade
from marketdata.wire import CandleState
from matching import wire
from matching.wire import BalanceState, MarketEvent, OrderChange

# What a sink that fell behind is given of the trades it missed: the newest ones. Their ids have
# no gaps, so it can tell how many more there were.
MISSED_TRADES_MAX: Final = 100

NO_TOPICS: Final[dict[Topic, dict[Sink, None]]] = {}


class Fanout:
    """The subscriptions of a process. All methods run in the feed's event loop."""

    def __init__(self) -> None:
        # By channel, market (None: all) and account (None: public).
        self._topics: dict[tuple[Channel, int | None, int | None], dict[Topic, dict[Sink, None]]]
        self._topics = {}
        # How many topics follow an account.
        self._accounts: dict[int, int] = {}
        # The newest balance told of, by account and asset.
        self._balance_versions: dict[int, dict[int, int]] = {}
        # The last snapshot made of a book topic and market, and the depth sequence it shows.
        self._snapshots: dict[tuple[Topic, int], tuple[int, Message]] = {}
        self.deliveries = 0
        # Those who follow all that happens to an account.
        self.account_streams = AccountStreams()

    def add(self, topic: Topic, sink: Sink) -> None:
        """Let ``sink`` follow ``topic``; twice is once."""
        topics = self._topics.setdefault(_place(topic), {})
        if topic not in topics:
            topics[topic] = {}
            if topic.account_id is not None:
                self._accounts[topic.account_id] = self._accounts.get(topic.account_id, 0) + 1
        topics[topic][sink] = None

    def remove(self, topic: Topic, sink: Sink) -> None:
        """End it; a topic that is not followed is left alone."""
        topics = self._topics.get(_place(topic), NO_TOPICS)
        sinks = topics.get(topic)
        if sinks is None:
            return
        sinks.pop(sink, None)
        if not sinks:
            self._drop(topic, topics)

    @property
    def account_ids(self) -> list[int]:
        """Return the accounts that somebody follows."""
        return list(self._accounts)

    def has_followers(self, channel: Channel, market_id: int) -> bool:
        """Tell whether somebody follows a public channel of a market."""
        return any(True for _ in self._following(channel, market_id))

    def book_delta(self, view: MarketView, delta: DepthDelta) -> None:
        """Tell the followers of a book what changed."""
        for topic, sinks in self._following("orderbook", view.terms.market_id):
            self._deliver(topic, sinks, topic.codec.book_delta(topic, view, delta))

    def book_snapshot(self, view: MarketView) -> None:
        """Give the followers of a book the whole of it: it was loaded anew."""
        for topic, sinks in self._following("orderbook", view.terms.market_id):
            self._deliver(topic, sinks, self.snapshot_of(topic, view))

    def trades(self, view: MarketView, trades: Iterable[PublicTrade]) -> None:
        """Tell of trades, oldest first."""
        following = list(self._following("trades", view.terms.market_id))
        if not following:
            return
        for trade in trades:
            for topic, sinks in following:
                self._deliver(topic, sinks, topic.codec.trade(topic, view, trade))

    def ticker(self, view: MarketView) -> None:
        """Tell of the ticker as it is now."""
        for topic, sinks in self._following("ticker", view.terms.market_id):
            self._deliver(topic, sinks, topic.codec.ticker(topic, view))

    def candle(self, view: MarketView, candle: CandleState) -> None:
        """Tell the followers of the candle's interval of its new state."""
        for topic, sinks in self._following("candles", view.terms.market_id):
            if topic.interval == candle.interval:
                self._deliver(topic, sinks, topic.codec.candle(topic, view, candle))

    def private(self, view: MarketView, event: MarketEvent) -> None:
        """Tell the followed accounts what an event did to their orders and balances."""
        if not event.private or not (self._accounts or self.account_streams):
            return
        part = wire.decode_private(event.private)
        if self.account_streams:
            self.account_streams.event(view, event, part)
        if not self._accounts:
            return
        trades = {trade.sequence: trade for trade in event.trades}
        for change in part.changes:
            if change.order.account_id in self._accounts:
                self._order_change(view, change, trades)
        self.balances(part.balances)

    def balances(self, states: Iterable[BalanceState]) -> None:
        """Tell the followed accounts of their balances, unless they know newer ones."""
        for state in states:
            if state.account_id not in self._accounts:
                continue
            versions = self._balance_versions.setdefault(state.account_id, {})
            if state.version <= versions.get(state.asset_id, -1):
                continue
            versions[state.asset_id] = state.version
            topics = self._topics.get(("balances", None, state.account_id), NO_TOPICS)
            for topic, sinks in list(topics.items()):
                message = topic.codec.balance(topic, state)
                if message is not None:
                    self._deliver(topic, sinks, message)
                    continue
                for sink in list(sinks):
                    sink.lost(topic)

    def lost_private(self, market_id: int) -> None:
        """Tell all followers of private channels of a market that something is gone for good."""
        self.account_streams.lost()
        for (channel, followed, account_id), topics in list(self._topics.items()):
            if account_id is None or channel not in PRIVATE_CHANNELS:
                continue
            # A market's events also carry balances, which have no market.
            if followed in (None, market_id):
                for topic, sinks in list(topics.items()):
                    for sink in list(sinks):
                        sink.lost(topic)

    def lost_balances(self) -> None:
        """Tell all followers of balances that notices may be gone: they carry no sequence."""
        self.account_streams.lost()
        for (channel, _, _), topics in list(self._topics.items()):
            if channel == "balances":
                for topic, sinks in list(topics.items()):
                    for sink in list(sinks):
                        sink.lost(topic)

    def current(self, topic: Topic, view: MarketView) -> list[Message]:
        """Return what brings a follower of a public topic up to date in one market."""
        if topic.channel == "orderbook":
            return [self.snapshot_of(topic, view)]
        if topic.channel == "ticker":
            return [topic.codec.ticker(topic, view)]
        if topic.channel == "candles":
            candle = view.candles.get(topic.interval or "")
            return [topic.codec.candle(topic, view, candle)] if candle else []
        if topic.channel == "trades":
            trades = reversed(view.recent_trades(MISSED_TRADES_MAX))
            return [topic.codec.trade(topic, view, trade) for trade in trades]
        return []

    def snapshot_of(self, topic: Topic, view: MarketView) -> Message:
        """Return the whole book for a topic, encoded once per state of the book."""
        key = (topic, view.terms.market_id)
        known = self._snapshots.get(key)
        if known is not None and known[0] == view.depth_sequence:
            return known[1]
        message = topic.codec.book_snapshot(topic, view)
        self._snapshots[key] = (view.depth_sequence, message)
        return message

    def _order_change(
        self, view: MarketView, change: OrderChange, trades: dict[int, wire.TradeState]
    ) -> None:
        order = change.order
        for topic, sinks in self._following("orders", view.terms.market_id, order.account_id):
            self._deliver(topic, sinks, topic.codec.order(topic, view, order))
        trade = trades.get(change.trade_sequence) if change.kind == "trade" else None
        if trade is None:
            return
        fill = AccountFill(order, trade, change.is_maker)
        for topic, sinks in self._following("fills", view.terms.market_id, order.account_id):
            self._deliver(topic, sinks, topic.codec.fill(topic, view, fill))

    def _following(
        self, channel: Channel, market_id: int, account_id: int | None = None
    ) -> Iterable[tuple[Topic, dict[Sink, None]]]:
        for followed in (market_id, None):
            yield from list(self._topics.get((channel, followed, account_id), NO_TOPICS).items())

    def _deliver(self, topic: Topic, sinks: dict[Sink, None], message: Message) -> None:
        self.deliveries += len(sinks)
        for sink in list(sinks):
            sink.push(topic, message)

    def _drop(self, topic: Topic, topics: dict[Topic, dict[Sink, None]]) -> None:
        del topics[topic]
        if not topics:
            del self._topics[_place(topic)]
        for key in [key for key in self._snapshots if key[0] == topic]:
            del self._snapshots[key]
        if topic.account_id is None:
            return
        self._accounts[topic.account_id] -= 1
        if not self._accounts[topic.account_id]:
            del self._accounts[topic.account_id]
            self._balance_versions.pop(topic.account_id, None)


def _place(topic: Topic) -> tuple[Channel, int | None, int | None]:
    return topic.channel, topic.market_id, topic.account_id
