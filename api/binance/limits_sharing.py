"""Tell the web's other processes what this one counted, and hear what they did, once a second.

Sums stand in the queue's server, one hash a window, and expire with it. A limit is therefore held
by all processes together to within two seconds; without the queue each holds it for itself.
"""

import asyncio
import time
from typing import Any, Final

import redis.asyncio as redis_asyncio
import structlog
from redis.exceptions import RedisError

from api.binance import limits
from api.binance.limits import Address, Counter
from api.process import WebProcess
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

    def __init__(self, _process: WebProcess) -> None:
        self._task = asyncio.create_task(self._share_forever(), name="limits-sharing")

    async def close(self) -> None:
        """End it."""
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
                except Exception:
                    # A sum that cannot be read: the others are told the next time.
                    log.exception("limits_not_shared")


async def share(client: Client) -> None:
    """Add what was counted since the last call to the sums, and take in the sums."""
    addresses, accounts = limits.take_touched()
    sums: list[tuple[str, Counter, object, int]] = []
    for ip, address in addresses.items():
        sums.append((_name("weight", limits.MINUTE_S), address.weight, ip, limits.MINUTE_S))
    for account_pk, windows in accounts.items():
        for counter, (seconds, _) in zip(windows, limits.ORDER_WINDOWS, strict=True):
            sums.append((_name("orders", seconds), counter, account_pk, seconds))
    for start in range(0, len(sums), CALL_MAX):
        await _add(client, sums[start : start + CALL_MAX])
    names = list(addresses)
    for start in range(0, len(names), CALL_MAX):
        await _share_bans(client, {ip: addresses[ip] for ip in names[start : start + CALL_MAX]})


def _name(kind: str, seconds: int) -> str:
    return f"compat:{kind}:{seconds}"


async def _add(client: Client, sums: list[tuple[str, Counter, object, int]]) -> None:
    pipeline = client.pipeline(transaction=False)
    told = []
    for name, counter, field, seconds in sums:
        key = f"{name}:{counter.number}"
        told.append((counter, counter.number, counter.count))
        pipeline.hincrby(key, str(field), counter.count - counter.shared)
        pipeline.expire(key, seconds + KEPT_S)
    answers = await pipeline.execute()
    for (counter, number, count), total in zip(told, answers[::2], strict=True):
        if counter.number == number:  # else its window ended meanwhile
            counter.shared = count
            counter.others = max(0, int(total) - count)


async def _share_bans(client: Client, addresses: dict[str, Address]) -> None:
    """Let every process shut out whom one of them has."""
    now = time.time()
    pipeline: Any = client.pipeline(transaction=False)
    for ip, address in addresses.items():
        key = f"compat:ban:{ip}"
        if address.banned_until > now:
            seconds = int(address.banned_until - now) + 1
            pipeline.set(key, f"{address.banned_until} {address.bans}", ex=seconds)
        pipeline.get(key)
    answers = [one for one in await pipeline.execute() if one is not True]
    for address, found in zip(addresses.values(), answers, strict=True):
        if found is not None:
            until, bans = found.split()
            address.banned_until = max(address.banned_until, float(until))
            address.bans = max(address.bans, int(bans))
