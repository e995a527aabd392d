"""What can be followed, by whom, and how it is spelled: topics, sinks and codecs.

A message is encoded once per topic, and every sink of the topic is given the same object.
"""

from typing import Any, Final, Literal, NamedTuple, Protocol
from uuid import UUID

import msgspec

from marketdata.market_view import DepthDelta, MarketView, PublicTrade
from marketdata.wire import CandleState
from matching.wire import BalanceState, OrderState, TradeState

PublicChannel = Literal["orderbook", "trades", "ticker", "candles"]
PrivateChannel = Literal["orders", "fills", "balances"]
Channel = PublicChannel | PrivateChannel

PUBLIC_CHANNELS: Final = ("orderbook", "trades", "ticker", "candles")
PRIVATE_CHANNELS: Final = ("orders", "fills", "balances")

# Whatever a codec makes and a sink's transport takes: an ASGI message, as a rule.
Message = Any


class AccountFill(msgspec.Struct, frozen=True):
    """One party's view of a trade."""

    order: OrderState
    trade: TradeState
    is_maker: bool


class Codec(Protocol):
    """How one API spells messages. Compared by identity, so there is one instance of each."""

    def book_snapshot(self, topic: "Topic", view: MarketView) -> Message: ...

    def book_delta(self, topic: "Topic", view: MarketView, delta: DepthDelta) -> Message: ...

    def trade(self, topic: "Topic", view: MarketView, trade: PublicTrade) -> Message: ...

    def ticker(self, topic: "Topic", view: MarketView) -> Message: ...

    def candle(self, topic: "Topic", view: MarketView, candle: CandleState) -> Message: ...

    def order(self, topic: "Topic", view: MarketView, order: OrderState) -> Message: ...

    def fill(self, topic: "Topic", view: MarketView, fill: AccountFill) -> Message: ...

    def balance(self, topic: "Topic", balance: BalanceState) -> Message | None:
        """Return None for an asset that the codec does not know: its followers must resync."""


class Topic(NamedTuple):
    """A stream of messages. ``market_id`` None: every market, also those that come later.

    ``interval`` is for candles only; ``account_id`` and ``account_ref`` (what the account is
    called outside) are for private channels only.
    """

    channel: Channel
    market_id: int | None
    codec: Codec
    interval: str | None = None
    account_id: int | None = None
    account_ref: UUID | None = None


class Sink(Protocol):
    """The receiving end of subscriptions. Neither method may block or raise."""

    def push(self, topic: Topic, message: Message) -> None:
        """Take one message; a sink that is behind may drop it and ask for ``Feed.current``."""

    def lost(self, topic: Topic) -> None:
        """Learn that messages of a private topic are gone for good: the client must resync."""
