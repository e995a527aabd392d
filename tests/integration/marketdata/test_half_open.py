"""Every subscription notices that its connection went half-open, and makes another in time."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from api.process import web_process
from marketdata.candles.service_loop import MarketDataService
from matching.gateway.client import open_gateway
from tests.half_open import DIRECTIONS, Direction, HalfOpenProxy
from zavora.foundation.queue import silence_max_s

pytestmark = pytest.mark.django_db(transaction=True)

EDGE_WAIT_S = 2.0
POLL_S = 0.02


@asynccontextmanager
async def _gateway(_: str) -> AsyncIterator[None]:
    async with open_gateway():
        yield


@asynccontextmanager
async def _web(_: str) -> AsyncIterator[None]:
    process = web_process()
    yield
    await process.close()


@asynccontextmanager
async def _market_data(_: str) -> AsyncIterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=MarketDataService(stop).run)
    thread.start()
    yield
    stop.set()
    await asyncio.to_thread(thread.join, 10)


@contextmanager
def _proxied(settings: Any) -> Iterator[HalfOpenProxy]:
    with HalfOpenProxy(settings.REDIS_URL) as proxy:
        direct, settings.REDIS_URL = settings.REDIS_URL, proxy.url
        try:
            yield proxy
        finally:
            settings.REDIS_URL = direct


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(
    ("subscriber", "said"),
    [
        (_gateway, b"replies:"),
        # All that a web process hears comes over one connection.
        (_web, b"replies:"),
        (_web, b"credentials"),
        (_web, b"candles:"),
        (_market_data, b"PSUBSCRIBE"),
    ],
)
def test_a_half_open_subscription_is_replaced(
    subscriber: Callable[..., Any], said: bytes, direction: Direction, settings: Any
) -> None:
    settings.ZAVORA_EDGE_WAIT_MS = int(EDGE_WAIT_S * 1000)

    async def until(count: int, proxy: HalfOpenProxy) -> float:
        began = time.monotonic()
        while proxy.count(said) < count:
            assert time.monotonic() - began < EDGE_WAIT_S, "no new subscription"
            await asyncio.sleep(POLL_S)
        return time.monotonic() - began

    async def run(proxy: HalfOpenProxy) -> float:
        async with subscriber(proxy.url):
            await until(1, proxy)
            await asyncio.sleep(POLL_S)  # let the confirmation pass: it is not what is tried
            assert proxy.freeze(direction, said=said) == 1
            return await until(2, proxy)

    with _proxied(settings) as proxy:
        seconds = asyncio.run(run(proxy))
    assert silence_max_s() < EDGE_WAIT_S
    assert seconds < EDGE_WAIT_S
