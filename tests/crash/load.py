"""Clients that trade without a pause and note what they are told.

They behave as the API's guide says: a request with a key is repeated until it is answered,
whatever went wrong; one without a key is repeated only after an answer that says that nothing was
queued (503). Load runs in a thread of its own, so that a test can kill processes meanwhile.
"""

import asyncio
import random
import threading
import time
import uuid
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Container, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from tests.crash.acts import Act, act_of
from tests.crash.http_client import HttpClient, Unanswered
from tests.crash.kinds import draw_order
from tests.crash.markets import MARKETS, MarketPlan
from tests.crash.notes import Notes, OrderTold, TradeTold
from tests.crash.together import Answer, said_together
from tests.crash.wholes import part_name

Result = TypeVar("Result")

# Longer than the edge waits, so that its own answer comes first.
ANSWER_WAIT_S: Final = 7.0
REPEAT_PAUSE_S: Final = (0.02, 0.2)
REPEATS_MAX: Final = 3_000
THINK_S: Final = (0.01, 0.09)
OPEN_KEPT_MAX: Final = 200
NOT_QUEUED: Final = 503
# What may be said of an order, whatever is killed: who asks cannot know better.
REFUSALS: Final = ("insufficient_balance", "order_not_open", "invalid_order", "market_halted")


Send = Callable[[str], Awaitable[Answer]]  # given a request id


@dataclass
class Shared:
    """What all clients have in common."""

    notes: Notes
    gate: asyncio.Event
    is_ending: bool = False
    # When acknowledgements came (monotonic seconds), when the exchange had decided them, and of
    # which market they were.
    acknowledged: deque[tuple[float, str, str]] = field(default_factory=deque)
    lock: threading.Lock = field(default_factory=threading.Lock)
    unexpected: list[str] = field(default_factory=list)
    markets: tuple[MarketPlan, ...] = MARKETS

    def plan_of(self, symbol: str) -> MarketPlan:
        """Return one of the markets."""
        return next(market for market in self.markets if market.symbol == symbol)


class Trader:
    """One account's client: draws what to do, does it to the end, notes the answer."""

    # Whether cancels and amendments take an idempotency key, so that they may be repeated.
    has_keys = True
    is_socket = False
    # Whether it is the only one that sets limits and timers of its account: of several nobody
    # could say whose answer was the last.
    sets_limits = True

    def __init__(self, shared: Shared, account: str, seed: int) -> None:
        self.shared = shared
        self.account = account
        self.draw = random.Random(seed)
        self.is_idle = True
        # Order id, market, and whether it waits for a price.
        self.open: deque[tuple[str, str, bool]] = deque(maxlen=OPEN_KEPT_MAX)
        self.lists: deque[str] = deque(maxlen=OPEN_KEPT_MAX)

    async def run(self) -> None:
        """Trade until the load ends; between operations the gate may hold."""
        while not self.shared.is_ending:
            self.is_idle = True
            await self.shared.gate.wait()
            self.is_idle = False
            kind = self.draw.random()
            if self.open and kind < 0.3:
                await self._cancel()
            elif self.open and kind < 0.38:
                await self._amend()
            elif kind < 0.55:
                await self._act(act_of(self))
            else:
                await self._place()
            await asyncio.sleep(self.draw.uniform(*THINK_S))

    # --- what differs between HTTP and WebSocket ---

    async def send_place(self, body: dict[str, Any], request_id: str) -> Answer:
        """Send an order once."""
        raise NotImplementedError

    async def send_cancel(self, order_id: str, key: str, request_id: str) -> Answer:
        """Send a cancel once."""
        raise NotImplementedError

    async def send_amend(
        self, order_id: str, body: dict[str, Any], key: str, request_id: str
    ) -> Answer:
        """Send an amendment once."""
        raise NotImplementedError

    async def send_act(self, act: Act, request_id: str) -> Answer:
        """Send something else once."""
        raise NotImplementedError

    # --- operations ---

    async def _place(self) -> None:
        body = draw_order(self.account, self.draw_market(), self.draw)
        key = None if self.draw.random() < 0.15 else f"c-{uuid.uuid4().hex}"
        if key is not None:
            body["client_order_id"] = key
        answer = await self._to_the_end(lambda rid: self.send_place(body, rid), key)
        if answer is not None and answer.status == 200:
            self.note_placed(answer.data)

    def draw_market(self) -> MarketPlan:
        """Return one of the markets."""
        return self.draw.choice(self.shared.markets)

    def take_open(self) -> tuple[str, MarketPlan]:
        """Return an open order, which is meant to end, and its market."""
        place = self.draw.randrange(len(self.open))
        order_id, symbol, _ = self.open[place]
        del self.open[place]
        return order_id, self.shared.plan_of(symbol)

    async def _cancel(self) -> None:
        order_id, _ = self.take_open()
        key = f"x-{uuid.uuid4().hex}"
        answer = await self._to_the_end(
            lambda rid: self.send_cancel(order_id, key, rid), key if self.has_keys else None
        )
        if answer is not None and answer.status == 200:
            self.note(answer.data)

    async def _amend(self) -> None:
        order_id, symbol, waits = self.open[self.draw.randrange(len(self.open))]
        market = self.shared.plan_of(symbol)
        key = f"a-{uuid.uuid4().hex}"
        body = {"stop_price" if waits else "price": market.price(self.draw)}
        if self.draw.random() < 0.3:
            body["quantity"] = market.quantity(self.draw)
        answer = await self._to_the_end(
            lambda rid: self.send_amend(order_id, body, key, rid), key if self.has_keys else None
        )
        if answer is not None and answer.status == 200:
            self.note(answer.data["order"])
            self.shared.notes.amended[waits] += 1

    async def _act(self, act: Act) -> None:
        """Do something else, which may be repeated: by its key, or as it changes nothing twice."""
        answer = await self._to_the_end(lambda rid: self._try_act(act, rid), act.key)
        if answer is not None and answer.status == 200:
            act.note(self, answer.data)

    async def _try_act(self, act: Act, request_id: str) -> Answer:
        if not act.orders:
            return await self.send_act(act, request_id)
        notes = self.shared.notes
        notes.batches[request_id] = act.orders
        shards = Counter(self.shared.plan_of(order["market"]).shard for order in act.body)
        notes.parts |= {part_name(request_id, shard): count for shard, count in shards.items()}
        return said_together(await self.send_act(act, request_id))

    async def _to_the_end(self, send: Send, key: str | None) -> Answer | None:
        """Repeat as far as is allowed; return the final answer, None where there is none."""
        notes = self.shared.notes
        for _ in range(REPEATS_MAX):
            request_id = str(uuid.uuid4())
            answer = await send(request_id)
            notes.answers[str(answer.status or "none")] += 1
            if answer.status == NOT_QUEUED:
                notes.not_queued.append(request_id)
            elif answer.status is not None and answer.status < 500:
                if answer.status != 200:
                    self.refused(answer.code, key, answer.status)
                return answer
            elif answer.status == 500:
                self.shared.unexpected.append(f"500 {answer.code} for request {request_id}")
            if key is None and answer.status != NOT_QUEUED:
                return None  # it may have taken effect: a repetition might double it
            await asyncio.sleep(self.draw.uniform(*REPEAT_PAUSE_S))
        self.shared.unexpected.append(f"no answer after {REPEATS_MAX} repetitions")
        return None

    def refused(self, code: str, key: str | None, status: int = 200) -> None:
        """Note that something was refused for good; ``key`` then never took effect."""
        if code not in REFUSALS:
            self.shared.unexpected.append(f"{status} {code}")
        elif key is not None:
            self.shared.notes.refused.append((self.account, key))

    def note_placed(self, data: dict[str, Any]) -> None:
        """Note a placed order with the trades that it had at once."""
        self.note(data["order"])
        own = int(data["order"]["id"])
        self.shared.notes.trades += [TradeTold.of(trade, own) for trade in data["trades"]]

    def note(self, order: dict[str, Any]) -> None:
        """Note an order as it was told; one that is open may be cancelled and amended."""
        told = OrderTold.of(order)
        if order["status"] in ("New", "PartiallyFilled", "Pending"):
            waits = order["status"] == "Pending" and order["stop_price"] is not None
            self.open.append((order["id"], order["market"], waits))
        self.shared.notes.orders.append(told)
        with self.shared.lock:
            self.shared.acknowledged.append((time.monotonic(), told.updated_at, told.market))


class HttpTrader(Trader):
    """Trades by REST."""

    def __init__(self, shared: Shared, account: str, seed: int, *, client: HttpClient) -> None:
        super().__init__(shared, account, seed)
        self._client = client

    async def send_place(self, body: dict[str, Any], request_id: str) -> Answer:
        """POST /orders."""
        return await self._send("POST", "/api/v1/orders", body, request_id)

    async def send_cancel(self, order_id: str, key: str, request_id: str) -> Answer:
        """DELETE /orders/:id."""
        return await self._send("DELETE", f"/api/v1/orders/{order_id}", None, request_id, key)

    async def send_amend(
        self, order_id: str, body: dict[str, Any], key: str, request_id: str
    ) -> Answer:
        """PATCH /orders/:id."""
        return await self._send("PATCH", f"/api/v1/orders/{order_id}", body, request_id, key)

    async def send_act(self, act: Act, request_id: str) -> Answer:
        """Send it by its route."""
        return await self._send(act.method, f"/api/v1{act.path}", act.body, request_id)

    async def _send(
        self,
        method: str,
        path: str,
        body: Any,
        request_id: str,
        key: str | None = None,
    ) -> Answer:
        headers = {"X-Request-ID": request_id}
        if key is not None:
            headers["Idempotency-Key"] = key
        try:
            status, answer = await self._client.request(
                method, path, body, headers=headers, timeout_s=ANSWER_WAIT_S
            )
        except Unanswered:
            return Answer(None)
        if status == 200:
            return Answer(status, answer["data"])
        return Answer(status, None, answer["error"]["code"])


class Load:
    """Runs traders in a thread; ``pause`` lets each finish what it does."""

    def __init__(
        self,
        make: Callable[[Shared], list[Trader]],
        *,
        markets: tuple[MarketPlan, ...] = MARKETS,
    ) -> None:
        self._make = make
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)
        self._traders: list[Trader] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.shared = Shared(Notes(), asyncio.Event(), markets=markets)

    def __enter__(self) -> "Load":
        self._thread.start()
        self._call(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.shared.is_ending = True
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=20)
        self._loop.close()

    def go_on(self) -> None:
        """Let the traders trade; what was acknowledged before is history."""
        with self.shared.lock:
            self.shared.acknowledged.clear()
        self._loop.call_soon_threadsafe(self.shared.gate.set)

    def pause(self, *, timeout_s: float = 60.0) -> None:
        """Let every trader finish its operation, repetitions included, and wait until all have."""
        self._call(self._pause(), timeout_s)

    def first_decided_after(
        self, moment: str, *, timeout_s: float, of: Container[str] | None = None
    ) -> float:
        """Return when the first acknowledgement came that was decided after ``moment``.

        ``of``: only what was acknowledged in these markets. The answer is in monotonic seconds;
        raises AssertionError where none comes in time.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            with self.shared.lock:
                for received, decided, market in self.shared.acknowledged:
                    if decided > moment and (of is None or market in of):
                        return received
            time.sleep(0.005)
        raise AssertionError(f"no acknowledgement within {timeout_s} s after {moment}")

    # --- inside ---

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def _call(self, coroutine: Coroutine[Any, Any, Result], timeout_s: float = 30.0) -> Result:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(timeout_s)

    async def _start(self) -> None:
        self._traders = self._make(self.shared)
        self._tasks = [asyncio.ensure_future(trader.run()) for trader in self._traders]

    async def _pause(self) -> None:
        self.shared.gate.clear()
        while True:
            # One that waits at the open gate runs before this does again, so it is not idle then.
            await asyncio.sleep(0.02)
            for task in self._tasks:
                if task.done():
                    task.result()  # a trader that failed fails the test
            if all(trader.is_idle for trader in self._traders):
                return

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
