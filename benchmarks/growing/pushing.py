"""What a message to a socket costs a web process: the same flow without followers and with some."""

import asyncio
import json
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psutil
from websockets.asyncio.client import ClientConnection, connect

from benchmarks import venue
from benchmarks.remote import Remote
from benchmarks.stream_load import StreamLoad, StreamSpec
from tests.exchange import Exchange

SHARD: Final = 0
SOCKETS: Final = 100
RATE_PER_S: Final = 40.0
STEPS: Final = 400
QUIET_S: Final = 1.0


def measure_push(*, seed: int) -> tuple[float, dict[str, Any]]:
    """Return microseconds of a web process for a message to one socket, and how it was measured."""
    with (
        TemporaryDirectory(prefix="zavora-growing-") as folder,
        Exchange(
            Path(folder) / "home",
            processes=("worker-0", "marketdata", "web"),
            extra_env={"LOG_LEVEL": "WARNING"},
        ) as exchange,
    ):
        venue.connect(exchange)
        venue.wait_for_worker(exchange, SHARD)
        markets = venue.open_markets(shard_id=SHARD)
        traders = venue.open_accounts()[:2]
        venue.fund(traders, markets)
        exchange.wait_until_listed(*(one.symbol for one in markets))
        ids = [pk for trader in traders for _, pk in trader.accounts]
        spec = StreamSpec(
            exchange.redis_url, exchange.database_url, SHARD, markets[:1], ids, seed, 0.35
        )
        with Remote(StreamLoad, spec) as load:
            load.call("prepare_books", STEPS)
            load.call("play")
            alone_s, _ = asyncio.run(_follow(exchange, load, markets[0].symbol, 0))
            followed_s, messages = asyncio.run(_follow(exchange, load, markets[0].symbol, SOCKETS))
    if not messages:
        raise AssertionError("no message was pushed")
    push_us = max(0.0, followed_s - alone_s) / messages * 1e6
    return push_us, {"sockets": SOCKETS, "messages": messages, "commands": STEPS}


async def _follow(
    exchange: Exchange, load: "Remote[Any]", symbol: str, sockets: int
) -> tuple[float, int]:
    """Play the flow before so many followers; return web's processor seconds and the messages."""
    web = psutil.Process(exchange.pid("web"))
    connections = [await connect(f"{exchange.ws_url}/ws") for _ in range(sockets)]
    counts = [0] * sockets
    asked = {"id": "1", "method": "subscribe", "params": {"channel": "orderbook", "market": symbol}}
    for connection in connections:
        await connection.send(json.dumps(asked))
    readers = [
        asyncio.create_task(_count(connection, counts, number))
        for number, connection in enumerate(connections)
    ]
    await asyncio.sleep(QUIET_S)  # answers and first books have come
    began_s, counted = sum(web.cpu_times()[:2]), sum(counts)
    load.call("prepare", STEPS)
    playing = threading.Thread(target=load.call, args=("pace", RATE_PER_S))
    playing.start()
    await asyncio.to_thread(playing.join)
    await asyncio.sleep(QUIET_S)  # the last ones are on their way
    found = sum(web.cpu_times()[:2]) - began_s, sum(counts) - counted
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*(connection.close() for connection in connections))
    return found


async def _count(connection: ClientConnection, counts: list[int], number: int) -> None:
    async for _ in connection:
        counts[number] += 1
