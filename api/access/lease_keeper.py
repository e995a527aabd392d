"""The event loop's way to the buckets: who lacks tokens waits for one call, with everybody else.

Once a second leases are settled: unspent tokens go back, and what is spent of steadily is filled
up, so that it never waits. Why so: docs/adr/0028-one-bucket.md.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import redis.asyncio as redis_asyncio
import structlog
from redis.exceptions import RedisError

from zavora.foundation.buckets import BUCKETS_LUA, CALL_MAX, Ask, Grant, arguments, grants_of
from zavora.foundation.ending import end_tasks
from zavora.foundation.leases import ATTEMPTS_MAX, LEASES, Charge, Lease, Leases, counted
from zavora.foundation.queue import connect_async

log = structlog.get_logger(__name__)

PERIOD_S: Final = 1.0
# Whoever waits for a server that hangs waits for so long, once in a while.
TIMEOUT_S: Final = 0.5

Client = redis_asyncio.Redis
ShareMore = Callable[[Client], Awaitable[None]]
# What else is shared with each settling, over the same client.
SHARED_MORE: Final[list[ShareMore]] = []


class LeaseKeeper:
    """Takes tokens for those who wait in one event loop, and settles while the process lives."""

    def __init__(self, leases: Leases = LEASES) -> None:
        self._leases = leases
        self._client: Client | None = None
        self._settling: asyncio.Task[None] | None = None
        self._calling: asyncio.Task[None] | None = None
        self._wanted: list[tuple[Sequence[Charge], asyncio.Future[None]]] = []

    def start(self) -> None:
        """Start on the running loop, once."""
        if self._settling is None:
            self._client = connect_async(timeout_s=TIMEOUT_S)
            self._settling = asyncio.create_task(self._settle_forever(), name="leases-settling")

    async def close(self) -> None:
        """End it; what was not spent goes back."""
        if self._settling is None or self._client is None:
            return
        await end_tasks([task for task in (self._settling, self._calling) if task is not None])
        for _, done in self._wanted:
            if not done.done():
                done.set_result(None)
        async with self._client as client:
            for _ in range(2):  # what was spent of lately keeps as much the first time
                await self._settle(client)

    # --- taking -----------------------------------------------------------------------------------

    async def take(self, charges: Sequence[Charge]) -> Lease | None:
        """Spend all of it and return None, else which lease has too little.

        Waits only where this process lacks something; who comes later does not overtake.
        """
        return counted(await self._take(charges))

    async def _take(self, charges: Sequence[Charge]) -> Lease | None:
        if not any(lease.waiting for lease, _ in charges):
            lacking = self._leases.spend(charges)
            if not lacking:
                return None
        else:
            lacking = list(charges)
        for lease, _ in charges:
            lease.waiting += 1
        try:
            return await self._take_waiting(charges, lacking)
        finally:
            for lease, _ in charges:
                lease.waiting -= 1

    async def _take_waiting(
        self, charges: Sequence[Charge], lacking: Sequence[Charge]
    ) -> Lease | None:
        for _ in range(ATTEMPTS_MAX):
            if (short := self._leases.known_short(lacking)) is not None:
                return short
            if self._leases.is_alone or self._client is None:
                self._leases.ask_alone(lacking)
            else:
                await self._call_with_others(lacking)
            lacking = self._leases.spend(charges)
            if not lacking:
                return None
        return lacking[0][0]

    async def _call_with_others(self, lacking: Sequence[Charge]) -> None:
        done = asyncio.get_running_loop().create_future()
        self._wanted.append((lacking, done))
        if self._calling is None or self._calling.done():
            self._calling = asyncio.create_task(self._call_while_wanted(), name="leases-calling")
        await done

    async def _call_while_wanted(self) -> None:
        """Ask for all that is wanted by one call after another, for as long as there is any."""
        while self._wanted:
            wanted, self._wanted = self._wanted[:CALL_MAX], self._wanted[CALL_MAX:]
            try:
                if not self._leases.is_alone:
                    await self._call([charge for charges, _ in wanted for charge in charges])
            except (RedisError, OSError, TimeoutError) as error:
                self._leases.lose(error)
            finally:
                for _, done in wanted:
                    if not done.done():
                        done.set_result(None)

    async def _call(self, lacking: list[Charge]) -> None:
        if self._client is None:
            raise RuntimeError("a keeper that has not been started asks nobody")
        leases, asks = self._leases.asks_of(lacking)
        asked_at = self._leases.clock()
        grants = await ask(self._client, asks)
        self._leases.find()
        self._leases.take_in(leases, asks, grants, asked_at)

    # --- settling ---------------------------------------------------------------------------------

    async def _settle_forever(self) -> None:
        client = self._client
        if client is None:
            return
        while True:
            await asyncio.sleep(PERIOD_S)  # the period, no synchronisation
            await self._settle(client)

    async def _settle(self, client: Client) -> None:
        try:
            if self._leases.is_lost:
                await client.ping()
                self._leases.find()
            await settle(client, self._leases)
            for share in SHARED_MORE:
                await share(client)
        except (RedisError, OSError, TimeoutError) as error:
            self._leases.lose(error)
        except Exception:
            # Of our own making, or of somebody else's in the queue: the next time is another.
            log.exception("leases_not_settled")


async def settle(client: Client, leases: Leases) -> None:
    """Give back what was not spent of late, and fill up what was. Raises what the client raises."""
    held, asks = leases.settle()
    for start in range(0, len(asks), CALL_MAX):
        part = slice(start, start + CALL_MAX)
        asked_at = leases.clock()
        leases.take_in(held[part], asks[part], await ask(client, asks[part]), asked_at)


async def ask(client: Client, asks: list[Ask]) -> list[Grant]:
    """Ask the queue's server. Raises what the client raises."""
    answers: Any = await client.register_script(BUCKETS_LUA)(*arguments(asks))
    return grants_of(answers)
