"""Clients that ask on every kind of socket and read no answer: what waits for them is bounded."""

import asyncio
import json
from typing import Any

import pytest

from api.binance.streams.connection import StreamConnection
from api.binance.ws_api.connection import CallConnection
from api.transport import outbox
from api.transport.websocket import Connection
from api.v1.socket.connection import SocketConnection

ANSWERS_LENGTH_MAX = 20_000
ASKED_MAX = 900  # fewer messages than what is bounded by their count
# Of the loop: more than it takes to send half of what may wait.
TURNS = 1_000
SCOPE = {"type": "websocket", "path": "/ws", "headers": [], "client": ("198.51.100.7", 1)}
# Each is answered by about two thousand characters.
LONG_ID = "x" * 2_000
SAYS = {
    "v1": {"id": LONG_ID, "method": "ping", "params": {}},
    "ws-api": {"id": "x" * 36, "method": "ping"},
    "streams": {"id": 1, "method": "LIST_SUBSCRIPTIONS"},
}


class Client:
    """Asks without end and takes nothing, until it is told to go."""

    def __init__(self, said: dict[str, Any]) -> None:
        self._text = json.dumps(said)
        self._goes = asyncio.Event()
        self.asked = 0
        self.took = 0
        self.sent: list[Any] = []
        self.reads = asyncio.Event()

    async def receive(self) -> Any:
        if self.asked < ASKED_MAX:
            self.asked += 1
            return {"type": "websocket.receive", "text": self._text}
        return await asyncio.Event().wait()

    async def send(self, message: Any) -> None:
        read, gone = (asyncio.ensure_future(e.wait()) for e in (self.reads, self._goes))
        await asyncio.wait((read, gone), return_when=asyncio.FIRST_COMPLETED)
        read.cancel()
        gone.cancel()
        if self._goes.is_set():
            raise ConnectionError("the client has gone")
        self.took += 1
        self.sent.append(message)

    def go(self) -> None:
        self._goes.set()


def serve(kind: str, client: Client) -> "asyncio.Task[None]":
    """Serve a client on one kind of socket."""
    connection: Connection
    if kind == "v1":
        connection = SocketConnection(SCOPE, client.receive, client.send)
    elif kind == "ws-api":
        connection = CallConnection(SCOPE, client.receive, client.send)
    else:
        connection = StreamConnection(client.receive, client.send, [], is_combined=False, ip="")
    return asyncio.ensure_future(connection.serve())


async def settle(client: Client) -> int:
    """Return how much was asked once nothing more is."""
    asked = -1
    while asked != client.asked:
        asked = client.asked
        for _ in range(TURNS):
            await asyncio.sleep(0)
    return asked


@pytest.fixture(autouse=True)
def small_bounds(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(outbox, "ANSWERS_LENGTH_MAX", ANSWERS_LENGTH_MAX)
    settings.ZAVORA_STREAM_MESSAGES_PER_S = 0


@pytest.mark.parametrize("kind", ["v1", "ws-api"])
async def test_who_reads_no_answer_is_asked_nothing_more_until_it_does(kind: str) -> None:
    client = Client(SAYS[kind])
    serving = serve(kind, client)
    asked = await settle(client)
    assert 1 < asked < 250  # of ws-api a hundred calls may be on their way
    client.reads.set()
    assert await settle(client) == ASKED_MAX  # nobody is left waiting
    assert client.took == ASKED_MAX
    client.go()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_a_follower_of_streams_that_reads_no_answer_is_ended() -> None:
    client = Client({"id": "x" * 36, "method": "LIST_SUBSCRIPTIONS"})
    serving = serve("streams", client)
    asked = await settle(client)
    assert 1 < asked < ASKED_MAX
    client.reads.set()
    await asyncio.wait_for(serving, 5)
    assert client.sent[-1]["type"] == "websocket.close"
    assert client.sent[-1]["code"] == 1008


@pytest.mark.parametrize("kind", SAYS)
async def test_a_connection_ends_with_a_client_that_goes_while_its_answers_wait(kind: str) -> None:
    client = Client(SAYS[kind])
    serving = serve(kind, client)
    await settle(client)
    client.go()
    await asyncio.wait_for(serving, 5)
