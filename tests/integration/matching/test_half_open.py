"""Replies over a connection that went half-open: one answer is late, and the next ones are not.

A proxy stands between the gateway and Valkey, and stops passing on what the reply channel says,
in one direction or both, while all sockets stay open.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import redis.asyncio as redis_asyncio

from accounts.models import Account
from matching import wire
from matching.gateway.client import Gateway, open_gateway
from matching.models import Market, Order
from tests.half_open import DIRECTIONS, Direction, HalfOpenProxy
from tests.integration.matching.worker_setup import (
    assert_sound,
    make_account,
    make_market,
    place,
    queue_client,
    running_worker,
)
from zavora.foundation.errors import OutcomeUnknown
from zavora.foundation.queue import silence_max_s

pytestmark = pytest.mark.django_db(transaction=True)

EDGE_WAIT_S = 3.0
LOOK_UP_S = 1.0
ORDERS = 5


@pytest.fixture
def proxy(settings: Any, transactional_db: None) -> Iterator[HalfOpenProxy]:
    settings.ZAVORA_EDGE_WAIT_MS = int(EDGE_WAIT_S * 1000)
    client = queue_client()
    client.flushall()
    client.close()
    with HalfOpenProxy(settings.REDIS_URL) as made:
        yield made


@pytest.fixture
def market(proxy: HalfOpenProxy) -> Market:
    return make_market("BTC", "USD")


@pytest.fixture
def ann(market: Market) -> Account:
    return make_account("ann", USD="100000")


async def _timed(submitted: Awaitable[wire.Reply]) -> tuple[str, float]:
    began = time.monotonic()
    try:
        await submitted
    except OutcomeUnknown:
        return "unknown", time.monotonic() - began
    return "answered", time.monotonic() - began


def _through(proxy: HalfOpenProxy, run: Callable[[Gateway], Awaitable[Any]], settings: Any) -> Any:
    """Run with a gateway that reaches Valkey through the proxy; the worker does not."""

    async def whole() -> Any:
        async with open_gateway() as gateway:
            return await run(gateway)

    with running_worker():
        direct, settings.REDIS_URL = settings.REDIS_URL, proxy.url
        try:
            return asyncio.run(whole())
        finally:
            settings.REDIS_URL = direct


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_a_half_open_reply_channel_delays_one_answer(
    direction: Direction, proxy: HalfOpenProxy, market: Market, ann: Account, settings: Any
) -> None:
    async def run(gateway: Gateway) -> list[tuple[str, float]]:
        def order(key: str | None = None) -> Awaitable[wire.Reply]:
            return gateway.submit(
                place(ann, market, "buy", "10.00", "1", key=key), shard_id=0, request_id="r"
            )

        await order()
        assert proxy.freeze(direction, said=b"replies:") == 1
        took = [await _timed(order(key="first"))]
        for _ in range(ORDERS):
            took.append(await _timed(order()))
        return took

    first, *later = _through(proxy, run, settings)

    # Found by its key where its reply was lost: answered, within the wait and a look-up.
    assert first[0] == "answered"
    assert first[1] < EDGE_WAIT_S + LOOK_UP_S
    assert [what for what, _ in later] == ["answered"] * ORDERS
    assert max(seconds for _, seconds in later) < silence_max_s()
    assert Order.objects.count() == ORDERS + 2
    assert_sound()


def test_a_subscription_without_a_silence_check_hears_nothing_for_ever(
    proxy: HalfOpenProxy, market: Market, settings: Any
) -> None:
    """The control: the library alone is not told that its connection is dead."""

    async def run() -> str:
        client = redis_asyncio.Redis.from_url(proxy.url, socket_timeout=None, socket_keepalive=True)
        async with client, client.pubsub() as pubsub:
            await pubsub.subscribe("replies:control")
            assert (await anext(pubsub.listen()))["type"] == "subscribe"
            assert proxy.freeze("both", said=b"replies:control") == 1
            direct = redis_asyncio.Redis.from_url(settings.REDIS_URL)
            async with direct:
                assert await direct.publish("replies:control", b"lost") == 1  # it counts as heard
            try:
                async with asyncio.timeout(2 * silence_max_s()):
                    await anext(pubsub.listen())
            except TimeoutError:
                return "silence"
        return "told"

    assert asyncio.run(run()) == "silence"
