"""Others who trade while the page is looked at: a book that changes so many times a second.

They place and cancel by ``/ws``, each change a command of its own that is answered after its
commit, so that the feed tells each as a push of its own; now and then one of them takes something.
"""

import asyncio
import json
import random
import time
from collections import deque
from typing import Any, Final

import msgspec
import uvloop
from websockets.asyncio.client import ClientConnection, connect

LEVELS: Final = 60
# Where changes happen: most of a book's do near its best prices.
BUSY_LEVELS: Final = 20
# Commands that are under way at once, each over a connection of its own.
LANES: Final = 4
# One of so many changes is a trade.
TRADE_EACH: Final = 12
LOTS_MAX: Final = 400_000
TICKS_OF_A_LEVEL: Final = 50


class Mover(msgspec.Struct, frozen=True):
    """Somebody with funds: a token that may trade, and their account."""

    token: str
    account: str


class MoverSpec(msgspec.Struct, frozen=True):
    """Where to trade. Prices in cents, quantities in 0.00001."""

    ws_url: str
    market: str
    movers: list[Mover]
    middle_cents: int


class Movers:
    """Moves the book in a process of its own (``benchmarks.remote``)."""

    def __init__(self, spec: MoverSpec) -> None:
        self._spec = spec
        self._draw = random.Random(1)

    def fill(self) -> None:
        """Place what the book consists of, and trade once so that there is a last price."""
        uvloop.run(self._fill())

    def run(self, rate_per_s: float, seconds: float) -> float:
        """Change the book so often for so long; return how many changes a second were answered."""
        return uvloop.run(self._run(rate_per_s, seconds))

    async def _fill(self) -> None:
        async with (
            Lane(self._spec, 0, self._draw) as buyer,
            Lane(self._spec, 1, self._draw) as seller,
        ):
            for level in range(1, LEVELS + 1):
                await buyer.place("Buy", level)
                await seller.place("Sell", level)
            await buyer.take("Buy")

    async def _run(self, rate_per_s: float, seconds: float) -> float:
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            lanes = [
                group.create_task(self._move(number, rate_per_s / LANES, began + seconds))
                for number in range(LANES)
            ]
        return sum(lane.result() for lane in lanes) / (time.monotonic() - began)

    async def _move(self, number: int, rate_per_s: float, until: float) -> int:
        """Change one thing after the other, evenly; what was missed is not made up for."""
        changes, draw = 0, random.Random(number)
        due = time.monotonic() + number / LANES / rate_per_s
        async with Lane(self._spec, number, draw) as lane:
            while (now := time.monotonic()) < until:
                due = max(due, now)
                await asyncio.sleep(due - now)
                due += 1 / rate_per_s
                await lane.change()
                changes += 1
            await lane.cancel_all()
        return changes


class Lane:
    """A connection that has one command under way at a time."""

    def __init__(self, spec: MoverSpec, number: int, draw: random.Random) -> None:
        self._spec = spec
        self._mover = spec.movers[number % len(spec.movers)]
        self._draw = draw
        self._count = 0
        self._placed: deque[str] = deque()
        self._connecting = connect(spec.ws_url + "/ws", max_size=2**24)
        self._connection: ClientConnection | None = None

    async def __aenter__(self) -> "Lane":
        self._connection = await self._connecting
        await self._ask("authenticate", {"token": self._mover.token})
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._connection is not None:
            await self._connection.close()

    async def change(self) -> None:
        """Place, cancel or take."""
        self._count += 1
        if self._count % TRADE_EACH == 0:
            await self.take(self._draw.choice(("Buy", "Sell")))
        elif len(self._placed) > 1 and self._count % 2:
            order = self._placed.popleft()
            await self._ask("cancelOrder", {"order_id": order}, may_fail=True)
        else:
            side = self._draw.choice(("Buy", "Sell"))
            self._placed.append(await self.place(side, self._draw.randint(1, BUSY_LEVELS)))

    async def place(self, side: str, level: int) -> str:
        """Let an order rest so many levels from the middle; return its id."""
        away = level * TICKS_OF_A_LEVEL
        cents = self._spec.middle_cents + (-away if side == "Buy" else away)
        placed = await self._order(side, cents, self._draw.randint(1, LOTS_MAX), "GTC")
        return str(placed["order"]["id"])

    async def take(self, side: str) -> None:
        """Trade a little at the best price."""
        away = 2 * TICKS_OF_A_LEVEL
        cents = self._spec.middle_cents + (away if side == "Buy" else -away)
        await self._order(side, cents, self._draw.randint(200, 2_000), "IOC")

    async def cancel_all(self) -> None:
        """Leave no order of this lane's own."""
        while self._placed:
            await self._ask("cancelOrder", {"order_id": self._placed.popleft()}, may_fail=True)

    async def _order(self, side: str, cents: int, lots: int, time_in_force: str) -> Any:
        return await self._ask(
            "placeOrder",
            {
                "user_id": self._mover.account,
                "market": self._spec.market,
                "side": side,
                "order_type": "Limit",
                "time_in_force": time_in_force,
                "price": f"{cents // 100}.{cents % 100:02}",
                "quantity": f"{lots // 100_000}.{lots % 100_000:05}",
            },
        )

    async def _ask(self, method: str, params: dict[str, Any], *, may_fail: bool = False) -> Any:
        """Send a request and return its result. ``may_fail``: somebody may have come first."""
        assert self._connection is not None
        await self._connection.send(json.dumps({"id": "1", "method": method, "params": params}))
        answer = json.loads(await self._connection.recv())
        if "error" in answer and not may_fail:
            raise AssertionError(f"{method} was answered {answer['error']}")
        return answer.get("result")
