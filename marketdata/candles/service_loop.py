"""The market data service: counts committed trades into candles, tells tickers each second.

It watches people's alerts, too (``marketdata.alerts``).

One instance is active, by an advisory lock of the database; others stand by. That lock only saves
work: what makes every trade count once is the compared sequence in ``services.count_trades``.
A market that cannot be counted is set aside, told of and tried again; the others never wait for it.
Its alerts are set aside by themselves.
"""

import threading
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial
from typing import Any, Final

import structlog
from django.db import DatabaseError, InterfaceError, connection
from redis.exceptions import RedisError

from marketdata import wire
from marketdata.alerts.watcher import AlertWatcher
from marketdata.alerts.watching import WatchedElsewhere
from marketdata.candles.aside import SetAside
from marketdata.candles.counting import MINUTE, SECOND
from marketdata.candles.intervals import INTERVALS
from marketdata.candles.selectors import get_candle_progress, list_candles
from marketdata.candles.services import CountedElsewhere, count_trades
from marketdata.candles.windows import WINDOW_MINUTES, DayWindow
from marketdata.wire import CandleState, TickerState
from matching.markets.selectors import list_market_symbols, list_market_terms
from matching.markets.terms import MarketTerms
from matching.orders.by_sequence import list_trade_sequences
from matching.wire import EVENTS_PATTERN
from zavora.foundation import lasting
from zavora.foundation.queue import Pulse, SilentConnection, connect, silence_max_s
from zavora.foundation.times import moment_of, now_us
from zavora.foundation.versions import VERSION

# Any number that no other user of the database's advisory locks takes.
LOCK_KEY: Final = 0x5A41_5652_4D44
# Candles are brought up to date at most this often; many trades then share one commit.
COUNT_PERIOD_S: Final = 0.2
TICKER_PERIOD_S: Final = 1.0
TERMS_PERIOD_S: Final = 5.0
STANDBY_PERIOD_S: Final = 0.5
RETRY_S: Final = 0.5
QUEUE_TIMEOUT_S: Final = 2.0
# Of a long catch-up only the newest candles of each interval are told; who follows them sees by
# their chain that there were more, and reads those from the table.
TOLD_PER_INTERVAL_MAX: Final = 10
TOLD_SECONDS_MAX: Final = 120

# Another instance works: everything is to be read anew.
_ELSEWHERE: Final = (CountedElsewhere, WatchedElsewhere)

log = structlog.get_logger(__name__)


class LockLost(Exception):
    """The database session that held the lock is gone."""


class MarketDataService:
    """Runs in one thread, on one database connection; ``stop`` ends it within a period."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._redis = connect(timeout_s=QUEUE_TIMEOUT_S)
        self._pubsub: Any = None
        self._pulse = Pulse(silence_max_s())
        self._terms: dict[int, MarketTerms] = {}
        self._counted: dict[int, int] = {}
        self._windows: dict[int, DayWindow] = {}
        self._unreadable: list[str] = []
        self._aside = SetAside("candles")
        self._alerts_aside = SetAside("alerts")
        self._alerts = AlertWatcher(partial(self._guarded, self._alerts_aside))
        # Some market has more trades than one step counts: no pause before the next one.
        self._is_behind = False
        self._ticker_due = self._terms_due = 0.0

    def shards(self) -> set[int]:
        """Return the shards of the markets that are known, from any thread."""
        return {terms.shard_id for terms in list(self._terms.values())}

    def run(self) -> None:
        """Serve until stopped: wait for the lock, then work; whatever fails is begun anew."""
        while not self._stop.is_set():
            try:
                lasting.require_replica()
                self._acquire_lock()
                self._load()
                while not self._stop.is_set():
                    self._step()
            except (DatabaseError, InterfaceError, LockLost, *_ELSEWHERE) as error:
                log.warning("marketdata_restarts", error=str(error))
                self._stop.wait(RETRY_S)
            finally:
                # Closing the session gives the lock back.
                connection.close()
        self._close_pubsub()
        self._redis.close()

    def _acquire_lock(self) -> None:
        is_told = False
        while not self._stop.is_set():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [LOCK_KEY])
                if cursor.fetchone()[0]:
                    log.info("marketdata_active")
                    return
            if not is_told:
                log.info("marketdata_standby")
                is_told = True
            self._stop.wait(STANDBY_PERIOD_S)

    def _load(self) -> None:
        """Forget everything and read it anew; count what was traded meanwhile."""
        self._terms, self._counted, self._windows = {}, {}, {}
        self._is_behind = True
        self._alerts.tell_again()
        self._ticker_due = self._terms_due = 0.0
        if not self._stop.is_set():
            self._load_terms()

    def _load_terms(self) -> None:
        found = list_market_terms()
        for terms in found:
            self._terms[terms.market_id] = terms
            window = self._windows.get(terms.market_id)
            if window is not None:
                window.terms = terms
        known = {terms.symbol for terms in found}
        self._unreadable = [symbol for symbol in list_market_symbols() if symbol not in known]
        self._terms_due = time.monotonic() + TERMS_PERIOD_S

    def _step(self) -> None:
        if not self._is_behind:
            self._await_events()
        sequences = list_trade_sequences()
        if not sequences.keys() <= self._terms.keys() or time.monotonic() >= self._terms_due:
            self._load_terms()
        self._is_behind = False
        for market_id, terms in self._terms.items():
            last = sequences.get(market_id, 0)
            self._guarded(self._aside, terms, self._count_step, terms, last)
        self._watch_alerts(sequences)
        if time.monotonic() >= self._ticker_due:
            self._check_lock()
            self._tell_tickers()
            self._ticker_due = time.monotonic() + TICKER_PERIOD_S

    def _guarded(
        self, aside: SetAside, terms: MarketTerms, work: Callable[..., None], *arguments: object
    ) -> None:
        """Do some work on a market, unless it is set aside; set it aside where that fails."""
        market_id = terms.market_id
        if self._stop.is_set() or not aside.is_due(market_id):
            return
        try:
            work(*arguments)
        except _ELSEWHERE:
            raise
        except Exception as error:
            if isinstance(error, DatabaseError | InterfaceError) and not connection.is_usable():
                raise
            if aside is self._aside:
                # What is in memory may be half of it.
                self._counted.pop(market_id, None)
                self._windows.pop(market_id, None)
            aside.add(market_id, terms.symbol, error)
        else:
            aside.remove(market_id)

    def _watch_alerts(self, sequences: dict[int, int]) -> None:
        """Look at the next trades for alerts, after the candles: those never wait for these."""
        told = self._alerts.step(self._terms, sequences)
        self._is_behind = self._is_behind or self._alerts.is_behind
        if told and not self._tell([(wire.ALERTS_CHANNEL, wire.encode(told))]):
            self._alerts.tell_again()

    def _count_step(self, terms: MarketTerms, sequence: int) -> None:
        """Count a market's next trades; one step, so that every market has its turn."""
        market_id = terms.market_id
        if market_id not in self._windows:
            self._counted[market_id] = get_candle_progress(market_id)
            self._windows[market_id] = _load_window(terms)
        if self._counted[market_id] >= sequence:
            return
        candles = count_trades(terms)
        if not candles:
            return
        self._counted[market_id] = candles[-1].last_trade_sequence
        self._is_behind = self._is_behind or self._counted[market_id] < sequence
        for candle in candles:
            if candle.interval == MINUTE:
                self._windows[market_id].add(candle)
        self._tell([(wire.candles_channel(market_id), wire.encode(_newest(candles)))])

    def _check_lock(self) -> None:
        """Raise LockLost where Django has connected anew since the lock was taken."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                " AND pid = pg_backend_pid() AND objsubid = 1"
                " AND (classid::bigint << 32 | objid::bigint) = %s",
                [LOCK_KEY],
            )
            if cursor.fetchone()[0] != 1:
                raise LockLost("the lock of the market data service is gone")

    # --- the queue: may be away, the tables go on ---

    def _await_events(self) -> None:
        """Wait until something was published and a period has passed, or a ticker is due."""
        earliest = time.monotonic() + COUNT_PERIOD_S
        try:
            if self._pubsub is None:
                self._pubsub = self._redis.pubsub()
                self._pubsub.psubscribe(EVENTS_PATTERN)
                self._pulse = Pulse(silence_max_s())
            has_news = False
            while (left := self._ticker_due - time.monotonic()) > 0 and not self._stop.is_set():
                if has_news:
                    left = min(left, earliest - time.monotonic())
                    if left <= 0:
                        return
                message = self._pubsub.get_message(timeout=min(left, COUNT_PERIOD_S))
                self._listen_for_life(message)
                has_news = has_news or (message is not None and message["type"] == "pmessage")
        except (RedisError, OSError) as error:
            self._queue_is_away(error)
            self._stop.wait(COUNT_PERIOD_S)

    def _listen_for_life(self, message: Any) -> None:
        """Ask a quiet subscription whether it lives; raise SilentConnection where it does not."""
        if message is not None:
            self._pulse.heard()
        elif self._pulse.is_silent():
            raise SilentConnection("the queue's events give no sign of life")
        elif self._pulse.must_ask():
            self._pubsub.ping()

    def _tell_tickers(self) -> None:
        at_us = now_us()
        states: list[TickerState] = []
        for market_id, window in sorted(self._windows.items()):
            terms = self._terms[market_id]
            self._guarded(self._aside, terms, _add_ticker, window, at_us, states)
        message = wire.encode(states)
        self._tell([(wire.TICKERS_CHANNEL, message)], tickers=message)

    def _tell(self, messages: Iterable[tuple[str, bytes]], *, tickers: bytes | None = None) -> bool:
        """Publish messages; return whether the queue took them."""
        try:
            pipeline = self._redis.pipeline(transaction=False)
            progress = wire.Progress(self._symbols_aside(), self._unreadable, VERSION)
            pipeline.set(wire.HEARTBEAT_KEY, wire.encode_progress(progress), px=wire.HEARTBEAT_MS)
            if tickers is not None:
                pipeline.set(wire.TICKERS_KEY, tickers)
            for channel, message in messages:
                pipeline.publish(channel, message)
            pipeline.execute()
        except (RedisError, OSError) as error:
            self._queue_is_away(error)
            return False
        return True

    def _symbols_aside(self) -> list[str]:
        return sorted({*self._aside.symbols, *self._alerts_aside.symbols})

    def _queue_is_away(self, error: Exception) -> None:
        log.warning("marketdata_queue_away", error=str(error))
        self._close_pubsub()

    def _close_pubsub(self) -> None:
        pubsub, self._pubsub = self._pubsub, None
        if pubsub is not None:
            pubsub.close()


def _load_window(terms: MarketTerms) -> DayWindow:
    """Return the last 24 hours from the table; and the newest candle before them."""
    window = DayWindow(terms)
    start = moment_of(now_us()) - timedelta(minutes=WINDOW_MINUTES)
    candles = list_candles(terms, MINUTE, start=start, limit=WINDOW_MINUTES + 1)
    earlier = list_candles(terms, MINUTE, end=start - timedelta(microseconds=1), limit=1)
    for candle in reversed([*candles, *earlier]):
        window.add(candle)
    return window


def _add_ticker(window: DayWindow, at_us: int, states: list[TickerState]) -> None:
    state = window.ticker(at_us)
    if state is not None:
        states.append(state)


def _newest(candles: list[CandleState]) -> list[CandleState]:
    """Return the newest candles of each interval, by their last trades as they were given."""
    newest: list[CandleState] = []
    for interval in INTERVALS:
        mine = [candle for candle in candles if candle.interval == interval]
        newest += mine[-(TOLD_SECONDS_MAX if interval == SECOND else TOLD_PER_INTERVAL_MAX) :]
    return newest
