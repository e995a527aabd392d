"""(f) ``GET /api/v3/depth?limit=100`` beside a bare ASGI application that sends as many bytes.

Both run under the same server with the same options; each is loaded by turns by the same clients.
"""

import asyncio
import dataclasses
import http.client
import json
import signal
import time
from statistics import median
from typing import Any, Final

import uvloop

from benchmarks.flow import price_text, quantity_text
from benchmarks.remote import Remote
from benchmarks.venue import Venue
from tests.exchange import Exchange, wait_until
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import HOST, web

LEVELS: Final = 100
CONNECTIONS: Final = 64
WARM_UP_S: Final = 0.5
BARE: Final = "benchmarks.bare_asgi:application"
# What the answer carries beyond the headers of the bare one.
_COMMON_HEADERS: Final = frozenset({"date", "server", "content-type", "content-length"})


class GetLoad:
    """Repeats one GET on kept-alive connections; lives in a process of its own."""

    def run(self, port: int, path: str, seconds: float) -> float:
        """Return the answers a second. Raises ValueError for anything but 200."""
        return uvloop.run(self._run(port, path, seconds))

    async def _run(self, port: int, path: str, seconds: float) -> float:
        request = f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nAccept: */*\r\n\r\n".encode()
        counts_from = time.perf_counter() + WARM_UP_S
        course = _Course(request, counts_from, counts_from + seconds)
        loop = asyncio.get_running_loop()
        clients = [
            (
                await loop.create_connection(
                    lambda: _Client(course, loop.create_future()), HOST, port
                )
            )[1]
            for _ in range(CONNECTIONS)
        ]
        async with asyncio.timeout(WARM_UP_S + seconds + 30):
            await asyncio.gather(*(client.finished for client in clients))
        return course.count / seconds


@dataclasses.dataclass(slots=True)
class _Course:
    request: bytes
    counts_from: float
    ends_at: float
    count: int = 0


class _Client(asyncio.Protocol):
    """One connection: asks again as soon as it was answered."""

    def __init__(self, course: _Course, finished: "asyncio.Future[None]") -> None:
        self.finished = finished
        self._course = course
        self._transport: Any = None
        self._received = b""
        self._length = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the first time."""
        self._transport = transport
        self._transport.write(self._course.request)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the run unless it was over for this connection."""
        if not self.finished.done():
            self.finished.set_exception(exc or ConnectionError("the server closed a connection"))

    def data_received(self, data: bytes) -> None:
        """Count an answer that is whole, and ask again."""
        received = self._received + data if self._received else data
        if not self._length:
            end = received.find(b"\r\n\r\n")
            if end < 0:
                self._received = received
                return
            self._length = end + 4 + _body_length(received[:end])
        if len(received) < self._length:
            self._received = received
            return
        self._received, self._length = b"", 0
        course, now = self._course, time.perf_counter()
        if now >= course.ends_at:
            self.finished.set_result(None)
            self._transport.close()
            return
        course.count += now >= course.counts_from
        self._transport.write(course.request)


def _body_length(head: bytes) -> int:
    if head[9:12] != b"200":
        raise ValueError(f"refused: {head!r}")
    lines = head.lower().split(b"\r\n")
    return next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))


def measure(exchange: Exchange, venue: Venue, *, seconds: float, runs: int) -> dict[str, Any]:
    """Return the rates of both, and the median of the ratios of neighbouring runs."""
    path = f"/api/v3/depth?symbol={venue.markets[0].symbol.replace('/', '')}&limit={LEVELS}"
    _fill_book(exchange, venue)
    bare_port = _launch_bare(exchange, _answer_bytes(exchange, path))
    depth, bare = [], []
    with Remote(GetLoad) as load:
        for _ in range(runs):
            bare.append(load.call("run", bare_port, "/", seconds))
            depth.append(load.call("run", exchange.port, path, seconds))
    exchange.kill("bare", signal.SIGTERM)
    return {
        "depth_requests_per_s": round(median(depth)),
        "bare_asgi_requests_per_s": round(median(bare)),
        "depth_vs_bare_asgi": round(
            median(one / other for one, other in zip(depth, bare, strict=True)), 2
        ),
        "depth_runs_per_s": [round(rate) for rate in depth],
        "bare_asgi_runs_per_s": [round(rate) for rate in bare],
    }


def _fill_book(exchange: Exchange, venue: Venue) -> None:
    """Place an order at as many prices of each side as are asked for, far from the best ones."""
    market, trader = venue.markets[0], venue.traders[0]
    headers = {"Authorization": f"Bearer {trader.token}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(HOST, exchange.port, timeout=30)
    for side, begins_at in (("Buy", 0.5), ("Sell", 1.5)):
        prices = [int(market.mid_ticks * begins_at) + level for level in range(LEVELS)]
        orders = [
            {
                "user_id": str(trader.accounts[0][0]),
                "market": market.symbol,
                "side": side,
                "order_type": "Limit",
                "price": price_text(market, ticks),
                "quantity": quantity_text(market, 1),
            }
            for ticks in prices
        ]
        connection.request("POST", "/api/v1/orders/batch", json.dumps(orders), headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise AssertionError(content)
    connection.close()


def _answer_bytes(exchange: Exchange, path: str) -> int:
    """Return the bytes that the bare application has to send in its body to send as many."""
    connection = http.client.HTTPConnection(HOST, exchange.port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    book = json.loads(body)
    levels = (len(book["bids"]), len(book["asks"]))
    if answer.status != 200 or levels != (LEVELS, LEVELS):
        raise AssertionError(f"{path}: {answer.status}, {levels} levels")
    more = [pair for pair in answer.getheaders() if pair[0].lower() not in _COMMON_HEADERS]
    return len(body) + sum(len(f"{name}: {value}\r\n") for name, value in more)


def _launch_bare(exchange: Exchange, body_bytes: int) -> int:
    port = free_port()
    spec = web({**exchange.env, "BARE_BYTES": str(body_bytes)}, port=port, server="uvicorn")
    argv = (*spec.argv, "--application", BARE)
    exchange.launch(dataclasses.replace(spec, name="bare", argv=argv))
    wait_until(lambda: _answers(port), timeout_s=20, what="the bare ASGI application")
    return port


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=1)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
