"""Tell the web's other processes what this one counted, and hear what they did, once a second.

Sums stand in the queue's server, one hash a window, and expire with it. A limit is therefore held
by all processes together to within two seconds; without the queue each holds it for itself.
"""

import asyncio
from typing import Any, Final

import redis.asyncio as redis_asyncio
import structlog
from redis.exceptions import RedisError

from api.access.limits import SHARED, Counter, Counters
from zavora.foundation.ending import end_tasks
from zavora.foundation.queue import connect_async

log = structlog.get_logger(__name__)

PERIOD_S: Final = 1.0
TIMEOUT_S: Final = 2.0
# How many counters one round trip carries at most.
CALL_MAX: Final = 500
# Sums outlive their window by this much.
KEPT_S: Final = 60

Client = redis_asyncio.Redis


class LimitsSharing:
    """The task that shares, for as long as the process lives."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start on the running loop, once."""
        if self._task is None:
            self._task = asyncio.create_task(self._share_forever(), name="limits-sharing")

    async def close(self) -> None:
        """End it."""
        if self._task is not None:
            await end_tasks([self._task])

    async def _share_forever(self) -> None:
        client: Client = connect_async(timeout_s=TIMEOUT_S)
        is_lost = False
        async with client:
            while True:
                await asyncio.sleep(PERIOD_S)  # the period, no synchronisation
                try:
                    await share(client)
                    is_lost = False
                except (RedisError, OSError, TimeoutError) as error:
                    if not is_lost:
                        log.warning("limits_not_shared", error=str(error))
                    is_lost = True


async def share(client: Client) -> None:
    """Add what was counted since the last call to the sums, and take in the sums.

    A kind that cannot be shared stops no other. Raises where the queue is not reachable.
    """
    for counters in SHARED:
        try:
            await _share_kind(client, counters)
        except (RedisError, OSError, TimeoutError):
            raise
        except Exception:
            # A sum that cannot be read: the others are told the next time.
            log.exception("limits_not_shared", kind=counters.kind)


async def _share_kind(client: Client, counters: Counters) -> None:
    touched = counters.take_touched()
    sums = [
        (f"{counters.kind}:{counter.seconds}", counter, _field(name))
        for name, windows in touched.items()
        for counter in windows
    ]
    for start in range(0, len(sums), CALL_MAX):
        await _add(client, sums[start : start + CALL_MAX])
    if counters.also is not None:
        names = list(touched)
        for start in range(0, len(names), CALL_MAX):
            await counters.also(client, names[start : start + CALL_MAX])


def _field(name: Any) -> str:
    return ":".join(map(str, name)) if isinstance(name, tuple) else str(name)


async def _add(client: Client, sums: list[tuple[str, Counter, str]]) -> None:
    pipeline = client.pipeline(transaction=False)
    told = []
    for name, counter, field in sums:
        key = f"{name}:{counter.number}"
        told.append((counter, counter.number, counter.count))
        pipeline.hincrby(key, field, counter.count - counter.shared)
        pipeline.expire(key, counter.seconds + KEPT_S)
    answers = await pipeline.execute()
    for (counter, number, count), total in zip(told, answers[::2], strict=True):
        if counter.number == number:  # else its window ended meanwhile
            counter.shared = count
            counter.others = max(0, int(total) - count)
