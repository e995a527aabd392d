"""Everybody who may be told of an order: readers of every kind, and who listens on sockets.

Before the links break each reader asks once; whatever an answer says later that it did not say
then, it was told meanwhile. In these markets nobody else does anything.
"""

import contextlib
import functools
import hashlib
import hmac
import json
import ssl
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from websockets.exceptions import WebSocketException

from tests.cluster.trials import wait_for
from tests.threaded_socket import ThreadedSocket, open_socket

ANSWER_WAIT_S: Final = 15.0
OPEN_WAIT_S: Final = 10.0
RECEIVE_S: Final = 0.2
# Many ask; between two questions of each.
PAUSE_S: Final = 0.3
PRIVATE: Final = ("orders", "fills", "balances")
PUBLIC: Final = ("orderbook", "trades")
# Of an account these change though nothing happens to it.
_NOT_SAID: Final = ("updateTime", "uid")
Read = Callable[[], tuple[int, Any]]


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody was told something: when (monotonic), by what, and what."""

    at: float
    by: str
    what: str


@dataclass
class Party:
    """An account with a token of v1 and a key of the compatible API."""

    account: str
    token: str
    key: str
    secret: str

    def signed(self, **params: Any) -> dict[str, Any]:
        """Return parameters with key, time and signature, in the order of their names."""
        given = {"timestamp": int(time.time() * 1000), "apiKey": self.key, **params}
        return {**given, "signature": self._sign(urlencode(sorted(given.items())))}

    def query(self, **params: Any) -> str:
        """Return a signed query of the compatible API."""
        text = urlencode({**params, "timestamp": int(time.time() * 1000), "recvWindow": 30_000})
        return f"{text}&signature={self._sign(text)}"

    def _sign(self, text: str) -> str:
        return hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).hexdigest()


@dataclass
class Door:
    """Where everybody comes in."""

    base_url: str
    trusted: ssl.SSLContext

    def open_socket(self, path: str) -> AbstractContextManager[ThreadedSocket]:
        """Give a WebSocket."""
        url = self.base_url.replace("https://", "wss://") + path
        return open_socket(url, trusted=self.trusted, open_wait_s=OPEN_WAIT_S)

    def client(self) -> httpx.Client:
        """Return a client of its own connections."""
        return httpx.Client(base_url=self.base_url, verify=self.trusted, timeout=ANSWER_WAIT_S)


@dataclass
class Watch:
    """Readers and listeners in threads of their own, until ``close``."""

    door: Door
    told: list[Told] = field(default_factory=list)
    # How often each was answered 200, and anything else.
    answers: dict[str, dict[str, int]] = field(default_factory=dict)
    _threads: list[threading.Thread] = field(default_factory=list)
    _is_closing: threading.Event = field(default_factory=threading.Event)
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def read_all(self, reads: dict[str, Read]) -> None:
        """Ask each once, then again and again; note each answer that says something else."""
        for name, read in reads.items():
            self.ask_again(name, read, read())

    def ask_again(self, name: str, read: Read, before: tuple[int, Any] | None = None) -> None:
        """Ask again and again; note each answer that does not say what was said before."""
        self.answers[name] = {}
        self._start(self._read, name, read, before)

    def listen(self, name: str, path: str, *requests: Callable[[], dict[str, Any]]) -> None:
        """Open a socket, ask for what is pushed, and note what is pushed from then on.

        Each request is made anew until it is taken: a queue's server that has just become the
        master refuses what was signed before.
        """
        connection = self._stack.enter_context(self.door.open_socket(path))
        for request in requests:
            wait_for(functools.partial(_is_taken, connection, request), wait_s=15, what=name)
        # What is asked for begins with how it stands; that is nothing new.
        with contextlib.suppress(TimeoutError):
            while True:
                connection.recv(timeout=RECEIVE_S)
        self._start(self._listen, name, connection)

    def told_by(self, *, since: float) -> list[Told]:
        """Return what was told since a moment."""
        return [one for one in self.told if one.at >= since]

    def close(self) -> None:
        """End all."""
        self._is_closing.set()
        for thread in self._threads:
            thread.join(ANSWER_WAIT_S + 5)
        self._stack.close()

    def _start(self, target: Callable[..., None], *arguments: Any) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _read(self, name: str, read: Read, before: tuple[int, Any] | None) -> None:
        counts = self.answers[name]
        while not self._is_closing.wait(PAUSE_S):
            try:
                status, said = read()
            except (httpx.HTTPError, ValueError) as error:
                status, said = 0, repr(error)
            counts[str(status)] = counts.get(str(status), 0) + 1
            if status == 200 and (status, said) != before:
                self.told.append(Told(time.monotonic(), name, json.dumps(said)[:400]))

    def _listen(self, name: str, connection: ThreadedSocket) -> None:
        while not self._is_closing.is_set():
            try:
                text = connection.recv(timeout=RECEIVE_S)
            except TimeoutError:
                continue
            except (WebSocketException, OSError):
                return
            if says_something(json.loads(text)):
                self.told.append(Told(time.monotonic(), name, text[:400]))


def _is_taken(connection: ThreadedSocket, request: Callable[[], dict[str, Any]]) -> bool:
    name = uuid.uuid4().hex
    connection.send(json.dumps({"id": name, **request()}))
    while (answer := json.loads(connection.recv(timeout=10))).get("id") != name:
        pass
    return "error" not in answer


def says_something(message: dict[str, Any]) -> bool:
    """Return whether a push is about what happens in a market or to an account."""
    event = message.get("event") or message.get("data") or message
    if event.get("e") in ("serverShutdown", "listenKeyExpired", "eventStreamTerminated"):
        return False
    return message.get("method") not in ("ping", "markets", "resync")


def reads_of(door: Door, party: Party, key: str, market: str) -> dict[str, Read]:
    """Return every way to ask for an order by the name its owner gave it, or for what it did."""
    symbol = market.replace("/", "")
    account = f"/api/v1/accounts/{party.account}"

    def of_v1(path: str) -> Read:
        client = door.client()
        client.headers["Authorization"] = f"Bearer {party.token}"
        return lambda: _said(client.get(path))

    def of_compatible(path: str, **params: Any) -> Read:
        client = door.client()
        client.headers["X-MBX-APIKEY"] = party.key
        return lambda: _said(client.get(f"/api/v3/{path}?{party.query(**params)}"))

    return {
        "v1 orders": of_v1(f"{account}/orders?client_order_id={key}"),
        "v1 all orders": of_v1(f"{account}/orders"),
        "v1 fills": of_v1(f"{account}/trades"),
        "v1 balances": of_v1(f"{account}/balances"),
        "v1 ledger": of_v1(f"{account}/ledger"),
        "v1 account": of_v1(account),
        "compatible order": of_compatible("order", symbol=symbol, origClientOrderId=key),
        "compatible open orders": of_compatible("openOrders", symbol=symbol),
        "compatible all orders": of_compatible("allOrders", symbol=symbol),
        "compatible fills": of_compatible("myTrades", symbol=symbol),
        "compatible account": of_compatible("account"),
        "compatible socket order": _by_socket(
            door, party, "order.status", symbol=symbol, origClientOrderId=key
        ),
    }


def read_by_id(door: Door, party: Party, order_id: int) -> Read:
    """Return the way to ask for an order by its id."""
    client = door.client()
    client.headers["Authorization"] = f"Bearer {party.token}"
    return lambda: _said(client.get(f"/api/v1/orders/{order_id}"))


def _by_socket(door: Door, party: Party, method: str, **params: Any) -> Read:
    def read() -> tuple[int, Any]:
        with door.open_socket("/ws-api/v3") as connection:
            request = {"id": 1, "method": method, "params": party.signed(**params)}
            connection.send(json.dumps(request))
            answer = json.loads(connection.recv(timeout=ANSWER_WAIT_S))
            return answer["status"], answer.get("result")

    def read_or_nothing() -> tuple[int, Any]:
        try:
            return read()
        except (WebSocketException, OSError, TimeoutError) as error:
            return 0, repr(error)

    return read_or_nothing


def _said(answer: httpx.Response) -> tuple[int, Any]:
    if answer.status_code != 200:
        return answer.status_code, None
    said = answer.json()
    if isinstance(said, dict):
        said = said.get("data", said)
    if isinstance(said, dict):
        said = {name: value for name, value in said.items() if name not in _NOT_SAID}
    return 200, said
