"""Clients of a running exchange: a trader over HTTP, and a WebSocket that keeps what it reads."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect

from tests.exchange import Exchange
from tests.socket_client import WAIT_S, SocketClient

MARKET = "BTC/EUR"


class Client(SocketClient):
    """A WebSocket connection: answers by id, pushes in order."""

    def __init__(self, connection: ClientConnection) -> None:
        self.pushes: list[dict[str, Any]] = []
        self._answers: dict[Any, asyncio.Future[Any]] = {}
        self._numbers = iter(range(1, 10**9))
        super().__init__(connection)

    def take(self, message: Any) -> None:
        waiting = self._answers.pop(message.get("id"), None)
        if waiting is not None:
            waiting.set_result(message)
        elif "method" in message:
            self.pushes.append(message)

    async def call(self, method: str, **params: Any) -> Any:
        """Return the whole answer to a request."""
        return await self.start(method, **params)

    def start(self, method: str, **params: Any) -> "asyncio.Future[Any]":
        """Send a request and return what will be its answer."""
        number = str(next(self._numbers))
        return asyncio.ensure_future(self._ask(number, method, params))

    async def _ask(self, number: str, method: str, params: Any) -> Any:
        waiting = self._answers[number] = asyncio.get_running_loop().create_future()
        request = {"id": number, "method": method, "params": params}
        await self.connection.send(json.dumps(request))
        return await asyncio.wait_for(waiting, WAIT_S)

    async def raw(self, text: str | bytes, *, answer_id: Any = "0") -> Any:
        """Send a text as it is and return the answer that carries ``answer_id``."""
        waiting = self._answers[answer_id] = asyncio.get_running_loop().create_future()
        await self.connection.send(text)
        return await asyncio.wait_for(waiting, WAIT_S)

    def of(self, channel: str) -> list[Any]:
        """Return the data pushed on a channel so far."""
        return [push["params"]["data"] for push in self.pushes if push["method"] == channel]


class Trader:
    """A user of its own with one funded account and a token."""

    def __init__(self, exchange: Exchange, *, scopes: str = "read,trade") -> None:
        self.exchange = exchange
        self.email = f"{uuid.uuid4().hex}@example.com"
        answer = exchange.manage("create_token", "--email", self.email, "--scopes", scopes)
        self.token = answer.strip().splitlines()[-1]
        self.http = httpx.Client(
            base_url=f"{exchange.base_url}/api/v1",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=WAIT_S,
        )
        self.account = self.data(self.http.get("/accounts"))[0]["id"]
        if "trade" in scopes:
            for asset, amount in (("EUR", "1000000"), ("BTC", "100")):
                path = f"/accounts/{self.account}/deposit"
                self.data(self.http.post(path, json={"asset": asset, "amount": amount}))

    @staticmethod
    def data(answer: httpx.Response) -> Any:
        """Return the data of a success."""
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def order(self, text: str, **fields: Any) -> dict[str, Any]:
        """Return the params of e.g. ``buy 1 @ 20000``."""
        side, quantity, _, price = text.split()
        body = {
            "user_id": self.account,
            "market": MARKET,
            "side": side,
            "order_type": "limit",
            "price": price,
            "quantity": quantity,
        }
        return body | fields

    def place(self, text: str, **fields: Any) -> Any:
        """Place an order over HTTP."""
        return self.data(self.http.post("/orders", json=self.order(text, **fields)))

    def cancel_all(self) -> None:
        """Take everything out of the books again."""
        self.data(self.http.post("/orders/cancel-all", json={"account": self.account}))

    def open_orders(self) -> list[Any]:
        """Return the orders that are still open."""
        path = f"/accounts/{self.account}/orders"
        found = self.data(self.http.get(path, params={"limit": 100}))
        return [order for order in found if order["status"] in ("New", "PartiallyFilled")]


@pytest.fixture(scope="session")
def traders(exchange: Exchange) -> Iterator[list[Trader]]:
    """Two people for all tests of the run: making one takes a command of its own."""
    found = [Trader(exchange), Trader(exchange)]
    yield found
    for trader in found:
        trader.http.close()


@pytest.fixture
def trader(traders: list[Trader]) -> Iterator[Trader]:
    yield traders[0]
    traders[0].cancel_all()


@pytest.fixture
def second(traders: list[Trader]) -> Iterator[Trader]:
    yield traders[1]
    traders[1].cancel_all()


@pytest_asyncio.fixture
async def client(exchange: Exchange) -> AsyncIterator[Client]:
    client = Client(await connect(f"{exchange.ws_url}/ws", max_size=2**24))
    yield client
    await client.end()
