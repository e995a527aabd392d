"""Bots on a running exchange: signed calls, the WebSocket API, and streams that they keep."""

import asyncio
import base64
import hmac
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import psycopg
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from websockets.asyncio.client import ClientConnection, connect

from tests.exchange import Exchange
from tests.own_markets import OwnMarket
from tests.socket_client import WAIT_S, SocketClient

# Markets of these tests' own, with fees: nobody else trades in them.
MARKETS = {"EURUSDT": OwnMarket.USER_DATA, "EURUSD": OwnMarket.USER_DATA_DOLLARS}
FEES = ("--maker-fee", "0.00075", "--taker-fee", "0.001")
_numbers = itertools.count(1)


class Socket(SocketClient):
    """A connection that keeps everything it is sent: answers by id, the rest in order."""

    def __init__(self, connection: ClientConnection) -> None:
        self.messages: list[Any] = []
        self._answers: dict[Any, asyncio.Future[Any]] = {}
        super().__init__(connection)

    @classmethod
    async def open(cls, url: str) -> "Socket":
        return cls(await connect(url, max_size=2**24))

    def take(self, message: Any) -> None:
        waiting = self._answers.pop(message.get("id"), None) if "id" in message else None
        if waiting is not None:
            waiting.set_result(message)
        else:
            self.messages.append(message)

    @property
    def events(self) -> list[Any]:
        """The events of user data, whatever they came wrapped in."""
        return [message.get("event") or message.get("data") or message for message in self.messages]

    def of(self, kind: str) -> list[Any]:
        """Return the events of one kind."""
        return [event for event in self.events if event.get("e") == kind]

    async def raw(self, text: str | bytes, *, answer_id: Any = None) -> Any:
        """Send a text as it is and return the answer that carries ``answer_id``."""
        waiting = self._answers[answer_id] = asyncio.get_running_loop().create_future()
        await self.connection.send(text)
        return await asyncio.wait_for(waiting, WAIT_S)

    async def call(self, method: str, params: Any = None) -> Any:
        """Return the whole answer to a request."""
        number = next(_numbers)
        body = {"id": number, "method": method}
        if params is not None:
            body["params"] = params
        return await self.raw(json.dumps(body), answer_id=number)


class Bot:
    """A person with one funded account and an API key."""

    def __init__(self, exchange: Exchange, made: str, *, kind: str = "hmac") -> None:
        """``made``: the line that ``create_api_key`` prints."""
        answer = json.loads(made)
        self.exchange = exchange
        self.key: str = answer["key"]
        self.account: str = answer["account"]
        self.secret: str = answer["secret"]
        self._kind = kind

    def sign(self, text: str) -> str:
        """Return the signature of a text."""
        if self._kind == "hmac":
            return hmac.new(self.secret.encode(), text.encode(), "sha256").hexdigest()
        private = load_pem_private_key(self.secret.encode(), None)
        assert isinstance(private, Ed25519PrivateKey)
        return base64.b64encode(private.sign(text.encode())).decode()

    def signed(self, **params: Any) -> dict[str, Any]:
        """Return parameters as the WebSocket API wants them: with key, time and signature."""
        params = {"timestamp": int(time.time() * 1000), "apiKey": self.key, **params}
        text = "&".join(f"{name}={_text(params[name])}" for name in sorted(params))
        # What is no text cannot be signed; it is still sent, to see what comes of it.
        text = text.encode(errors="replace").decode()
        return {**params, "signature": self.sign(text)}

    async def rest(self, method: str, path: str, **params: Any) -> httpx.Response:
        """Return the answer to a signed call."""
        query = urlencode({**params, "timestamp": int(time.time() * 1000), "recvWindow": 30_000})
        signature = urlencode({"signature": self.sign(query)})
        return await self._http.request(
            method, f"/api/v3/{path}?{query}&{signature}", headers={"X-MBX-APIKEY": self.key}
        )

    async def get(self, path: str, **params: Any) -> Any:
        """Return what a signed GET answers; it must succeed."""
        answer = await self.rest("GET", path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def order(self, text: str, symbol: str = "EURUSDT", **params: Any) -> httpx.Response:
        """Place e.g. ``buy 5 @ 1.05`` (limit, GTC unless said otherwise) or ``sell 5`` (market)."""
        side, quantity, *price = text.split()
        fields = {"symbol": symbol, "side": side.upper(), "quantity": quantity}
        if price:
            fields |= {"type": "LIMIT", "timeInForce": "GTC", "price": price[1]}
        else:
            fields |= {"type": "MARKET"}
        given = {name: value for name, value in (fields | params).items() if value is not None}
        return await self.rest("POST", "order", **given)

    async def listen_key(self, method: str = "POST", **params: Any) -> httpx.Response:
        """Make, renew or end a listen key."""
        return await self._http.request(
            method, "/api/v3/userDataStream", params=params, headers={"X-MBX-APIKEY": self.key}
        )

    async def subscribe(self) -> Socket:
        """Return a new connection of the WebSocket API that streams the account."""
        socket = await Socket.open(f"{self.exchange.ws_url}/ws-api/v3")
        answer = await socket.call("userDataStream.subscribe.signature", self.signed())
        assert answer["status"] == 200, answer
        return socket

    async def follow(self, *, path: str = "/ws/") -> Socket:
        """Return a new connection that follows the account's listen key."""
        listen_key = (await self.listen_key()).json()["listenKey"]
        return await Socket.open(f"{self.exchange.ws_url}{path}{listen_key}")

    @property
    def _http(self) -> httpx.AsyncClient:
        client = _https.get(asyncio.get_running_loop())
        if client is None:
            client = httpx.AsyncClient(base_url=self.exchange.base_url, timeout=WAIT_S)
            _https[asyncio.get_running_loop()] = client
        return client


_https: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest_asyncio.fixture(autouse=True)
async def _close_http() -> AsyncIterator[None]:
    yield
    client = _https.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.aclose()


@pytest.fixture(scope="session")
def bots(exchange: Exchange) -> list[Bot]:
    """Make the markets, and three people for all tests of the run; the third signs by Ed25519."""
    steps = ("--tick-size", "0.0001", "--lot-size", "0.01", "--min-notional", "1")
    kinds = ("hmac", "hmac", "ed25519")
    commands = [("create_market", str(name), *steps, *FEES) for name in MARKETS.values()]
    for number, kind in enumerate(kinds):
        who = ("--email", f"stream-{number}@example.com", "--kind", kind)
        commands.append(("create_api_key", *who, "--scopes", "read,trade", "--fund"))
    # One process for all of them.
    calls = (f"call_command{command!r}" for command in commands)
    made = exchange.manage(
        "shell", "-c", "from django.core.management import call_command;" + ";".join(calls)
    )
    exchange.wait_until_listed(*MARKETS.values())
    lines = [line for line in made.splitlines() if line.startswith("{")]
    return [Bot(exchange, line, kind=kind) for line, kind in zip(lines, kinds, strict=True)]


@pytest.fixture
def alice(bots: list[Bot]) -> Bot:
    return bots[0]


@pytest.fixture
def bob(bots: list[Bot]) -> Bot:
    return bots[1]


@pytest.fixture
def carol(bots: list[Bot]) -> Bot:
    return bots[2]


@pytest_asyncio.fixture
async def sockets() -> AsyncIterator[Callable[[Socket], Socket]]:
    """A function that sees to it that a connection ends with the test."""
    opened: list[Socket] = []

    def keep(socket: Socket) -> Socket:
        opened.append(socket)
        return socket

    yield keep
    for socket in opened:
        await socket.end()


# Whose orders are open, by the account, and in which market.
OPEN = """
SELECT DISTINCT a.public_id::text, m.symbol FROM matching_order o
JOIN matching_market m ON m.id = o.market_id JOIN accounts_account a ON a.id = o.account_id
WHERE o.status IN ('new', 'partially_filled') AND m.symbol = ANY(%s)
"""


@pytest_asyncio.fixture(autouse=True)
async def _empty_books(bots: list[Bot], tables: psycopg.Connection[Any]) -> AsyncIterator[None]:
    """Take everything out of the books again."""
    yield
    symbols = {name: symbol for symbol, name in MARKETS.items()}
    owners = {bot.account: bot for bot in bots}
    for account, market in tables.execute(OPEN, [list(symbols)]).fetchall():
        if account in owners:
            await owners[account].rest("DELETE", "openOrders", symbol=symbols[market])


@pytest.fixture(scope="session")
def tables(exchange: Exchange) -> Iterator[psycopg.Connection[Any]]:
    """The exchange's own tables."""
    with psycopg.connect(exchange.database_url, autocommit=True) as connection:
        yield connection
