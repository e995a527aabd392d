"""A live connection that comes back: subscriptions, requests, and one's own orders."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from zavora.client import AsyncClient, __version__, carry
from zavora.core.calls import Call
from zavora.core.credentials import BrowserSession
from zavora.core.exchanges import Answer, Came, NoAnswer, Send, refusal
from zavora.core.routes import Awaiting
from zavora.errors import (
    Closed,
    Forbidden,
    NoConnection,
    Refused,
    Unauthorized,
    Unreadable,
    ZavoraError,
)
from zavora.live.feeds import BookFeed, CandleFeed, Feed, MarketFeed, TickerFeed, TradeFeed
from zavora.live.link import Link
from zavora.live.messages import Push, Subscribed
from zavora.live.private import BalanceFeed, FillFeed, OrderFeed
from zavora.models import Account
from zavora.routes.live import ConnectionRoutes
from zavora.routes.markets import BookRoutes
from zavora.routes.orders import TradingRoutes

T = TypeVar("T")
AnyFeed = Feed[Any]
F = TypeVar("F", bound=AnyFeed)

MESSAGE_BYTES_MAX: Final = 64 * 1024 * 1024
PING_S: Final = 15.0
CLOSE_S: Final = 2.0
# A connection that held so long was a good one: the next attempt is made at once.
HELD_S: Final = 10.0
BEGIN_PAUSE_S: Final = 1.0
CREDENTIAL_ENDED: Final = 4001

log = logging.getLogger("zavora")


class Authenticated(msgspec.Struct, frozen=True):
    """Which accounts a connection is let in to."""

    accounts: list[Account]


class AsyncStream(TradingRoutes, BookRoutes, ConnectionRoutes, Awaiting):
    """What is followed, and requests over the same connection; made by ``AsyncClient.stream()``.

    A connection that is lost is made anew, everything is followed again, and what was missed is
    caught up with. Requests wait for it, and are repeated as those of the client are: where that is
    safe.
    """

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        # Those that the credential reaches, as of the last connection.
        self.accounts: list[str] = []
        # How often a connection was made.
        self.connections = 0
        self._exchanges = client.settings.exchanges()
        self._feeds: dict[AnyFeed, str | None] = {}
        self._by_topic: defaultdict[str, list[AnyFeed]] = defaultdict(list)
        self._link: Link | None = None
        self._changed = asyncio.Condition()
        self._error: ZavoraError | None = None
        self._is_closed = False
        self._cancels_on_disconnect = False
        self._runner: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        # What is being caught up with over this connection; it ends with it.
        self._starting: set[asyncio.Task[None]] = set()

    # --- its life ---------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        """Connect. Raises Unauthorized, or NoConnection after the client's patience."""
        self._runner = asyncio.create_task(self._run())
        try:
            await self._live_link(self._exchanges.patience.in_all_s)
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """End the connection and all that is followed."""
        self._is_closed = True
        for feed in list(self._feeds):
            feed.close()
        tasks = [*self._tasks, *([self._runner] if self._runner else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with self._changed:
            self._changed.notify_all()

    @property
    def is_live(self) -> bool:
        """Whether there is a connection now."""
        return self._link is not None

    # --- what can be followed ---------------------------------------------------------------------

    def book(self, market: str, *, depth: int | None = None) -> BookFeed:
        """Follow a book; it is kept and verified here. `depth`: of what is given, None for all."""
        return self._follow(BookFeed(self, market, depth))

    def trades(self, market: str) -> TradeFeed:
        """Follow a market's trades from now on, without gaps."""
        return self._follow(TradeFeed(self, market))

    def tickers(self, market: str | None = None) -> TickerFeed:
        """Follow the ticker of a market, or all of them."""
        return self._follow(TickerFeed(self, market=market))

    def candles(self, market: str, interval: str = "1m") -> CandleFeed:
        """Follow a market's candles of an interval."""
        return self._follow(CandleFeed(self, market=market, interval=interval))

    def market_changes(self, market: str | None = None) -> MarketFeed:
        """Follow the state and the rules of a market, or of all."""
        return self._follow(MarketFeed(self, market=market))

    def orders(self) -> OrderFeed:
        """Follow one's own orders: those that are open, then each step."""
        return self._follow(OrderFeed(self))

    def fills(self) -> FillFeed:
        """Follow one's own fills from now on."""
        return self._follow(FillFeed(self))

    def balances(self) -> BalanceFeed:
        """Follow one's own balances: all of them, then each as it changes."""
        return self._follow(BalanceFeed(self))

    # --- requests ---------------------------------------------------------------------------------

    async def send(self, call: Call[T]) -> T:
        """Return what the exchange answers. Raises a ZavoraError."""
        answer = await carry(self._exchanges.run(call, "socket"), self._send)
        if call.socket == "cancelOnDisconnect":
            self._cancels_on_disconnect = bool(call.body["enabled"])
        return answer

    async def send_page(self, call: Call[T]) -> tuple[T, str | None]:
        """Return what the exchange answers, and the cursor of the page after it."""
        return await carry(self._exchanges.run_page(call, "socket"), self._send)

    async def _send(self, step: Send) -> Came:
        if step.call.socket is None:
            return await self.client.send_step(step)
        try:
            link = await self._live_link(step.timeout_s)
        except NoConnection as error:
            return NoAnswer(False, str(error))
        params = step.call.socket_params()
        return await link.ask(step.call.socket, params, timeout_s=step.timeout_s)

    async def _live_link(self, timeout_s: float) -> Link:
        """Return the connection once there is one."""
        try:
            async with asyncio.timeout(timeout_s), self._changed:
                while self._link is None:
                    if self._error is not None:
                        raise self._error
                    if self._is_closed:
                        raise Closed("The stream is closed.")
                    await self._changed.wait()
                return self._link
        except TimeoutError:
            raise NoConnection("There is no connection.") from None

    # --- for feeds --------------------------------------------------------------------------------

    def leave(self, feed: AnyFeed) -> None:
        """Follow something no more."""
        topic = self._feeds.pop(feed, None)
        if topic is not None:
            self._forget(feed, topic)
            if self._link is not None:
                self._begin_task(self._unsubscribe(self._link, topic))

    async def renew(self, feed: AnyFeed) -> None:
        """Have a feed begin anew. Raises a ZavoraError."""
        link, topic = self._link, self._feeds.get(feed)
        if link is not None and topic is not None:
            # Asked for twice it begins anew, and is to be given up twice.
            await self._subscribe(link, feed)
            await self._unsubscribe(link, topic)

    def _follow(self, feed: F) -> F:
        if self._is_closed:
            raise Closed("The stream is closed.")
        self._feeds[feed] = None
        if self._link is not None:
            self._begin_start(self._link, feed)
        return feed

    def _forget(self, feed: AnyFeed, topic: str) -> None:
        feeds = self._by_topic[topic]
        if feed in feeds:
            feeds.remove(feed)
        if not feeds:
            del self._by_topic[topic]

    async def _start(self, link: Link, feed: AnyFeed) -> None:
        """Follow something over a connection, until it is caught up with."""
        while link is self._link and feed in self._feeds:
            try:
                if not feed.is_prepared:
                    await feed.prepare()
                    feed.is_prepared = True
                if self._feeds.get(feed) is None:
                    await self._subscribe(link, feed)
                await feed.begin()
                feed.note_followed()
            except (Refused, Unreadable) as error:
                feed.fail(error)
                self.leave(feed)
            except ZavoraError as error:
                log.info("%s is not followed yet: %s", feed.channel, error)
                await asyncio.sleep(BEGIN_PAUSE_S)
                continue
            return

    async def _subscribe(self, link: Link, feed: AnyFeed) -> None:
        def note(answer: Answer) -> None:
            if answer.status == 200:
                call = Call[Subscribed]("POST", "subscribe", Subscribed)
                topic = call.read(answer.content).subscription_id
                if feed in self._feeds and self._feeds[feed] is None:
                    self._feeds[feed] = topic
                    self._by_topic[topic].append(feed)

        timeout_s = self._exchanges.patience.timeout_s
        came = await link.ask("subscribe", feed.params, timeout_s=timeout_s, on_answer=note)
        if isinstance(came, NoAnswer):
            raise NoConnection(came.why)
        if came.status != 200:
            raise refusal(came)

    async def _unsubscribe(self, link: Link, topic: str) -> None:
        timeout_s = self._exchanges.patience.timeout_s
        await link.ask("unsubscribe", {"subscriptionId": topic}, timeout_s=timeout_s)

    def _push(self, method: str, push: Push) -> None:
        for feed in list(self._by_topic.get(push.subscription_id or "", ())):
            if method == feed.channel:
                try:
                    feed.push(push)
                except Unreadable as error:
                    feed.fail(error)
                    self.leave(feed)

    def _begin_start(self, link: Link, feed: AnyFeed) -> None:
        task = self._begin_task(self._start(link, feed))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    def _begin_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- the connection ---------------------------------------------------------------------------

    async def _run(self) -> None:
        """Keep a connection; whatever ends that for good is told to all who wait."""
        try:
            await self._keep_connected()
        except Exception as error:
            await self._end(error if isinstance(error, ZavoraError) else ZavoraError(repr(error)))
            if not isinstance(error, ZavoraError):
                raise

    async def _keep_connected(self) -> None:
        """Connect, again and again. Raises Unauthorized where the credential is refused."""
        loop, attempt = asyncio.get_running_loop(), 0
        while not self._is_closed:
            began = loop.time()
            try:
                await self._connect_once()
            except (Unauthorized, Forbidden):
                raise
            except (OSError, TimeoutError, WebSocketException, ZavoraError) as error:
                log.info("The connection ended: %r", error)
                if isinstance(error, ConnectionClosed) and _code(error) == CREDENTIAL_ENDED:
                    raise Unauthorized("The credential has ended.", status=401) from error
            attempt = 1 if loop.time() - began > HELD_S else attempt + 1
            patience = self._exchanges.patience
            await asyncio.sleep(patience.back_off.pause_s(attempt, None, self._exchanges.source))

    async def _connect_once(self) -> None:
        """Make a connection and use it until it ends."""
        settings = self.client.settings
        headers = {}
        if isinstance(settings.credential, BrowserSession):
            headers = settings.credential.headers(method="GET", target="", body=b"", now_us=0)
        async with connect(
            settings.base_url.replace("http", "ws", 1) + "/ws",
            open_timeout=self._exchanges.patience.timeout_s,
            close_timeout=CLOSE_S,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            max_size=MESSAGE_BYTES_MAX,
            ssl=settings.tls,
            additional_headers=headers,
            user_agent_header=f"zavora-python/{__version__}",
        ) as socket:
            link = Link(socket, self._push)
            reading = asyncio.create_task(link.read())
            beginning = asyncio.create_task(self._begin(link))
            try:
                await asyncio.wait({reading, beginning}, return_when=asyncio.FIRST_COMPLETED)
                if beginning.done():
                    beginning.result()
                await reading
            finally:
                reading.cancel()
                beginning.cancel()
                await asyncio.gather(reading, beginning, return_exceptions=True)
                self._lost()

    async def _begin(self, link: Link) -> None:
        """Say who we are, and follow everything that is followed."""
        await self._authenticate(link)
        self.connections += 1
        async with self._changed:
            self._link = link
            self._changed.notify_all()
        for feed in list(self._feeds):
            self._begin_start(link, feed)

    async def _authenticate(self, link: Link) -> None:
        credential = self.client.settings.credential
        if credential is None:
            return
        timeout_s = self._exchanges.patience.timeout_s

        async def ask(_: Send) -> Came:
            # Signed anew for each attempt.
            params = credential.socket_params(now_us=self._exchanges.now_us())
            return await link.ask("authenticate", params, timeout_s=timeout_s)

        call = Call[Authenticated](
            "POST", "authenticate", Authenticated, is_repeatable=True, socket="authenticate"
        )
        answer = await carry(self._exchanges.run(call, "socket"), ask)
        self.accounts = [account.id for account in answer.accounts]
        if self._cancels_on_disconnect:
            came = await link.ask("cancelOnDisconnect", {"enabled": True}, timeout_s=timeout_s)
            if isinstance(came, NoAnswer) or came.status != 200:
                raise NoConnection("The switch for the end of the connection could not be set.")

    def _lost(self) -> None:
        self._link = None
        for task in self._starting:
            task.cancel()
        self._by_topic.clear()
        for feed in self._feeds:
            self._feeds[feed] = None
            feed.interrupt()

    async def _end(self, error: ZavoraError) -> None:
        self._error = error
        for feed in self._feeds:
            feed.fail(error)
        async with self._changed:
            self._changed.notify_all()


def _code(error: ConnectionClosed) -> int | None:
    return None if error.rcvd is None else error.rcvd.code
