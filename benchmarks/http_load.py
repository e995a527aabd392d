"""The load of (c) and (d): a lean HTTP/1.1 client over asyncio protocols, in a process of its own.

Requests are built before the clock runs and kept-alive connections do nothing but write one and
cut the next answer out of the bytes, so that the client costs little of the machine that it shares
with the server.
"""

import asyncio
import gc
import time
from collections import Counter
from typing import Any, Final

import msgspec
import uvloop

from benchmarks.flow import Flow, FlowMarket, NewOrder, price_text, quantity_text
from benchmarks.statistics import Latencies

ANSWER_WAIT_MAX_S: Final = 30.0
_LENGTH: Final = b"content-length:"


class HttpTrader(msgspec.Struct, frozen=True):
    """A bearer token and the ids of its accounts, as the API takes them."""

    token: str
    accounts: list[str]


class HttpSpec(msgspec.Struct, frozen=True):
    """Where to send which flow of new orders."""

    host: str
    port: int
    path: str
    markets: list[FlowMarket]
    traders: list[HttpTrader]
    seed: int


class HttpLoad:
    """Sends one flow of new orders (no cancels), part by part."""

    def __init__(self, spec: HttpSpec) -> None:
        self._spec = spec
        self._owners = [
            (account, trader.token) for trader in spec.traders for account in trader.accounts
        ]
        self._flow = Flow(
            spec.markets, accounts=len(self._owners), seed=spec.seed, cancel_share=0.0
        )
        self._prepared: list[bytes] = []

    def prepare(self, orders: int, books: bool = False) -> int:
        """Build the flow's next requests; ``books``: passive orders only. Returns how many wait."""
        steps = self._flow.seed_books(orders) if books else self._flow.take(orders)
        for step in steps:
            if isinstance(step, NewOrder):
                self._prepared.append(self._request(step))
        return len(self._prepared)

    def run(self, connections: int, seconds: float, warm_up_s: float = 0.0) -> dict[str, Any]:
        """Keep every connection busy for so long; return rate, latencies and statuses.

        Ends early where the prepared requests run out, which ``is_complete`` then tells. What is
        answered in the first ``warm_up_s`` is not counted. Unsent requests stay prepared.
        """
        return uvloop.run(self._run(connections, seconds, warm_up_s))

    async def _run(self, connections: int, seconds: float, warm_up_s: float) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        course = _Course(self._prepared, starts_at=time.perf_counter())
        clients = []
        for _ in range(connections):
            _, client = await loop.create_connection(
                lambda: _Client(course, loop.create_future()), self._spec.host, self._spec.port
            )
            clients.append(client)
        gc.collect()
        gc.disable()
        started = course.starts_at = time.perf_counter()
        course.ends_at = started + warm_up_s + seconds
        for client in clients:
            client.send_next()
        async with asyncio.timeout(warm_up_s + seconds + ANSWER_WAIT_MAX_S):
            await asyncio.gather(*(client.finished for client in clients))
        gc.enable()
        for client in clients:
            client.close()
        del self._prepared[: course.place]
        return course.figures(warm_up_s)

    def _request(self, order: NewOrder) -> bytes:
        """Return a whole request that places an order."""
        account, token = self._owners[order.account]
        market = order.market
        body = msgspec.json.encode(
            {
                "user_id": account,
                "market": market.symbol,
                "side": "Buy" if order.side == "buy" else "Sell",
                "order_type": "Limit",
                "time_in_force": order.time_in_force.upper(),
                "price": price_text(market, order.price_ticks),
                "quantity": quantity_text(market, order.lots),
                "client_order_id": order.client_order_id,
            }
        )
        head = (
            f"POST {self._spec.path} HTTP/1.1\r\nHost: {self._spec.host}:{self._spec.port}\r\n"
            f"Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class _Course:
    """What all connections of a run share: the requests, and what became of them."""

    def __init__(self, requests: list[bytes], *, starts_at: float) -> None:
        self.requests = requests
        self.place = 0
        self.starts_at = starts_at
        self.ends_at = 0.0
        self.answered: list[tuple[float, float]] = []  # moment, latency
        self.statuses: Counter[int] = Counter()
        self.refusals: Counter[bytes] = Counter()

    def next_request(self, now: float) -> bytes | None:
        if now >= self.ends_at or self.place >= len(self.requests):
            return None
        request = self.requests[self.place]
        self.place += 1
        return request

    def figures(self, warm_up_s: float) -> dict[str, Any]:
        """Return the counted figures. Raises ValueError where nothing was answered in time."""
        counted_from = self.starts_at + warm_up_s
        counted = [
            (moment, latency)
            for moment, latency in self.answered
            if counted_from <= moment <= self.ends_at
        ]
        if not counted:
            raise ValueError("no request was answered")
        last = max(moment for moment, _ in counted)
        is_complete = self.place < len(self.requests)
        seconds = (self.ends_at if is_complete else last) - counted_from
        return {
            "orders_per_s": len(counted) / seconds,
            "seconds": seconds,
            "is_complete": is_complete,
            "statuses": {str(status): count for status, count in self.statuses.items()},
            "refusals": [
                body.decode("utf-8", "replace") for body, _ in self.refusals.most_common(3)
            ],
            **Latencies([latency for _, latency in counted]).as_ms(),
        }


class _Client(asyncio.Protocol):
    """One connection: writes a request, waits for its answer, writes the next."""

    def __init__(self, course: _Course, finished: "asyncio.Future[None]") -> None:
        self.finished = finished
        self._course = course
        self._transport: asyncio.WriteTransport | None = None
        self._received = b""
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the run unless it was over for this connection."""
        if not self.finished.done():
            self.finished.set_exception(exc or ConnectionError("the server closed a connection"))

    def send_next(self) -> None:
        """Write the next request, or finish where there is none."""
        now = time.perf_counter()
        request = self._course.next_request(now)
        if request is None:
            if not self.finished.done():
                self.finished.set_result(None)
            return
        self._sent_at = now
        if self._transport is not None:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Cut an answer out of what came; one is under way at most."""
        received = self._received + data if self._received else data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            self._received = received
            return
        head = received[:end].lower()
        place = head.find(_LENGTH)
        if place < 0:
            raise ValueError("an answer without a length is not understood here")
        length = int(head[place + len(_LENGTH) :].split(b"\r\n", 1)[0])
        if len(received) < end + 4 + length:
            self._received = received
            return
        now = time.perf_counter()
        self._received = b""
        status = int(received[9:12])
        course = self._course
        course.statuses[status] += 1
        if status >= 300:
            course.refusals[received[end + 4 :][:200]] += 1
        course.answered.append((now, now - self._sent_at))
        self.send_next()

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()
