"""A v1 WebSocket whose client signed: what is refused, and that it ends with its key everywhere."""

import asyncio
import dataclasses
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import connect

from tests.exchange import HOST, Exchange, wait_until
from tests.integration.api.test_servers import answers
from tests.integration.binance.user_data.conftest import Socket
from tests.integration.socket.conftest import Client
from tests.signed import SigningKey, let_memory_be_old, now_text
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import web

# Both tests measure time: within a second, inside of a window.
pytestmark = pytest.mark.alone

EMAIL = "socket-signer@example.com"
REVOKE = """
import time
from accounts.access.selectors import find_api_key
from accounts.services import revoke_key
from tests.actors import SYSTEM
revoke_key(by=SYSTEM, key_id=find_api_key("{key}").caller.key_id)
print(time.time())
"""


@pytest.fixture(scope="module")
def second_url(exchange: Exchange) -> Iterator[str]:
    """The address of another web process of the same exchange."""
    port = free_port()
    spec = web({**exchange.env, "PORT": str(port)}, port=port, server="uvicorn")
    name = exchange.launch(dataclasses.replace(spec, name="web-second"))
    wait_until(lambda: answers(f"http://{HOST}:{port}"), timeout_s=60, what="the second process")
    yield f"ws://{HOST}:{port}"
    exchange.kill(name)


def new_key(exchange: Exchange, *options: str) -> tuple[SigningKey, str]:
    """Return a new key, and the account that it speaks for."""
    made = exchange.manage("create_api_key", "--email", EMAIL, *options)
    line = json.loads(made.strip().splitlines()[-1])
    return SigningKey(line["key"], line["secret"]), line["account"]


@pytest.fixture(scope="module")
def key(exchange: Exchange) -> tuple[SigningKey, str]:
    return new_key(exchange, "--kind", "ed25519")


@pytest_asyncio.fixture
async def sockets(
    exchange: Exchange, second_url: str, key: tuple[SigningKey, str]
) -> AsyncIterator[list[Client]]:
    """Two connections to each of two web processes."""
    # The queue may have been started anew by another test: its memory begins when it is asked.
    async with httpx.AsyncClient(base_url=exchange.base_url, timeout=30) as http:
        await http.get("/api/v1/accounts", headers=key[0].headers("GET", "/api/v1/accounts"))
    let_memory_be_old(exchange.redis_url)
    found = [Client(await connect(f"{url}/ws")) for url in (exchange.ws_url, second_url) * 2]
    yield found
    for each in found:
        await each.end()


@pytest_asyncio.fixture
async def others(exchange: Exchange, second_url: str) -> AsyncIterator[list[Socket]]:
    """A connection of the compatible API's WebSocket API to each of two web processes."""
    found = [await Socket.open(f"{url}/ws-api/v3") for url in (exchange.ws_url, second_url)]
    yield found
    for each in found:
        await each.end()


async def test_a_revoked_key_ends_its_sockets_in_every_process_within_a_second(
    exchange: Exchange,
    second_url: str,
    sockets: list[Client],
    others: list[Socket],
    key: tuple[SigningKey, str],
) -> None:
    doomed, account = await asyncio.to_thread(new_key, exchange)
    *ending, staying = sockets
    for each in ending:
        answer = await each.call("authenticate", **doomed.params())
        assert [one["id"] for one in answer["result"]["accounts"]] == [account]
        assert "result" in await each.call("subscribe", channel="orders")
    assert "result" in await staying.call("authenticate", **key[0].params())
    ends = [_closed(each, 4001) for each in ending]
    for other in others:
        answer = await other.call("userDataStream.subscribe.signature", _compat_params(doomed))
        assert answer["status"] == 200, answer
        ends.append(_told(other))
    listen_key = await _listen_key(exchange, doomed)
    for url in (exchange.ws_url, second_url):
        ends.append(_closed(await Socket.open(f"{url}/ws/{listen_key}"), 1001))
    ended = asyncio.gather(*ends)

    printed = await asyncio.to_thread(
        exchange.manage, "shell", "-c", REVOKE.format(key=doomed.name)
    )

    revoked_at = float(printed.strip().splitlines()[-1])
    assert max(await ended) - revoked_at < 1
    # Another key of the same person stays, and the one that ended is let in nowhere.
    assert "result" in await staying.call("ping")
    assert reason(await staying.call("authenticate", **doomed.params())) == "unknown_key"
    for other in others:
        answer = await other.call("userDataStream.subscribe.signature", _compat_params(doomed))
        assert (answer["status"], answer["error"]["code"]) == (401, -2015)


async def _closed(client: Client | Socket, code: int) -> float:
    """Return when a connection was ended with this code."""
    assert await client.closed_with() == code
    return time.time()


async def _told(socket: Socket) -> float:
    """Return when a connection was told that what it follows is over."""
    await socket.until(lambda: socket.of("eventStreamTerminated"))
    return time.time()


def _compat_params(signer: SigningKey) -> dict[str, Any]:
    now_ms = time.time_ns() // 1_000_000
    signature = signer.signature(f"apiKey={signer.name}&timestamp={now_ms}".encode())
    return {"apiKey": signer.name, "timestamp": now_ms, "signature": signature}


async def _listen_key(exchange: Exchange, signer: SigningKey) -> str:
    async with httpx.AsyncClient(base_url=exchange.base_url, timeout=30) as http:
        headers = {"X-MBX-APIKEY": signer.name}
        answer = await http.post("/api/v3/userDataStream", headers=headers)
    return str(answer.json()["listenKey"])


def reason(answer: Any) -> str:
    """Return why an answer refused somebody."""
    error = answer["error"]
    assert (error["code"], error["data"]["code"]) == (401, "unauthorized"), answer
    return str(error["data"]["details"]["reason"])


async def test_who_authenticates_by_a_signature_does_so_once_and_in_time(
    sockets: list[Client], key: tuple[SigningKey, str]
) -> None:
    signer, account = key
    first, other, *_ = sockets
    params = signer.params()
    assert "result" in await first.call("authenticate", **params)
    for each in (first, other):  # another process, too
        assert reason(await each.call("authenticate", **params)) == "replayed"
    fresh = signer.params()
    altered = (
        (signer.params(timestamp=now_text(-6_500)), "outside_window"),
        (signer.params(timestamp=now_text(+2_000)), "outside_window"),
        (signer.params(timestamp=now_text(-62_000), window="60000"), "outside_window"),
        ({**fresh, "timestamp": now_text(1)}, "bad_signature"),
        ({**fresh, "window": "60000"}, "bad_signature"),
        ({**fresh, "key": "x" * 64}, "unknown_key"),
        ({**fresh, "signature": signer.headers("GET", "/ws")["Zavora-Signature"]}, "bad_signature"),
        ({**fresh, "token": "zvr_x"}, "two_credentials"),
    )
    for sent, why in altered:
        assert reason(await other.call("authenticate", **sent)) == why, why
    for name in ("key", "timestamp", "signature"):
        missing = {one: text for one, text in fresh.items() if one != name}
        answer = await other.call("authenticate", **missing)
        assert set(answer["error"]["data"]["details"]) == {name}
    # As numbers, too; and what the key may not is refused as ever.
    numbers = {**signer.params(timestamp=now_text(-8_000), window="9000"), "window": 9_000}
    numbers["timestamp"] = int(str(numbers["timestamp"]))
    answer = await other.call("authenticate", **numbers)
    assert [one["id"] for one in answer["result"]["accounts"]] == [account]
    assert (await other.call("cancelAll", account=account))["result"] == []
