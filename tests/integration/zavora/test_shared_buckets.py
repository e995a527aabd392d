"""One bucket for all processes: exactly as much as it holds, whoever takes it and however fast."""

import asyncio
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, Final

import pytest
import redis
from redis.exceptions import ConnectionError as RedisConnectionError

from api.access.lease_keeper import LeaseKeeper, settle
from tests.exchange import wait_until
from zavora.foundation.buckets import ANY, BUCKETS_LUA, Ask, LocalBuckets, arguments, grants_of
from zavora.foundation.leases import Leases, Limit
from zavora.foundation.queue import connect, connect_async

DAY_S: Final = 86_400
PROCESSES: Final = 4
CAPACITY: Final = 400
# What is written to a minute's limit here is a day's: nothing comes back while a test runs.
SETTING: Final = "ZAVORA_RATE_LIMIT_KEY_PER_MINUTE"
BY_DAY: Final = Limit("trial", SETTING, DAY_S, in_windows=True)


@pytest.fixture
def queue(settings: Any) -> Iterator[redis.Redis]:
    setattr(settings, SETTING, CAPACITY)
    with connect(timeout_s=5) as client:
        yield client
        for key in client.scan_iter("bucket:trial*"):
            client.delete(key)


def nobody() -> Any:
    raise RedisConnectionError("there is no server")


def spend_all(connect_to: Callable[[], Any]) -> int:
    """Let processes take one token after another, all at once, until there is none; count them."""
    barrier = Barrier(PROCESSES)

    def process(_: int) -> int:
        leases = Leases()
        lease = leases.of(BY_DAY, "everybody")
        barrier.wait(10)
        return sum(leases.take([(lease, 1)], connect_to) is None for _ in range(CAPACITY + 100))

    with ThreadPoolExecutor(PROCESSES) as threads:
        return sum(threads.map(process, range(PROCESSES)))


def test_processes_together_spend_what_there_is(queue: redis.Redis) -> None:
    assert spend_all(lambda: queue) == CAPACITY


def test_control_processes_that_do_not_share_spend_as_much_each(queue: redis.Redis) -> None:
    assert spend_all(nobody) == PROCESSES * CAPACITY


def test_what_one_process_does_not_spend_another_has(queue: redis.Redis) -> None:
    idle, busy = Leases(), Leases()
    idle.take([(idle.of(BY_DAY, "a"), 1)], lambda: queue)
    charges = [(busy.of(BY_DAY, "a"), 1)]
    before = sum(busy.take(charges, lambda: queue) is None for _ in range(CAPACITY))

    async def settle_twice() -> None:
        async with connect_async(timeout_s=5) as client:
            await settle(client, idle)
            await settle(client, idle)

    asyncio.run(settle_twice())
    busy.of(BY_DAY, "a").short_until = 0.0
    after = sum(busy.take(charges, lambda: queue) is None for _ in range(CAPACITY))

    assert before < CAPACITY - 1
    assert before + after == CAPACITY - 1


def test_server_and_process_reckon_alike(queue: redis.Redis) -> None:
    numbers = random.Random(28)
    local = LocalBuckets()
    script = queue.register_script(BUCKETS_LUA)
    for _ in range(300):
        asks = [_some_ask(numbers) for _ in range(numbers.randint(1, 5))]

        there, here = grants_of(script(*arguments(asks))), local.answer(asks)

        assert [grant.granted for grant in there] == [grant.granted for grant in here], asks
        assert [grant.left_milli for grant in there] == [grant.left_milli for grant in here]
        assert all(0 < grant.next_step_ms <= DAY_S * 1_000 for grant in there)


def _some_ask(numbers: random.Random) -> Ask:
    name = f"bucket:trial:{numbers.choice('abc')}"
    day_ms = DAY_S * 1_000
    need = numbers.choice((0, 0, 1, 5, 60, 300))
    wanted = {"least": numbers.choice((0, need)), "need": need}
    step = numbers.choice((0, 1))  # of another window: what comes back counts for nothing
    return Ask(
        *(name, CAPACITY, day_ms, day_ms),
        back=numbers.choice((0, 0, 3, 90)),
        back_step=step,
        **wanted,
        want=numbers.choice((0, 7, ANY)),
    )


def test_an_even_bucket_fills_by_the_servers_clock(queue: redis.Redis) -> None:
    script = queue.register_script(BUCKETS_LUA)
    name = "bucket:trial:even"

    def left_milli(**wanted: int) -> int:
        ask = Ask(name, 1_000, 10_000, 100, **wanted)
        return grants_of(script(*arguments([ask])))[0].left_milli

    before = left_milli(need=1_000)
    assert before < 1_000
    assert 0 < queue.pttl(name) <= 10_200
    # Ten come back each tenth of a second.
    wait_until(lambda: left_milli() > before, timeout_s=5, what="tokens that come back")
    assert left_milli() % 10_000 == 0


async def test_those_who_wait_in_one_loop_are_served_in_turn(queue: redis.Redis) -> None:
    leases = Leases()
    keeper = LeaseKeeper(leases)
    keeper.start()
    served: list[int] = []

    async def ask_for(number: int, weight: int) -> bool:
        short = await keeper.take([(leases.of(BY_DAY, "loop"), weight)])
        served.append(number)
        return short is None

    try:
        first = await asyncio.gather(*(ask_for(number, 3) for number in range(100)))
        rest = await asyncio.gather(*(ask_for(number, 3) for number in range(100, 200)))
    finally:
        await keeper.close()

    assert all(first)
    assert rest.count(True) == 33
    assert served[:100] == list(range(100))


async def test_who_comes_later_does_not_overtake_who_waits(queue: redis.Redis) -> None:
    leases = Leases()
    keeper = LeaseKeeper(leases)
    keeper.start()
    lease = leases.of(BY_DAY, "turns")
    served: list[str] = []

    async def ask_for(who: str, weight: int) -> None:
        assert await keeper.take([(lease, weight)]) is None
        served.append(who)

    try:
        await ask_for("opener", 1)
        first = asyncio.create_task(ask_for("first", 100))
        await asyncio.sleep(0)  # it has begun
        assert (lease.waiting, lease.tokens) == (1, CAPACITY // 8 - 1)
        # Enough for the second, but it is not its turn.
        assert not leases.spend_at_once(lease, 1)
        await asyncio.gather(ask_for("second", 1), first)
    finally:
        await keeper.close()

    assert served == ["opener", "first", "second"]


async def test_a_keeper_gives_back_what_it_holds_when_it_ends(queue: redis.Redis) -> None:
    leases = Leases()
    keeper = LeaseKeeper(leases)
    keeper.start()
    lease = leases.of(BY_DAY, "ending")
    await keeper.take([(lease, 10)])
    assert lease.tokens > 0

    await keeper.close()

    assert lease.tokens == 0
    assert queue.get(lease.name).startswith(b"10.000000 ")
