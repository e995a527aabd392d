"""A connection's own accounts: what happens to them, spelled for v1 and sorted into its channels.

All of it comes from the feed's streams of whole accounts, the same that serve the compatible API,
so that both are told of everything, or of a loss.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Literal
from uuid import UUID

from api.transport.outbox import Outbox
from api.v1 import alert_words, order_words, words
from api.v1.socket.codec import subscription_id, text_frame
from api.v1.words import Shape
from marketdata.feed.account_streams import AccountEvent, AccountStep, Lost
from marketdata.feed.alerts import AlertStreams
from marketdata.feed.feed import Feed, MarketView, Message
from marketdata.wire import AlertState
from matching.markets.terms import MarketTerms
from matching.wire import BalanceState, ListState
from zavora.foundation.money import text_to_units

PrivateChannel = Literal["orders", "fills", "balances", "alerts"]
PRIVATE_CHANNELS: Final = ("orders", "fills", "balances", "alerts")
# Those that belong to no market.
OF_NO_MARKET: Final = ("balances", "alerts")
# A channel, in one market or (None) in all.
Followed = tuple[PrivateChannel, int | None]


class Told:
    """Something that happened to an account. Spelled when it is first asked for, then shared."""

    __slots__ = ("_frames", "_source", "channel", "terms")

    def __init__(
        self,
        channel: PrivateChannel,
        terms: MarketTerms | None,
        source: AccountStep | ListState | tuple[BalanceState, str, int],
    ) -> None:
        self.channel = channel
        self.terms = terms
        self._source = source
        self._frames: dict[bool, Message] = {}

    @property
    def market_id(self) -> int | None:
        """Return the market it happened in; balances belong to none."""
        return None if self.terms is None else self.terms.market_id

    def frame(self, account: UUID, *, in_all: bool) -> Message:
        """Return the push of the channel's subscription in all markets, or in this one."""
        frame = self._frames.get(in_all)
        if frame is None:
            symbol = None if self.terms is None else self.terms.symbol
            name = subscription_id(self.channel, None if in_all else symbol)
            params = {"market": symbol, "data": self._data(account), "subscription_id": name}
            if self.channel == "orders" and isinstance(self._source, AccountStep):
                params |= order_words.change(self._source.change)
            # Whoever follows orders and knows nothing of lists takes no list for an order.
            method = "orderLists" if isinstance(self._source, ListState) else self.channel
            frame = self._frames[in_all] = text_frame({"method": method, "params": params})
        return frame

    def _data(self, account: UUID) -> Shape:
        source, terms = self._source, self.terms
        if isinstance(source, tuple):
            state, code, scale = source
            return words.balance_of_units(
                account_id=account,
                asset=code,
                scale=scale,
                available_units=text_to_units(state.available, scale),
                locked_units=text_to_units(state.locked, scale),
                updated_us=state.updated_us,
            )
        if terms is None:
            raise ValueError("a step without its market")
        if isinstance(source, ListState):
            return order_words.order_list(source, terms, account)
        if self.channel == "orders" or source.trade is None:
            return order_words.order(source.change.order, terms, account)
        fill = words.fill(source.trade, terms, is_maker=source.change.is_maker)
        return {**fill, "account_id": str(account)}


class V1AccountCodec:
    """Spells what happens to accounts for v1."""

    def __init__(self) -> None:
        # Code and scale of assets by id; loaded before anybody follows an account.
        self.assets: dict[int, tuple[str, int]] = {}

    def happened(self, view: MarketView, event: AccountEvent) -> list[Message] | None:
        # A list before its orders: they name it.
        told: list[Message] = [Told("orders", view.terms, state) for state in event.lists]
        for step in event.steps:
            told.append(Told("orders", view.terms, step))
            if step.trade is not None:
                told.append(Told("fills", view.terms, step))
        balances = self._balances(event.balances)
        return None if balances is None else told + balances

    def moved(self, change: BalanceState, newest: BalanceState) -> list[Message] | None:
        return self._balances([newest])

    def _balances(self, states: Iterable[BalanceState]) -> list[Message] | None:
        told: list[Message] = []
        for state in states:
            known = self.assets.get(state.asset_id)
            if known is None:
                return None
            told.append(Told("balances", None, (state, *known)))
        return told


V1_ACCOUNTS: Final = V1AccountCodec()


class PrivateStreams:
    """What one connection follows of its own: an ``AccountSink`` of the feed, an ``AlertSink``."""

    def __init__(self, feed: Feed, alerts: AlertStreams, outbox: Outbox) -> None:
        self._feed = feed
        self._alerts = alerts
        self._outbox = outbox
        # Whose alerts are followed; None: nobody's.
        self._user_id: int | None = None
        self._wanted: set[Followed] = set()
        self._accounts: dict[int, UUID] = {}
        self._is_over = False

    def want(self, channel: PrivateChannel, market_id: int | None) -> None:
        """Push a channel from now on, of the accounts that are followed."""
        self._wanted.add((channel, market_id))

    def unwant(self, channel: PrivateChannel, market_id: int | None) -> None:
        """Push a channel no more; without any the accounts are not followed."""
        self._wanted.discard((channel, market_id))
        if not self._wanted:
            self._leave(list(self._accounts))
            self.follow_person(None)

    def follow_person(self, user_id: int | None) -> None:
        """Follow the alerts of just this person, or of nobody."""
        if self._user_id is not None and self._user_id != user_id:
            self._alerts.unfollow(self._user_id, self)
        if user_id is not None and not self._is_over:
            self._alerts.follow(user_id, self)
        self._user_id = user_id

    async def follow(self, accounts: Mapping[UUID, int]) -> None:
        """Follow just these accounts. Raises EngineUnavailable where that cannot be had for now."""
        self._leave([pk for pk in self._accounts if pk not in accounts.values()])
        for public_id, pk in accounts.items():
            if pk in self._accounts:
                continue
            await self._feed.follow_account(pk, V1_ACCOUNTS, self)
            if self._is_over:
                # The connection ended meanwhile.
                self._feed.unfollow_account(pk, V1_ACCOUNTS, self)
                return
            self._accounts[pk] = public_id

    def end(self) -> None:
        """Follow nothing any more."""
        self._is_over = True
        self._wanted.clear()
        self.follow_person(None)
        self._leave(list(self._accounts))

    def _leave(self, account_ids: Iterable[int]) -> None:
        for account_id in account_ids:
            del self._accounts[account_id]
            self._feed.unfollow_account(account_id, V1_ACCOUNTS, self)

    # --- what the feed tells ----------------------------------------------------------------------

    def push_account(self, account_id: int, messages: list[Message]) -> None:
        """Take what happened, in order; push what was asked for."""
        public_id = self._accounts.get(account_id)
        if public_id is None:
            # Committed before the client was told that it follows the account.
            return
        for told in messages:
            markets = (None,) if told.market_id is None else (told.market_id, None)
            for market_id in markets:
                if (told.channel, market_id) in self._wanted:
                    frame = told.frame(public_id, in_all=market_id is None)
                    self._outbox.deliver(frame)

    def lost_account(self, account_id: int, what: Lost) -> None:
        """Learn that something may be missing: a client that follows it must begin anew."""
        if what == "everything" or ("balances", None) in self._wanted:
            self._outbox.lose()

    def push_alert(self, state: AlertState) -> None:
        """Take an alert that was told of; push it where that was asked for."""
        if ("alerts", None) in self._wanted:
            name = subscription_id("alerts", None)
            params = {"market": state.market, "data": alert_words.alert(state)}
            body = {"method": "alerts", "params": {**params, "subscription_id": name}}
            self._outbox.deliver(text_frame(body))

    def lost_alerts(self) -> None:
        """Learn that alerts may be missing: a client that follows them must begin anew."""
        if ("alerts", None) in self._wanted:
            self._outbox.lose()
