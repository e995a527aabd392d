"""Several web processes: a listen key is known to all, and one that dies takes nothing with it."""

import asyncio
import dataclasses
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.exchange import Exchange, wait_until
from tests.integration.binance.user_data.conftest import MARKETS, Bot, Socket
from tests.integration.binance.user_data.test_user_flow import caught_up, lane, snapshot
from tests.socket_client import WAIT_S
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import HOST, web

Keep = Callable[[Socket], Socket]


def _is_alive(port: int) -> bool:
    try:
        return httpx.get(f"http://{HOST}:{port}/health/live", timeout=1).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture(params=["granian", "daphne"])
def other(request: pytest.FixtureRequest, exchange: Exchange) -> Iterator[tuple[str, str]]:
    """Another web process on the running exchange: its name and its address."""
    port = free_port()
    spec = web(exchange.env, port=port, server=request.param)
    name = exchange.launch(dataclasses.replace(spec, name=f"userdata-{request.param}"))
    wait_until(lambda: _is_alive(port), timeout_s=60, what=request.param)
    yield name, f"ws://{HOST}:{port}"
    if exchange.is_running(name):
        exchange.kill(name)


async def test_a_stream_goes_on_elsewhere_when_its_process_dies(
    bots: list[Bot], other: tuple[str, str], sockets: Keep
) -> None:
    alice, bob, _ = bots
    name, url = other
    listen_key = (await alice.listen_key()).json()["listenKey"]
    bare = await Socket.open(f"{url}/ws/{listen_key}")
    signed = await Socket.open(f"{url}/ws-api/v3")
    answer = await signed.call("userDataStream.subscribe.signature", alice.signed())
    assert answer["result"] == {"subscriptionId": 0}

    flow = asyncio.gather(*(lane(bot, seed) for seed, bot in enumerate((alice, bob, alice), 80)))
    await bare.until(lambda: len(bare.events) > 20)
    await asyncio.to_thread(alice.exchange.kill, name)
    for socket in (bare, signed):
        await asyncio.wait_for(socket.connection.wait_closed(), WAIT_S)
        await socket.end()
    # Both told the same up to where the first of them ended.
    both = min(len(bare.events), len(signed.events))
    assert bare.events[:both] == signed.events[:both]

    second = sockets(await Socket.open(f"{alice.exchange.ws_url}/ws/{listen_key}"))
    folded = await snapshot(alice)
    await flow
    for symbol in MARKETS:
        await alice.rest("DELETE", "openOrders", symbol=symbol)
    await caught_up(alice, second, folded)
    ids = [event["I"] for event in second.of("executionReport")]
    assert ids == sorted(set(ids))
    # Numbers follow the commits, whichever process tells of them.
    assert {event["I"] for event in bare.of("executionReport")}.isdisjoint(ids)
