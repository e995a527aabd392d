"""The feed: what the public and account owners see, live, from committed events in sequence.

One per process. It subscribes first, then reads the tables, then applies what is newer; gaps are
filled from the tables (ADR 0006).
"""

import asyncio
from typing import Any, Final

import msgspec
import redis.asyncio as redis_asyncio
import structlog
from django.db import DatabaseError, InterfaceError

from accounts.money.selectors import list_balance_versions
from accounts.notices import BALANCES_CHANNEL, decode_balances
from marketdata.feed import traced
from marketdata.feed.account_streams import AccountCodec, AccountSink, AccountStreams
from marketdata.feed.candles import CandleChains
from marketdata.feed.fanout import Fanout
from marketdata.feed.following import Follower
from marketdata.feed.tables import TableReader
from marketdata.feed.topics import Codec, Message, Sink, Topic
from marketdata.feed.view import CANDLES_KEPT_MAX, MarketView
from marketdata.wire import (
    CANDLES_PATTERN,
    TICKERS_CHANNEL,
    TICKERS_KEY,
    TickerState,
    decode_candles,
    decode_tickers,
)
from matching import wire
from matching.markets.selectors import list_market_terms
from matching.markets.terms import MarketTerms
from matching.wire import EVENTS_PATTERN
from zavora.foundation.ending import end_tasks
from zavora.foundation.errors import EngineUnavailable, MarketNotFound
from zavora.foundation.queue import Subscription

__all__ = ["Codec", "Feed", "MarketView", "Message", "Sink", "Topic"]

START_WAIT_S: Final = 5.0
# How often tickers that changed are told at most.
TICKER_PERIOD_S: Final = 0.1
TERMS_RETRY_S: Final = 0.5
# Events come within a millisecond of the answers; a feed that is behind must not hold them up.
SHOWN_WAIT_MAX_S: Final = 0.1
LIVE_LOOK_S: Final = 0.02
LIVE_LOOKS_MAX: Final = 250
# Balances that somebody follows are compared with the tables this often. What was never told is
# told of as lost within this and ``account_streams.LATE_MAX_S``.
COMPARE_PERIOD_S: Final = 5.0

log = structlog.get_logger(__name__)


class Feed:
    """Follows every market for the process it lives in. Bound to the event loop it starts in."""

    def __init__(self, subscription: Subscription) -> None:
        """Make one that hears events by ``subscription``, which is not started yet."""
        self.fanout = Fanout()
        # Those who follow all that happens to an account, whichever API spells it.
        self.accounts = AccountStreams()
        self._followers: dict[int, Follower] = {}
        self._by_symbol: dict[str, Follower] = {}
        # Grows with every market and every change of one's rules: what is derived from them is
        # made anew.
        self.terms_version = 0
        self._tables = TableReader()
        self._candles = CandleChains(self.fanout, self._tables)
        self._subscription = subscription
        subscription.on_pattern(EVENTS_PATTERN, self._take_event)
        traced.follow(subscription)
        subscription.on_pattern(CANDLES_PATTERN, self._take_candles)
        subscription.on(TICKERS_CHANNEL, self._take_tickers)
        subscription.on(BALANCES_CHANNEL, self._take_balances)
        subscription.on_gap(self._connected, self._disconnected)
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        # Every market known at the start was loaded once; later ones do not hold anybody up.
        self.is_started = False
        self._has_terms = asyncio.Event()
        self._terms_wanted = asyncio.Event()
        # The service's latest figures, also of markets whose terms are not loaded yet.
        self._tickers: dict[int, TickerState] = {}
        self._changed_tickers: dict[int, MarketView] = {}
        self._ticker_wanted = asyncio.Event()
        # Answers that wait for events: views with the sequences they must reach.
        self._awaited: list[tuple[list[tuple[MarketView, int]], asyncio.Future[None]]] = []

    # --- life ---

    async def ensure_started(self) -> None:
        """Start unless started, and wait until every known market is loaded.

        Raises EngineUnavailable where that takes longer than ``START_WAIT_S``; the feed goes on
        trying. Costs nothing once everything is there.
        """
        if not self._tasks:
            self._loop = asyncio.get_running_loop()
            self._tasks = [
                asyncio.create_task(self._keep_terms(), name="feed-terms"),
                asyncio.create_task(self._tell_tickers(), name="feed-tickers"),
                asyncio.create_task(self._compare_balances(), name="feed-balances"),
            ]
        if self.is_started:
            return
        try:
            async with asyncio.timeout(START_WAIT_S):
                await self._has_terms.wait()
                for follower in list(self._followers.values()):
                    await follower.synced.wait()
        except TimeoutError:
            raise EngineUnavailable("market data is not available yet") from None
        self.is_started = True

    async def close(self) -> None:
        """Stop everything. A closed feed is not started again."""
        tasks, self._tasks = self._tasks, []
        await end_tasks(tasks)
        for follower in self._followers.values():
            await follower.close()
        await self._candles.close()
        self._tables.close()

    @property
    def is_live(self) -> bool:
        """Tell whether events arrive and every market, unless set aside, is in step with them."""
        return (
            self._subscription.is_connected
            and self._has_terms.is_set()
            and all(each.view.is_synced or each.is_aside for each in self._followers.values())
        )

    @property
    def set_aside(self) -> list[str]:
        """Return the markets whose tables or events cannot be read, by symbol."""
        return sorted(each.view.terms.symbol for each in self._followers.values() if each.is_aside)

    # --- reading ---

    def market(self, symbol: str) -> MarketView:
        """Return a market by its symbol (``BTC/USD``), else raise MarketNotFound."""
        follower = self._by_symbol.get(symbol)
        if follower is None:
            raise MarketNotFound("no such market", market=symbol[:64])
        return follower.view

    def market_by_id(self, market_id: int) -> MarketView | None:
        """Return a market by its id, None where it is not known (yet)."""
        follower = self._followers.get(market_id)
        return follower.view if follower else None

    def shard_of(self, market_id: int) -> int | None:
        """Return which shard matches a market, None where that is not known (yet)."""
        follower = self._followers.get(market_id)
        return follower.view.terms.shard_id if follower else None

    def markets(self) -> list[MarketView]:
        """Return all markets, by id."""
        return [follower.view for _, follower in sorted(self._followers.items())]

    def when_shown(self, sequences: list[tuple[int, int]]) -> "asyncio.Future[None] | None":
        """Return what is done once the views show events up to these; None: they do already.

        ``sequences``: of events, by market. It is done after ``SHOWN_WAIT_MAX_S`` in any case, and
        markets that are being read anew are not waited for. Who asks from another event loop than
        the feed's waits for nothing.
        """
        loop = asyncio.get_running_loop()
        if loop is not self._loop:
            return None
        missing = [
            (follower.view, sequence)
            for market_id, sequence in sequences
            if (follower := self._followers.get(market_id)) is not None
            and follower.view.is_synced
            and follower.view.event_sequence < sequence
        ]
        if not missing:
            return None
        shown = loop.create_future()
        timer = loop.call_later(SHOWN_WAIT_MAX_S, _finish, shown)
        shown.add_done_callback(lambda _: timer.cancel())
        self._awaited.append((missing, shown))
        return shown

    def _tell_shown(self) -> None:
        """Finish what waits for views that have come so far."""
        awaited, self._awaited = self._awaited, []
        for missing, shown in awaited:
            if all(v.event_sequence >= sequence or not v.is_synced for v, sequence in missing):
                _finish(shown)
            elif not shown.done():
                self._awaited.append((missing, shown))

    # --- following ---

    def subscribe(self, topic: Topic, sink: Sink) -> list[Message]:
        """Let ``sink`` follow ``topic`` from now on; return what brings it up to date first.

        That is the whole book of an ``orderbook`` topic, the present state for ``ticker``,
        ``candles`` and ``markets``, and nothing for ``trades``.
        """
        self.fanout.add(topic, sink)
        if topic.channel == "trades":
            return []
        # Of candles the newest: the ones before are for those who had begun to follow.
        return self.current(topic, candles_max=1)

    def unsubscribe(self, topic: Topic, sink: Sink) -> None:
        """End it; what is not followed is left alone."""
        self.fanout.remove(topic, sink)

    def current(self, topic: Topic, *, candles_max: int = CANDLES_KEPT_MAX) -> list[Message]:
        """Return what brings a sink that dropped messages of a topic up to date."""
        views = self.markets() if topic.market_id is None else [self.market_by_id(topic.market_id)]
        return [
            message
            for view in views
            if view is not None
            for message in self.fanout.current(topic, view, candles_max=candles_max)
        ]

    async def follow_account(self, account_id: int, codec: AccountCodec, sink: AccountSink) -> None:
        """Let ``sink`` follow everything that happens to an account, in every market.

        Returns once all that is committed from now on is sure to be told; what is committed
        meanwhile may be. Raises EngineUnavailable where that cannot be had for now.
        """
        await self.ensure_started()
        await self._be_live()
        streams = self.accounts
        streams.follow(account_id, codec, sink)
        try:
            versions = await self._tables.read(list_balance_versions, [account_id])
        except (DatabaseError, InterfaceError):
            streams.unfollow(account_id, codec, sink)
            raise EngineUnavailable("accounts cannot be followed now") from None
        streams.compare(account_id, versions.get(account_id, {}))

    def unfollow_account(self, account_id: int, codec: AccountCodec, sink: AccountSink) -> None:
        """End it; what is not followed is left alone."""
        self.accounts.unfollow(account_id, codec, sink)

    # --- what the subscription tells ---

    async def _connected(self, client: "redis_asyncio.Redis") -> None:
        # Whatever happened while nobody listened is in the tables: subscribed first, read now.
        self._terms_wanted.set()
        for follower in self._followers.values():
            follower.resync("connection")
        if self._subscription.connects > 1:
            # Notices carry no sequence, as events do: some may be gone.
            self.accounts.lost("balances")
        tickers: Any = await client.get(TICKERS_KEY)
        if tickers is not None:
            self._take_tickers(tickers)

    def _disconnected(self) -> None:
        for follower in self._followers.values():
            follower.mark_stale()

    def _take_event(self, channel: str, body: bytes) -> None:
        market_id = int(channel.removeprefix("events:"))
        follower = self._followers.get(market_id)
        if follower is None:
            self._terms_wanted.set()
            return
        try:
            event = wire.decode_event(body)
        except msgspec.MsgspecError:
            follower.resync("distrust")
            raise
        try:
            follower.take(event)
        except Exception:
            follower.distrust()
            raise
        if self._awaited:
            self._tell_shown()

    def _take_candles(self, _channel: str, body: bytes) -> None:
        for candle in decode_candles(body):
            view = self.market_by_id(candle.market_id)
            if view is not None:
                self._candles.take(view, candle)

    def _take_tickers(self, body: bytes) -> None:
        for state in decode_tickers(body):
            self._tickers[state.market_id] = state
            view = self.market_by_id(state.market_id)
            if view is not None and view.set_ticker(state):
                self._note_change(view)
                self._candles.compare(view, state.sequence)

    def _take_balances(self, body: bytes) -> None:
        self.accounts.moved(decode_balances(body))

    # --- tasks ---

    async def _keep_terms(self) -> None:
        """Load the markets' rules and states whenever something says that they changed.

        One reading follows the other, so what is told of a market never goes back.
        """
        while True:
            await self._terms_wanted.wait()
            self._terms_wanted.clear()
            try:
                terms = await self._tables.read(list_market_terms)
            except Exception as error:
                log.warning("feed_terms_wait", error=f"{type(error).__name__}: {error}")
                self._terms_wanted.set()
                await asyncio.sleep(TERMS_RETRY_S)
                continue
            for each in terms:
                try:
                    self._set_terms(each)
                except Exception:
                    log.exception("market_not_followed", market=each.symbol)
            self._has_terms.set()

    def _set_terms(self, terms: MarketTerms) -> None:
        # Nothing is awaited here, so nobody sees the number and not yet the terms.
        self.terms_version += 1
        follower = self._followers.get(terms.market_id)
        if follower is not None:
            if follower.view.terms != terms:
                follower.view.terms = terms
                self.fanout.market(follower.view)
            return
        follower = Follower(
            terms,
            fanout=self.fanout,
            accounts=self.accounts,
            tables=self._tables,
            on_changed=self._note_change,
            on_rules=self._terms_wanted.set,
            is_new=self._has_terms.is_set(),
        )
        self._followers[terms.market_id] = follower
        self._by_symbol[terms.symbol] = follower
        if terms.market_id in self._tickers:
            follower.view.set_ticker(self._tickers[terms.market_id])
        follower.resync("connection")
        self.fanout.market(follower.view)

    async def _be_live(self) -> None:
        """Wait until nothing is being filled in. Raises EngineUnavailable after a while."""
        for _ in range(LIVE_LOOKS_MAX):
            if self.is_live:
                return
            await asyncio.sleep(LIVE_LOOK_S)
        raise EngineUnavailable("market data is not available yet")

    async def _compare_balances(self) -> None:
        """See to it that a balance's last notice is missed by nobody if it was lost."""
        streams = self.accounts
        while True:
            await asyncio.sleep(COMPARE_PERIOD_S)
            account_ids = streams.account_ids
            if not account_ids:
                continue
            try:
                versions = await self._tables.read(list_balance_versions, account_ids)
            except Exception as error:
                log.warning("balances_not_compared", error=f"{type(error).__name__}: {error}")
                continue
            for account_id in account_ids:
                try:
                    streams.compare(account_id, versions.get(account_id, {}))
                except Exception:
                    log.exception("balances_not_compared", account_id=account_id)

    def _note_change(self, view: MarketView) -> None:
        """Remember to tell a ticker's followers; many changes become one message."""
        if self.fanout.has_followers("ticker", view.terms.market_id):
            self._changed_tickers[view.terms.market_id] = view
            self._ticker_wanted.set()

    async def _tell_tickers(self) -> None:
        while True:
            await self._ticker_wanted.wait()
            self._ticker_wanted.clear()
            changed, self._changed_tickers = self._changed_tickers, {}
            for view in changed.values():
                try:
                    self.fanout.ticker(view)
                except Exception:
                    log.exception("ticker_not_told", market=view.terms.symbol)
            await asyncio.sleep(TICKER_PERIOD_S)


def _finish(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
