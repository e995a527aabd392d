"""Keeps one market in step with its events: what is next is applied, what is missing is fetched."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog
from django.db import InterfaceError, OperationalError

from marketdata.feed import traced
from marketdata.feed.account_streams import AccountStreams
from marketdata.feed.fanout import Fanout
from marketdata.feed.places import QueuePlaces
from marketdata.feed.tables import TableReader
from marketdata.feed.view import TRADES_KEPT_MAX, MarketView, public_trade
from matching import wire
from matching.markets.terms import MarketTerms
from matching.orders.by_sequence import (
    EVENTS_PAGE_MAX,
    get_book_snapshot,
    get_event_sequence,
    list_event_payloads,
)
from matching.wire import MarketEvent, PrivatePart
from zavora.foundation import metrics, tracing
from zavora.foundation.ending import end_tasks
from zavora.foundation.times import now_us

# Events that may wait while the tables are read; beyond it the oldest are dropped, which the
# next look at the sequences notices.
PENDING_MAX: Final = 5_000
# A gap of more pages than these is not replayed event by event.
REPLAY_PAGES_MAX: Final = 5
BACKOFF_MIN_S: Final = 0.1
BACKOFF_MAX_S: Final = 5.0

log = structlog.get_logger(__name__)


class Follower:
    """Owns a ``MarketView``: the only writer of it. All methods run in the feed's event loop."""

    def __init__(
        self,
        terms: MarketTerms,
        *,
        fanout: Fanout,
        accounts: AccountStreams,
        tables: TableReader,
        on_changed: Callable[[MarketView], None],
        on_rules: Callable[[], None],
        is_new: bool,
    ) -> None:
        """Begin to follow a market. ``is_new``: it was opened while the feed was following others.

        Then its followers are told all of it, from its first event on. ``on_rules`` is called
        where its rules or state changed, or may have.
        """
        self.view = MarketView(terms)
        self.view.places = QueuePlaces(tables)
        self.synced = asyncio.Event()
        self.repairs = 0
        self.snapshots = 0
        self._fanout = fanout
        self._accounts = accounts
        self._tables = tables
        self._on_changed = on_changed
        self._on_rules = on_rules
        # Its tables or events cannot be read: set aside, and tried again. The others go on.
        self.is_aside = False
        self._pending: deque[MarketEvent] = deque(maxlen=PENDING_MAX)
        self._repair: asyncio.Task[None] | None = None
        # An empty view is the whole of a new market before its first event.
        self._is_loaded = is_new
        # Whether what was applied so far can be built upon.
        self._is_trusted = True
        # Asked to compare again while a repair was already reading.
        self._is_doubtful = False

    def take(self, event: MarketEvent) -> None:
        """Apply an event if it is the next one; ignore an old one; start a repair at a gap."""
        if self._repair is not None:
            self._pending.append(event)
        elif event.prev_sequence > self.view.event_sequence:
            self._pending.append(event)
            self.resync("gap")
        elif event.sequence > self.view.event_sequence:
            self._apply(event)
            if tracing.is_on():
                traced.shown(event.market_id, event.sequence)
            if metrics.is_on() and event.sequence > event.prev_sequence:
                metrics.FEED_DELAY.observe(max(0, now_us() - event.batch_us) / 1_000_000)

    def resync(self, reason: str) -> None:
        """Compare with the tables and take in what is missing; at once, and only once at a time.

        ``reason``: what it is counted under.
        """
        if metrics.is_on():
            metrics.FEED_RESYNCS.labels(reason).inc()
        self.view.is_synced = False
        self._is_doubtful = True
        if self._repair is None:
            self._repair = asyncio.create_task(self._run_repair())

    def distrust(self) -> None:
        """Read the market anew: an event could not be taken in, or not all of it."""
        self._is_trusted = False
        self.resync("distrust")

    def mark_stale(self) -> None:
        """Note that events may be missed from now on (the queue's connection is gone)."""
        self.view.is_synced = False

    async def close(self) -> None:
        """End what is running."""
        if self._repair is not None:
            await end_tasks([self._repair])
        await self.view.places.close()

    def _apply(self, event: MarketEvent) -> None:
        if event.phase is not None:
            self._on_rules()
        auction = self.view.auction
        delta = self.view.apply(event)
        if delta is not None:
            self._fanout.book_delta(self.view, delta)
        if event.trades:
            self._fanout.trades(self.view, map(public_trade, event.trades))
        self._tell_private(event)
        if delta is not None or event.trades or event.auction != auction:
            self._on_changed(self.view)

    def _tell_private(self, event: MarketEvent) -> None:
        """Tell of what concerns single orders and accounts, where anybody wants to know it."""
        places = self.view.places
        if not (self._accounts or places.is_followed):
            return
        part = wire.decode_private(event.private) if event.private else PrivatePart([], [])
        if event.private and self._accounts:
            self._accounts.event(self.view, event, part)
        places.take(event, part.changes)

    async def _run_repair(self) -> None:
        failures = 0
        while True:
            self._is_doubtful = False
            try:
                await self._catch_up()
                if self._drain_pending() and not self._is_doubtful:
                    break
            except (OperationalError, InterfaceError) as error:
                failures += 1
                log.warning("feed_repair_waits", market=self.view.terms.symbol, error=str(error))
                await asyncio.sleep(min(BACKOFF_MAX_S, BACKOFF_MIN_S * 2 ** min(failures, 10)))
                continue
            except Exception:
                # Its own fault: the others must not wait for it, and somebody must look at it.
                log.exception("market_set_aside", part="feed", market=self.view.terms.symbol)
                self.is_aside, self._is_trusted = True, False
                self.synced.set()
                await asyncio.sleep(BACKOFF_MAX_S)
                continue
        self._repair = None
        self.repairs += 1
        self.view.is_synced = True
        if self.is_aside:
            self.is_aside = False
            self._accounts.lost("everything")
            log.info("market_goes_on", part="feed", market=self.view.terms.symbol)
        self.synced.set()
        self._on_changed(self.view)

    async def _catch_up(self) -> None:
        market_id = self.view.terms.market_id
        if self._is_loaded and self._is_trusted and await self._replay(market_id):
            return
        await self._load()
        self._is_trusted = True

    async def _replay(self, market_id: int) -> bool:
        """Apply the event rows after what is known; False where they do not lead to the present."""
        for _ in range(REPLAY_PAGES_MAX):
            known = self.view.event_sequence
            # Read before the rows: a row that this sequence counts is then among them.
            present = await self._tables.read(get_event_sequence, market_id)
            if present <= known:
                return present == known
            payloads = await self._tables.read(list_event_payloads, market_id, after=known)
            for event in map(wire.decode_event, payloads):
                if event.prev_sequence != self.view.event_sequence:
                    return False
                self._apply(event)
            if self.view.event_sequence < present and len(payloads) < EVENTS_PAGE_MAX:
                return False
        return False

    async def _load(self) -> None:
        view = self.view
        snapshot = await self._tables.read(
            get_book_snapshot, view.terms, trades_max=TRADES_KEPT_MAX
        )
        if snapshot is None:
            # A market without any event yet.
            self._is_loaded = True
            return
        newest = next(iter(view.recent_trades(1)), None)
        was_loaded, self._is_loaded = self._is_loaded, True
        view.load(snapshot)
        view.places.forget()
        self._on_rules()
        self.snapshots += 1
        self._fanout.book_snapshot(view)
        if was_loaded:
            missed = [
                trade
                for trade in reversed(view.recent_trades(TRADES_KEPT_MAX))
                if newest is None or trade.sequence > newest.sequence
            ]
            self._fanout.trades(view, missed)
            self._accounts.lost("everything")
            log.warning("feed_reloaded_market", market=view.terms.symbol)

    def _drain_pending(self) -> bool:
        """Apply what arrived meanwhile; False where there is still a gap."""
        while self._pending:
            event = self._pending[0]
            if event.prev_sequence > self.view.event_sequence:
                return False
            self._pending.popleft()
            if event.sequence > self.view.event_sequence:
                self._apply(event)
        return True
