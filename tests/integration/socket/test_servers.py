"""Every ASGI server serves the socket; a queue that dies and returns leaves no hole."""

import asyncio
import dataclasses
import http.client
import json
import uuid
from collections.abc import Iterator
from itertools import pairwise

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.exchange import Exchange, wait_until
from tests.integration.socket.conftest import MARKET, Client, Trader
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import HOST, web


def _is_alive(port: int) -> bool:
    try:
        connection = http.client.HTTPConnection(HOST, port, timeout=1)
        connection.request("GET", "/health/live")
        return connection.getresponse().status == 200
    except OSError:
        return False


@pytest.fixture(params=["granian", "daphne"])
def port(request: pytest.FixtureRequest, exchange: Exchange) -> Iterator[int]:
    """Another web process on the running exchange (uvicorn serves all other tests)."""
    port = free_port()
    spec = web(exchange.env, port=port, server=request.param)
    name = exchange.launch(dataclasses.replace(spec, name=f"web-{request.param}"))
    wait_until(lambda: _is_alive(port), timeout_s=60, what=request.param)
    yield port
    exchange.kill(name)


async def test_other_servers_serve_the_socket(port: int, trader: Trader) -> None:
    socket = Client(await connect(f"ws://{HOST}:{port}/ws"))
    await socket.call("subscribe", channel="orderbook", market=MARKET)
    await socket.call("authenticate", token=trader.token)
    await socket.call("subscribe", channel="orders")
    placed = await socket.call("placeOrder", **trader.order("buy 1 @ 13000"))
    assert placed["result"]["order"]["status"] == "New"
    await socket.until(lambda: len(socket.of("orderbook")) == 2 and socket.of("orders"))
    assert ["13000.00", "1.00000"] in socket.of("orderbook")[1]["bids"]
    await _follow_compatible_streams(port)

    await socket.call("cancelOnDisconnect", enabled=True)
    await socket.end()
    await asyncio.to_thread(
        wait_until, lambda: not trader.open_orders(), timeout_s=10, what="the cancellation"
    )


async def _follow_compatible_streams(port: int) -> None:
    """Take the book by each address of the compatible API on the same server."""
    for path in ("/stream?streams=btceur@depth5@100ms", "/ws/btceur@depth5@100ms"):
        async with connect(f"ws://{HOST}:{port}{path}") as stream:
            event = json.loads(await asyncio.wait_for(stream.recv(), 10))
            assert ["13000.00000000", "1.00000000"] in event.get("data", event)["bids"]
            await stream.send('{"method": "LIST_SUBSCRIPTIONS", "id": 3}')
            answer = json.loads(await asyncio.wait_for(stream.recv(), 10))
            assert answer == {"result": ["btceur@depth5@100ms"], "id": 3}
    async with httpx.AsyncClient(base_url=f"http://{HOST}:{port}/api/v3") as http:
        book = (await http.get("/depth", params={"symbol": "BTCEUR", "limit": 5})).json()
        assert ["13000.00000000", "1.00000000"] in book["bids"]


def _place_surely(trader: Trader, text: str) -> None:
    """Repeat an order with its key, as a client does after 503 and 504, until it is answered."""
    params = trader.order(text, client_order_id=uuid.uuid4().hex)
    wait_until(
        lambda: trader.http.post("/orders", json=params).status_code == 200,
        timeout_s=30,
        what="an order after the queue's return",
    )


async def test_books_agree_with_the_tables_after_the_queue_was_killed(
    exchange: Exchange, client: Client, trader: Trader
) -> None:
    await client.call("subscribe", channel="orderbook", market=MARKET)
    await client.call("authenticate", token=trader.token)
    await client.call("subscribe", channel="orders")
    trader.place("buy 1 @ 13001")
    await client.until(lambda: len(client.of("orderbook")) == 2)

    exchange.kill("valkey")
    exchange.restart("valkey")
    await asyncio.to_thread(exchange.wait_until_healthy)
    for price in ("13002", "13003"):
        await asyncio.to_thread(_place_surely, trader, f"buy 1 @ {price}")

    await client.until(lambda: client.of("orderbook")[-1]["bids"][:1] == [["13003.00", "1.00000"]])
    # An event's private part is told after its change of the book.
    await client.until(lambda: len(client.of("orders")) >= 3)
    sequences = [
        (message.get("prev_sequence"), message["sequence"]) for message in client.of("orderbook")
    ]
    # Event rows bridged the gap: no new snapshot was needed, and no step is missing.
    for (_, before), (prev, _) in pairwise(sequences):
        assert prev == before
    statuses = [(order["price"], order["status"]) for order in client.of("orders")]
    assert [price for price, _ in statuses] == ["13001.00", "13002.00", "13003.00"]
