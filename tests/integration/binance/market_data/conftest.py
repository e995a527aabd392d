"""Clients of the compatible streams of a running exchange, and people who trade beside them."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect

from tests.exchange import Exchange
from tests.integration.marketdata.conftest import Bench, accounts, bench, feed, publisher
from tests.integration.socket.conftest import Trader, second, trader, traders
from tests.socket_client import SocketClient

__all__ = [
    "Bench",
    "Trader",
    "accounts",
    "bench",
    "feed",
    "publisher",
    "second",
    "trader",
    "traders",
]

SYMBOL = "BTCEUR"
STREAM = "btceur"


class StreamClient(SocketClient):
    """A connection that keeps what it receives: answers by id, events in order."""

    def __init__(self, connection: ClientConnection) -> None:
        self.events: list[Any] = []
        self.answers: list[Any] = []
        self._numbers = iter(range(1, 10**9))
        super().__init__(connection)

    @classmethod
    async def open(cls, exchange: Exchange, path: str) -> "StreamClient":
        """Connect to a path."""
        return cls(await connect(f"{exchange.ws_url}{path}", max_size=2**24))

    def take(self, message: Any) -> None:
        is_answer = isinstance(message, dict) and "id" in message
        (self.answers if is_answer else self.events).append(message)

    async def send(self, text: str) -> Any:
        """Send a text as it is and return the next answer."""
        count = len(self.answers)
        await self.connection.send(text)
        return await self.until(lambda: self.answers[count:] and self.answers[count])

    async def call(self, method: str, *params: Any) -> Any:
        """Ask for something and return the whole answer."""
        request = {"method": method, "params": list(params), "id": next(self._numbers)}
        answer = await self.send(json.dumps(request))
        assert answer["id"] == request["id"]
        return answer

    def of(self, kind: str) -> list[Any]:
        """Return the events of a kind, wrapped or not."""
        plain = [event.get("data", event) for event in self.events if isinstance(event, dict)]
        return [event for event in plain if isinstance(event, dict) and event.get("e") == kind]


Open = Callable[[str], Any]


@pytest_asyncio.fixture
async def open_stream(exchange: Exchange) -> AsyncIterator[Open]:
    """Return what opens a connection to a path; all are closed after the test."""
    clients: list[StreamClient] = []

    async def open_path(path: str) -> StreamClient:
        clients.append(await StreamClient.open(exchange, path))
        return clients[-1]

    yield open_path
    for client in clients:
        await client.end()


@pytest.fixture
def rest(exchange: Exchange) -> Any:
    """Return what gets a public path with parameters: ``rest("depth", symbol=..., limit=5)``."""

    def get(path: str, **params: Any) -> Any:
        answer = httpx.get(f"{exchange.base_url}/api/v3/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return get
