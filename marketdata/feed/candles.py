"""Candles as they are told: every change of what somebody follows, once, in the chain's order.

Messages can be lost. Each candle names what was counted before it, and each ticker how far its
market is counted by now: who was told less reads the rest from the table (ADR 0016).
"""

import asyncio
from typing import Final

import structlog
from django.db import DatabaseError, InterfaceError

from marketdata.candles.intervals import INTERVALS
from marketdata.candles.selectors import CHANGED_PAGE_MAX, list_changed_candles
from marketdata.feed.fanout import Fanout
from marketdata.feed.tables import TableReader
from marketdata.feed.view import MarketView
from marketdata.wire import CandleState
from zavora.foundation.ending import end_tasks

RETRY_S: Final = 1.0

log = structlog.get_logger(__name__)


class CandleChains:
    """The candles of all markets of a process. All methods run in the feed's event loop."""

    def __init__(self, fanout: Fanout, tables: TableReader) -> None:
        self._fanout = fanout
        self._tables = tables
        # By market and interval: what reads the missing candles.
        self._repairs: dict[tuple[int, str], asyncio.Task[None]] = {}
        # Where more was missed since such a reading began.
        self._doubtful: set[tuple[int, str]] = set()
        self.repairs = 0

    def take(self, view: MarketView, candle: CandleState) -> None:
        """Tell of a candle that follows what is known; where something is missing, read it."""
        known = view.candles.get(candle.interval)
        if known is not None and candle.prev_sequence > known.last_trade_sequence:
            self._miss(view, candle.interval)
            if candle.interval in view.candles:
                return
        if view.set_candle(candle):
            self._fanout.candle(view, candle)

    def compare(self, view: MarketView, counted: int) -> None:
        """Learn up to which trade the candles of a market count by now."""
        for interval in INTERVALS:
            known = view.candles.get(interval)
            if known is not None and known.last_trade_sequence < counted:
                self._miss(view, interval)

    async def close(self) -> None:
        """End all readings."""
        await end_tasks(self._repairs.values())

    def _miss(self, view: MarketView, interval: str) -> None:
        if not self._fanout.follows_candles(view.terms.market_id, interval):
            # Nobody was told the others: the next one that is told is where a follower begins.
            view.forget_candles(interval)
            return
        place = (view.terms.market_id, interval)
        self._doubtful.add(place)
        if place not in self._repairs:
            task = asyncio.create_task(self._repair(view, interval), name="feed-candles")
            self._repairs[place] = task

    async def _repair(self, view: MarketView, interval: str) -> None:
        place = (view.terms.market_id, interval)
        try:
            while place in self._doubtful:
                self._doubtful.discard(place)
                try:
                    await self._catch_up(view, interval)
                except (DatabaseError, InterfaceError) as error:
                    log.warning("candles_wait", market=view.terms.symbol, error=str(error))
                    self._doubtful.add(place)
                    await asyncio.sleep(RETRY_S)
        except Exception:
            # The next ticker finds the same difference and begins anew.
            log.exception("candles_not_repaired", market=view.terms.symbol, interval=interval)
        finally:
            del self._repairs[place]
            self.repairs += 1

    async def _catch_up(self, view: MarketView, interval: str) -> None:
        is_whole = False
        while not is_whole and (known := view.candles.get(interval)) is not None:
            candles = await self._tables.read(list_changed_candles, view.terms, interval, known)
            for candle in candles:
                if view.set_candle(candle):
                    self._fanout.candle(view, candle)
            is_whole = len(candles) < CHANGED_PAGE_MAX
