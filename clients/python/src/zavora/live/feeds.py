"""What a stream follows, as something to iterate: it survives the connection, and says when not."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Hashable
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, Self, TypeVar

import msgspec

from zavora.book import Book, BookData, BookView, OutOfStep
from zavora.errors import Closed, FellBehind, Refused, Unreadable, ZavoraError
from zavora.live.messages import Push
from zavora.models import Candle, Market, PublicTrade, Ticker

if TYPE_CHECKING:
    from zavora.live.stream import AsyncStream

T = TypeVar("T")

# So much may wait for a reader of what must not be skipped.
WAITING_MAX: Final = 10_000
# So many trades are read after an interruption; what is more is counted as skipped.
CAUGHT_UP_MAX: Final = 10_000
CATCH_UP_PAUSE_S: Final = 0.5
GAP_TRIES_MAX: Final = 20
GAP_PAUSE_S: Final = 0.1
RENEWAL_PAUSE_MAX_S: Final = 5.0


class Feed(Generic[T]):
    """Something that is followed: `async for` gives what is told, `next` one of it.

    It goes on after reconnects. It ends with the stream, by `close`, or as a context manager; what
    the exchange refuses (no such market, no right) is raised where it is read.
    """

    channel: ClassVar[str]
    KIND: ClassVar[Any]

    def __init__(
        self, stream: "AsyncStream", *, market: str | None = None, interval: str | None = None
    ) -> None:
        self.market = market
        self.interval = interval
        self._stream = stream
        self._decode = msgspec.json.Decoder(self.KIND).decode
        self._waiting: deque[T] = deque()
        self._wake = asyncio.Event()
        self._error: ZavoraError | None = None
        self._is_closed = False
        self.is_prepared = False
        self._followed = asyncio.Event()

    # --- for who reads it -------------------------------------------------------------------------

    def __aiter__(self) -> AsyncIterator[T]:
        """Give what is told, in order."""
        return self

    async def __anext__(self) -> T:
        """Give the next of it."""
        try:
            return await self.next()
        except Closed:
            raise StopAsyncIteration from None

    async def next(self, timeout_s: float | None = None) -> T:
        """Return what is told next. Raises TimeoutError, Closed, or why it cannot be followed."""
        async with asyncio.timeout(timeout_s):
            while not self._has_some():
                if self._error is not None:
                    raise self._error
                if self._is_closed:
                    raise Closed("It is not followed any more.")
                self._wake.clear()
                await self._wake.wait()
        return self._take()

    async def ready(self, timeout_s: float | None = None) -> Self:
        """Wait until it is followed: what happens from then on is told, whatever comes between.

        Raises TimeoutError, or why it cannot be followed.
        """
        async with asyncio.timeout(timeout_s):
            await self._followed.wait()
        if self._error is not None:
            raise self._error
        return self

    async def __aenter__(self) -> Self:
        """Follow it."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Follow it no more."""
        self.close()

    def close(self) -> None:
        """Follow it no more."""
        if not self._is_closed:
            self._is_closed = True
            self._stream.leave(self)
            self._wake.set()
            self._followed.set()

    # --- for the stream ---------------------------------------------------------------------------

    @property
    def params(self) -> dict[str, str]:
        """What is asked to be followed."""
        named = {"channel": self.channel, "market": self.market, "interval": self.interval}
        return {name: value for name, value in named.items() if value is not None}

    def push(self, push: Push) -> None:
        """Take what the exchange tells."""
        self.put(self.read(push))

    async def prepare(self) -> None:
        """Note where it begins; it is not followed yet. Called once."""

    def interrupt(self) -> None:
        """Learn that nothing is told until `begin`."""

    async def begin(self) -> None:
        """Catch up with what was not told; it is followed from now on. Called anew each time."""

    def note_followed(self) -> None:
        """Learn that it is caught up with."""
        self._followed.set()

    def fail(self, error: ZavoraError) -> None:
        """End: it cannot be followed. Only the first reason counts."""
        self._error = self._error or error
        self._wake.set()
        self._followed.set()

    # --- for its own kind -------------------------------------------------------------------------

    def read(self, push: Push) -> Any:
        """Return a push's data. Raises Unreadable."""
        try:
            return self._decode(push.data)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise Unreadable(f"{self.channel}: {error}") from error

    def put(self, item: T) -> None:
        """Have something read. More than may wait ends it: nothing is left out unnoticed."""
        if len(self._waiting) >= WAITING_MAX:
            self._waiting.clear()
            self.fail(FellBehind(f"More than {WAITING_MAX} of {self.channel} waited to be read."))
            self._stream.leave(self)
            return
        self._waiting.append(item)
        self._wake.set()

    def wake(self) -> None:
        """Let the reader look."""
        self._wake.set()

    def _has_some(self) -> bool:
        return bool(self._waiting)

    def _take(self) -> T:
        return self._waiting.popleft()


class LatestFeed(Feed[T]):
    """What is told of a thing replaces what was told of it before, if nobody has read that yet."""

    def __init__(
        self, stream: "AsyncStream", *, market: str | None = None, interval: str | None = None
    ) -> None:
        super().__init__(stream, market=market, interval=interval)
        self._latest: dict[Hashable, T] = {}

    def put(self, item: T) -> None:
        """Have the newest of its kind read."""
        self._latest[self.about(item)] = item
        self.wake()

    def about(self, item: Any) -> Hashable:
        """Return what an item is about."""
        return str(item.market)

    def _has_some(self) -> bool:
        return bool(self._latest)

    def _take(self) -> T:
        return self._latest.pop(next(iter(self._latest)))


class TickerFeed(LatestFeed[Ticker]):
    """Tickers, of one market or all."""

    channel = "ticker"
    KIND = Ticker


class CandleFeed(LatestFeed[Candle]):
    """Candles of an interval as they change."""

    channel = "candles"
    KIND = Candle

    def about(self, item: Candle) -> Hashable:
        """Return which candle it is."""
        return item.market, item.open_time


class MarketFeed(LatestFeed[Market]):
    """Markets, as their state or rules change."""

    channel = "markets"
    KIND = Market

    def about(self, item: Market) -> Hashable:
        """Return which market it is."""
        return item.symbol


class BookFeed(Feed[BookView]):
    """A market's book, kept and verified here; gives what it is now, each time it has changed.

    What was not read is left out: the next book is the newest. `renewals` counts how often it had
    to begin again because a message was missing or a checksum was wrong.
    """

    channel = "orderbook"
    KIND = BookData
    market: str

    def __init__(self, stream: "AsyncStream", market: str, depth: int | None) -> None:
        super().__init__(stream, market=market)
        self.book = Book(market)
        self.depth = depth
        self.renewals = 0
        self._is_changed = False
        self._renewal: asyncio.Task[None] | None = None
        self._renewed_at = float("-inf")
        self._pause_s = 0.0

    def push(self, push: Push) -> None:
        """Apply a snapshot or a delta."""
        try:
            changed = self.book.apply(self.read(push))
        except OutOfStep:
            self.renewals += 1
            self._is_changed = False
            self._renew()
            return
        if changed:
            self._is_changed = True
            self.wake()

    def view(self) -> BookView:
        """Return the book as it is now."""
        return self.book.view(self.depth)

    def _renew(self) -> None:
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew_soon())

    async def _renew_soon(self) -> None:
        """Ask for the whole book; where that does not help, ever less often."""
        loop = asyncio.get_running_loop()
        is_again = loop.time() - self._renewed_at < 2 * RENEWAL_PAUSE_MAX_S
        self._pause_s = min(RENEWAL_PAUSE_MAX_S, 2 * self._pause_s or GAP_PAUSE_S) * is_again
        await asyncio.sleep(self._pause_s)
        self._renewed_at = loop.time()
        with contextlib.suppress(ZavoraError):  # a new connection begins with the whole book
            await self._stream.renew(self)

    def _has_some(self) -> bool:
        return self._is_changed and self.book.is_valid

    def _take(self) -> BookView:
        self._is_changed = False
        return self.view()


class TradeFeed(Feed[PublicTrade]):
    """A market's trades from now on, each once and without gaps.

    Their ids count: what a gap shows to be missing is read by REST, and given in its place.
    `skipped` counts what was more than that.
    """

    channel = "trades"
    KIND = PublicTrade
    market: str

    def __init__(self, stream: "AsyncStream", market: str) -> None:
        super().__init__(stream, market=market)
        self.skipped = 0
        self._last = 0
        self._ahead: dict[int, PublicTrade] = {}
        self._filling: asyncio.Task[None] | None = None

    def push(self, push: Push) -> None:
        """Give a trade, or look for those before it."""
        trade: PublicTrade = self.read(push)
        self._ahead[int(trade.id)] = trade
        self._give_what_follows()
        if self._ahead and (self._filling is None or self._filling.done()):
            self._filling = asyncio.create_task(self._fill())

    async def prepare(self) -> None:
        """Note the newest trade: those after it are given."""
        newest = await self._stream.client.trades(self.market, page=1).take(1)
        self._last = int(newest[0].id) if newest else 0

    async def begin(self) -> None:
        """Read what was traded since the last trade that was given."""
        await self._read_missing()

    async def _fill(self) -> None:
        """Read until nothing is missing; what does not come any more is skipped."""
        for _ in range(GAP_TRIES_MAX):
            try:
                await self._read_missing()
            except Refused as error:
                self.fail(error)
                return
            except ZavoraError:
                pass  # the connection, or the exchange, is gone for now
            if not self._ahead:
                return
            await asyncio.sleep(GAP_PAUSE_S)
        first = min(self._ahead)
        self.skipped += first - 1 - self._last
        self._last = first - 1
        self._give_what_follows()

    async def _read_missing(self) -> None:
        last, read = self._last, 0
        async for trade in self._stream.client.trades(self.market):
            read += 1
            if int(trade.id) <= last or read > CAUGHT_UP_MAX:
                break
            self._ahead[int(trade.id)] = trade
        if read > CAUGHT_UP_MAX and self._last == last:
            self._last = min(self._ahead) - 1
            self.skipped += self._last - last
        self._give_what_follows()

    def _give_what_follows(self) -> None:
        for old in [number for number in self._ahead if number <= self._last]:
            del self._ahead[old]
        while (trade := self._ahead.pop(self._last + 1, None)) is not None:
            self._last += 1
            self.put(trade)
