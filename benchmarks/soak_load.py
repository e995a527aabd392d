"""The load of the soak: few orders a second, evenly, for as long as it takes; books stay small.

Clients place, cancel and trade by REST at a given rate in all, each keeps few orders open; others
listen on both kinds of WebSocket, or read pages. Nobody waits for a slow answer to send the next
thing late and then all at once: a client that is late goes on from where it is.
"""

import asyncio
import itertools
import json
import random
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import httpx
import msgspec
import uvloop
from websockets.asyncio.client import connect

from benchmarks.flow import FlowMarket, price_text, quantity_text
from benchmarks.http_load import HttpTrader
from benchmarks.statistics import Latencies
from tests.crash.http_client import HttpClient

CLIENTS: Final = 8
LISTENERS: Final = 16
READS_PER_S: Final = 4.0
OPEN_KEPT_MAX: Final = 12
CANCEL_SHARE: Final = 0.4
CROSSING_SHARE: Final = 0.35
LOTS_MAX: Final = 50
DISTANCE_MAX_TICKS: Final = 40
ANSWER_WAIT_S: Final = 10.0
# So many trades of a market are kept in memory (``TRADES_KEPT_MAX`` of the feed), and some.
TRADES_FILLED: Final = 1_100
FILL_RATE_PER_S: Final = 400.0
FILL_WAIT_S: Final = 300.0
# What an order may be answered, and a cancel of one that somebody has taken meanwhile.
ANSWERS: Final = {"place": {200}, "cancel": {200, 409}}
CHANNELS: Final = ("orderbook", "trades", "ticker")


class SoakSpec(msgspec.Struct, frozen=True):
    """Whom to load, and how much.

    ``slices``: into how many parts the time is divided; ``names``: what the names of orders begin
    with, no two loads of an exchange alike.
    """

    base_url: str
    markets: list[FlowMarket]
    traders: list[HttpTrader]
    rate_per_s: float
    seconds: float
    slices: int
    names: str = "soak"


class SoakLoad:
    """Runs the load in a process of its own."""

    def __init__(self, spec: SoakSpec) -> None:
        self._spec = spec
        self._began = 0.0
        self._took: list[list[float]] = [[] for _ in range(spec.slices)]
        self._answers: Counter[str] = Counter()
        self._traded: Counter[str] = Counter()
        self._pushed = 0
        self._names = itertools.count()
        self._kept: list[deque[str]] = [deque() for _ in range(CLIENTS)]

    def fill(self) -> dict[str, int]:
        """Trade faster until what is kept of each market is full; return the trades by market.

        Raises AssertionError where that takes too long.
        """
        uvloop.run(self._fill())
        return dict(self._traded)

    def run(self) -> dict[str, Any]:
        """Load the exchange for the time given; return latencies by slice, answers, pushes.

        Raises AssertionError for an answer that none should get.
        """
        return uvloop.run(self._run())

    async def _run(self) -> dict[str, Any]:
        self._answers.clear()
        for took in self._took:
            took.clear()
        self._began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                trading = self._trade(number, self._spec.rate_per_s, until=lambda: False)
                group.create_task(self._until_over(trading))
            for number in range(LISTENERS):
                group.create_task(self._until_over(self._listen(number)))
            group.create_task(self._until_over(self._read()))
        slices = [Latencies(took).as_ms() for took in self._took]
        return {"slices": slices, "answers": dict(self._answers), "pushed": self._pushed}

    async def _fill(self) -> None:
        self._began = time.monotonic()
        async with asyncio.timeout(FILL_WAIT_S), asyncio.TaskGroup() as group:
            for number in range(CLIENTS):
                group.create_task(self._trade(number, FILL_RATE_PER_S, until=self._is_filled))

    def _is_filled(self) -> bool:
        return all(self._traded[one.symbol] >= TRADES_FILLED for one in self._spec.markets)

    async def _until_over(self, work: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(self._spec.seconds):
                await work
        except TimeoutError:
            if time.monotonic() < self._began + self._spec.seconds - 1:
                raise  # it was not the time that ran out

    async def _paced(self, rate_per_s: float, offset: float) -> AsyncIterator[None]:
        """Yield so many times a second; what was missed is not made up for."""
        due = self._began + offset / rate_per_s
        while True:
            now = time.monotonic()
            due = max(due + 1 / rate_per_s, now)
            await asyncio.sleep(due - now)
            yield

    # --- trading ---

    async def _trade(self, number: int, rate_per_s: float, *, until: Callable[[], bool]) -> None:
        draw, kept = random.Random(number), self._kept[number]
        trader = self._spec.traders[number % len(self._spec.traders)]
        client = HttpClient(self._spec.base_url, trader.token)
        try:
            async for _ in self._paced(rate_per_s / CLIENTS, number / CLIENTS):
                if until():
                    return
                if len(kept) >= OPEN_KEPT_MAX or (kept and draw.random() < CANCEL_SHARE):
                    path = f"/api/v1/orders/{kept.popleft()}"
                    await self._ask(client, "cancel", "DELETE", path)
                    continue
                body = self._order(draw, trader.accounts[0])
                answer = await self._ask(client, "place", "POST", "/api/v1/orders", body)
                self._traded[body["market"]] += len(answer["data"]["trades"])
                if answer["data"]["order"]["status"] in ("New", "PartiallyFilled"):
                    kept.append(answer["data"]["order"]["id"])
        finally:
            client.close()

    def _order(self, draw: random.Random, account: str) -> dict[str, Any]:
        market, side = draw.choice(self._spec.markets), draw.choice(("Buy", "Sell"))
        crosses = draw.random() < CROSSING_SHARE
        away = DISTANCE_MAX_TICKS if crosses else -1 - draw.randrange(DISTANCE_MAX_TICKS)
        price = market.mid_ticks + (away if side == "Buy" else -away)
        return {
            "user_id": account,
            "market": market.symbol,
            "side": side,
            "order_type": "Limit",
            "time_in_force": "IOC" if crosses else "GTC",
            "price": price_text(market, price),
            "quantity": quantity_text(market, draw.randint(1, LOTS_MAX)),
            "client_order_id": f"{self._spec.names}-{next(self._names)}",
        }

    async def _ask(
        self, client: HttpClient, what: str, method: str, path: str, body: Any = None
    ) -> dict[str, Any]:
        began = time.monotonic()
        status, answer = await client.request(method, path, body, timeout_s=ANSWER_WAIT_S)
        ended = time.monotonic()
        self._answers[f"{what} {status}"] += 1
        if status not in ANSWERS[what]:
            raise AssertionError(f"{method} {path} was answered {status}: {answer}")
        place = int((began - self._began) / self._spec.seconds * self._spec.slices)
        self._took[min(place, self._spec.slices - 1)].append(ended - began)
        return answer

    # --- looking on ---

    async def _read(self) -> None:
        trader = self._spec.traders[0]
        paths = itertools.cycle(self._paths(trader.accounts[0]))
        headers = {"Authorization": f"Bearer {trader.token}"}
        async with httpx.AsyncClient(
            base_url=self._spec.base_url, headers=headers, timeout=ANSWER_WAIT_S
        ) as client:
            async for _ in self._paced(READS_PER_S, 0):
                path = next(paths)
                answer = await client.get(path)
                self._answers[f"read {answer.status_code}"] += 1
                if answer.status_code != 200:
                    raise AssertionError(f"{path} was answered {answer.status_code}")

    def _paths(self, account: str) -> list[str]:
        market = self._spec.markets[0].symbol
        dashed, plain = market.replace("/", "-"), market.replace("/", "")
        return [
            "/",
            "/api/v1/markets",
            "/api/v1/markets/tickers",
            f"/api/v1/markets/{dashed}/order-book?depth=50",
            f"/api/v1/markets/{dashed}/trades",
            f"/api/v1/markets/{dashed}/candles?interval=1m",
            f"/api/v1/accounts/{account}/orders?status=Open",
            f"/api/v1/accounts/{account}/balances",
            f"/api/v1/accounts/{account}/trades",
            "/api/v1/health",
            f"/api/v3/depth?symbol={plain}&limit=100",
            f"/api/v3/klines?symbol={plain}&interval=1m&limit=100",
            "/api/v3/exchangeInfo",
        ]

    async def _listen(self, number: int) -> None:
        market = self._spec.markets[number % len(self._spec.markets)].symbol
        base = self._spec.base_url.replace("http", "ws", 1)
        # A listener that comes and goes leaves nothing behind.
        stays_s = self._spec.seconds if number % 4 else self._spec.seconds / self._spec.slices
        listen: Callable[[str, str], Awaitable[None]]
        listen = self._listen_to_v1 if number % 2 else self._listen_to_streams
        while True:
            try:
                async with asyncio.timeout(stays_s):
                    await listen(base, market)
            except TimeoutError:
                if stays_s >= self._spec.seconds:
                    raise

    async def _listen_to_v1(self, base: str, market: str) -> None:
        async with connect(f"{base}/ws") as socket:
            for number, channel in enumerate(CHANNELS):
                params = {"channel": channel, "market": market}
                request = {"id": str(number), "method": "subscribe", "params": params}
                await socket.send(json.dumps(request))
            async for _ in socket:
                self._pushed += 1

    async def _listen_to_streams(self, base: str, market: str) -> None:
        name = market.replace("/", "").lower()
        names = "/".join(f"{name}@{kind}" for kind in ("depth", "trade", "kline_1m"))
        async with connect(f"{base}/stream?streams={names}") as socket:
            async for _ in socket:
                self._pushed += 1
