"""Places in the queue: how much stands ahead of an account's orders, for who asks (ADR 0050).

A market's orders are followed one by one only while somebody asks: read once from the tables, then
kept by the events that the feed hears anyway. Neither worker nor database is asked again.
"""

import asyncio
import time
from typing import Final

import msgspec
import structlog

from marketdata.feed.ordered_book import OrderedBook
from marketdata.feed.tables import TableReader
from matching.markets.terms import MarketTerms
from matching.orders.by_sequence import get_ordered_snapshot
from matching.wire import MarketEvent, OrderChange
from zavora.foundation.ending import end_tasks
from zavora.foundation.errors import EngineUnavailable
from zavora.foundation.money import units_to_text

# Orders in a market's book; of one that has more, places are not told.
BOOK_ORDERS_MAX: Final = 100_000
# Of one account in one answer.
PLACES_MAX: Final = 200
# Who asks again sooner is told the same again.
SAME_ANSWER_S: Final = 0.5
ANSWERS_KEPT_MAX: Final = 1_000
# A book that nobody asks about is followed no longer.
KEPT_S: Final = 30.0
READ_WAIT_S: Final = 5.0
# Between readings of one market, however often it has to be read anew.
READ_PERIOD_S: Final = 2.0
# Events that may come while the tables are read.
PENDING_MAX: Final = 5_000

log = structlog.get_logger(__name__)


class Places(msgspec.Struct, frozen=True):
    """What is shown ahead of an account's orders as of a sequence of the book, oldest first."""

    sequence: int
    ahead: list[tuple[int, str]]


class QueuePlaces:
    """The places in one market. All methods run in the feed's event loop."""

    def __init__(self, tables: TableReader, *, kept_s: float = KEPT_S) -> None:
        """Follow a market for ``kept_s`` after the last question."""
        self._tables = tables
        self._kept_s = kept_s
        self._book: OrderedBook | None = None
        self._reading: asyncio.Task[OrderedBook | None] | None = None
        # What came while the tables are read.
        self._pending: list[tuple[MarketEvent, list[OrderChange]]] = []
        self._asked_at = self._not_before = 0.0
        self._answers: dict[int, tuple[float, Places]] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_followed(self) -> bool:
        """Tell whether events are to be told of."""
        return self._book is not None or self._reading is not None

    async def of_account(self, terms: MarketTerms, account_id: int) -> Places:
        """Return what stands ahead of an account's orders, of more than ``PLACES_MAX`` the newest.

        Raises EngineUnavailable where that cannot be said now.
        """
        self._asked_at = now = time.monotonic()
        known = self._answers.get(account_id)
        if known is not None and now - known[0] < SAME_ANSWER_S:
            return known[1]
        book = self._book or await self._read(terms)
        ahead = [
            (order_id, units_to_text(number, book.decimals))
            for order_id, number in book.ahead(account_id, orders_max=PLACES_MAX)
        ]
        places = Places(book.depth_sequence, ahead)
        if len(self._answers) >= ANSWERS_KEPT_MAX:
            self._answers.clear()
        self._answers[account_id] = now, places
        return places

    def take(self, event: MarketEvent, changes: list[OrderChange]) -> None:
        """Take in what happened in the market, if it is followed."""
        if event.phase is not None:
            # Its rules may be others, and figures of other decimals.
            self.forget()
        elif self._reading is not None:
            self._pending.append((event, changes))
            if len(self._pending) > PENDING_MAX:
                self.forget()
        elif self._book is not None:
            try:
                self._book.take(event, changes)
            except Exception as error:
                # Whatever it is, it may not hold up the feed; who asks again has it read anew.
                log.warning("places_disagree", market_id=event.market_id, error=repr(error))
                self.forget()

    def forget(self) -> None:
        """Follow the market no longer; who asks again has it read anew."""
        self._book = self._reading = None
        self._pending = []
        self._answers.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def close(self) -> None:
        """End a running reading."""
        reading = self._reading
        self.forget()
        if reading is not None:
            await end_tasks([reading])

    async def _read(self, terms: MarketTerms) -> OrderedBook:
        """Return the book once it is read; all who ask meanwhile wait for the same reading."""
        if self._reading is None:
            if time.monotonic() < self._not_before:
                raise _unknown()
            self._pending = []
            self._not_before = time.monotonic() + READ_PERIOD_S
            self._reading = asyncio.create_task(self._follow(terms), name="feed-places")
        reading = self._reading
        await asyncio.wait([reading], timeout=READ_WAIT_S)
        book = reading.result() if reading.done() and not reading.cancelled() else None
        if book is None:
            raise _unknown()
        return book

    async def _follow(self, terms: MarketTerms) -> OrderedBook | None:
        """Read the book and take in what came meanwhile; None where that did not work out."""
        reading = asyncio.current_task()
        try:
            book = await self._tables.read(_read_book, terms)
            if book is not None:
                for event, changes in self._pending:
                    book.take(event, changes)
        except Exception as error:
            log.warning("places_not_read", market=terms.symbol, error=repr(error))
            book = None
        if self._reading is not reading:
            return None
        self._book, self._reading, self._pending = book, None, []
        if book is None:
            self._not_before = time.monotonic() + self._kept_s
        else:
            self._look_again(self._kept_s)
        return book

    def _look_again(self, wait_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(wait_s, self._look)

    def _look(self) -> None:
        """End the following of a market that nobody has asked about for a while."""
        left_s = self._asked_at + self._kept_s - time.monotonic()
        if left_s > 0:
            self._look_again(left_s)
        else:
            self.forget()


def _unknown() -> EngineUnavailable:
    return EngineUnavailable("places in the queue are not known now")


def _read_book(terms: MarketTerms) -> OrderedBook | None:
    """Return the market's book; None where it has too many orders. Runs beside the event loop."""
    snapshot = get_ordered_snapshot(terms, orders_max=BOOK_ORDERS_MAX)
    if snapshot.orders is None:
        return None
    return OrderedBook(
        snapshot.orders,
        event_sequence=snapshot.event_sequence,
        depth_sequence=snapshot.depth_sequence,
        decimals=terms.lot_decimals,
    )
