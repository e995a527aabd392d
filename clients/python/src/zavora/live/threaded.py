"""The live connection for programs that wait: it runs on an event loop in a thread of its own."""

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from zavora.book import BookView
from zavora.client import AsyncClient, Settings
from zavora.core.calls import Call
from zavora.core.routes import Waiting
from zavora.errors import Closed
from zavora.live.feeds import Feed
from zavora.live.messages import OrderEvent, OwnFill
from zavora.live.stream import AsyncStream
from zavora.models import Balance, Candle, Market, PublicTrade, Ticker
from zavora.routes.live import ConnectionRoutes
from zavora.routes.markets import BookRoutes
from zavora.routes.orders import TradingRoutes

T = TypeVar("T")


class Following(Generic[T]):
    """Something that is followed: iterate, or take the `next`. See the feeds of ``AsyncStream``."""

    def __init__(self, stream: "Stream", feed: Feed[T]) -> None:
        self.feed = feed
        self._stream = stream

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        try:
            return self.next()
        except Closed:
            raise StopIteration from None

    def next(self, timeout_s: float | None = None) -> T:
        """Return what is told next. Raises TimeoutError, Closed, or why it cannot be followed."""
        return self._stream.wait(self.feed.next(timeout_s))

    def ready(self, timeout_s: float | None = None) -> Self:
        """Wait until it is followed: what happens from then on is told."""
        self._stream.wait(self.feed.ready(timeout_s))
        return self

    def __enter__(self) -> Self:
        """Follow it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Follow it no more."""
        self.close()

    def close(self) -> None:
        """Follow it no more."""
        self._stream.call(self.feed.close)


class Stream(TradingRoutes, BookRoutes, ConnectionRoutes, Waiting):
    """What is followed, and requests over the same connection; made by ``Client.stream()``.

    Any thread may use it, and several may wait at a time.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="zavora-stream", daemon=True)
        self._inner: AsyncStream | None = None

    def __enter__(self) -> Self:
        """Connect."""
        self._thread.start()
        try:
            self.wait(self._open())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """End the connection and all that is followed; who waits is told."""
        if self._loop.is_closed() or not self._thread.is_alive():
            return
        with contextlib.suppress(Exception):
            self.wait(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def inner(self) -> AsyncStream:
        """The stream that it waits for."""
        if self._inner is None:
            raise Closed("The stream is not open: use it as a context manager.")
        return self._inner

    @property
    def is_live(self) -> bool:
        """Whether there is a connection now."""
        return self.inner.is_live

    def send(self, call: Call[T]) -> T:
        """Return what the exchange answers. Raises a ZavoraError."""
        return self.wait(self.inner.send(call))

    def send_page(self, call: Call[T]) -> tuple[T, str | None]:
        """Return what the exchange answers, and the cursor of the page after it."""
        return self.wait(self.inner.send_page(call))

    def book(self, market: str, *, depth: int | None = None) -> Following[BookView]:
        """Follow a book; it is kept and verified here."""
        return self._follow(lambda inner: inner.book(market, depth=depth))

    def trades(self, market: str) -> Following[PublicTrade]:
        """Follow a market's trades from now on, without gaps."""
        return self._follow(lambda inner: inner.trades(market))

    def tickers(self, market: str | None = None) -> Following[Ticker]:
        """Follow the ticker of a market, or all of them."""
        return self._follow(lambda inner: inner.tickers(market))

    def candles(self, market: str, interval: str = "1m") -> Following[Candle]:
        """Follow a market's candles of an interval."""
        return self._follow(lambda inner: inner.candles(market, interval))

    def market_changes(self, market: str | None = None) -> Following[Market]:
        """Follow the state and the rules of a market, or of all."""
        return self._follow(lambda inner: inner.market_changes(market))

    def orders(self) -> Following[OrderEvent]:
        """Follow one's own orders: those that are open, then each step."""
        return self._follow(lambda inner: inner.orders())

    def fills(self) -> Following[OwnFill]:
        """Follow one's own fills from now on."""
        return self._follow(lambda inner: inner.fills())

    def balances(self) -> Following[Balance]:
        """Follow one's own balances: all of them, then each as it changes."""
        return self._follow(lambda inner: inner.balances())

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Have something done on the loop, and return its result."""
        if self._loop.is_closed():
            work.close()
            raise Closed("The stream is closed.")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise Closed("The stream is closed.") from None
        except BaseException:
            # Such as Ctrl-C: what nobody waits for any more is given up.
            future.cancel()
            raise

    def call(self, function: Callable[[], T]) -> T:
        """Call something on the loop, and return its result."""

        async def called() -> T:
            return function()

        return self.wait(called())

    def _follow(self, make: Callable[[AsyncStream], Feed[T]]) -> Following[T]:
        return Following(self, self.call(lambda: make(self.inner)))

    async def _open(self) -> None:
        self._client = AsyncClient(
            self._settings.base_url,
            self._settings.credential,
            account=self._settings.account,
            patience=self._settings.patience,
            verify=self._settings.verify,
        )
        self._inner = await AsyncStream(self._client).__aenter__()

    async def _shut(self) -> None:
        if self._inner is not None:
            await self._inner.close()
        await self._client.close()
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
