"""What anybody can follow, and how it is spelled: topics, sinks and codecs.

A message is encoded once per topic, and every sink of the topic is given the same object.
"""

from typing import Any, Final, Literal, NamedTuple, Protocol

from marketdata.feed.view import DepthDelta, MarketView
from marketdata.wire import CandleState, PublicTrade

Channel = Literal["orderbook", "trades", "ticker", "candles", "markets"]
PUBLIC_CHANNELS: Final = ("orderbook", "trades", "ticker", "candles", "markets")

# Whatever a codec makes and a sink's transport takes: an ASGI message, as a rule.
Message = Any


class Codec(Protocol):
    """How one API spells messages. Compared by identity, so there is one instance of each."""

    def book_snapshot(self, topic: "Topic", view: MarketView) -> Message: ...

    def book_delta(self, topic: "Topic", view: MarketView, delta: DepthDelta) -> Message: ...

    def trade(self, topic: "Topic", view: MarketView, trade: PublicTrade) -> Message: ...

    def ticker(self, topic: "Topic", view: MarketView) -> Message: ...

    def candle(self, topic: "Topic", view: MarketView, candle: CandleState) -> Message: ...

    def market(self, topic: "Topic", view: MarketView) -> Message: ...


class Topic(NamedTuple):
    """A stream of messages that everybody may see. Accounts are followed by ``follow_account``.

    ``market_id`` None: every market, also those that come later. ``interval`` is for candles only.
    """

    channel: Channel
    market_id: int | None
    codec: Codec
    interval: str | None = None


class Sink(Protocol):
    """The receiving end of subscriptions. It may not block or raise."""

    def push(self, topic: Topic, message: Message) -> None:
        """Take one message; a sink that is behind may drop it and ask for ``Feed.current``."""
