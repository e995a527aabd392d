"""One loop for all sockets: it ends with its writer, and what is half done is done first."""

import asyncio
from typing import Any

import pytest

from api.binance.streams.connection import StreamConnection
from api.binance.ws_api.connection import CallConnection
from api.process import web_process
from api.transport.outbox import Closing, Outbox, Patience, Policy
from api.transport.websocket import IN_FLIGHT_MAX, Connection
from api.v1.socket.connection import SocketConnection

SCOPE = {"type": "websocket", "path": "/ws", "headers": [], "client": ("198.51.100.7", 1)}
POLICY = Policy(Closing(4008), Patience.ALL)


class Client:
    """Says what it is told to, then nothing; goes where the test wants it to."""

    def __init__(self, *said: str) -> None:
        self._said = [{"type": "websocket.receive", "text": text} for text in said]
        self.waits = asyncio.Event()
        self.goes = asyncio.Event()
        self.taken: list[Any] = []

    async def receive(self) -> Any:
        if self._said:
            return self._said.pop(0)
        self.waits.set()
        return await asyncio.Event().wait()

    async def send(self, message: Any) -> None:
        if message["type"] != "websocket.close":
            await self.goes.wait()
            raise ConnectionError("the client has gone")
        self.taken.append(message)


def _connection(kind: str, client: Client) -> Connection:
    if kind == "v1":
        return SocketConnection(SCOPE, client.receive, client.send)
    if kind == "ws-api":
        return CallConnection(SCOPE, client.receive, client.send)
    return StreamConnection(client.receive, client.send, [], is_combined=False, ip="")


@pytest.mark.parametrize("kind", ["v1", "ws-api", "streams"])
async def test_a_client_that_has_gone_is_noticed_while_it_says_nothing(kind: str) -> None:
    client = Client()
    connection = _connection(kind, client)
    serving = asyncio.create_task(connection.serve())
    await client.waits.wait()
    connection.outbox.deliver({"type": "websocket.send", "text": "a push"})
    for _ in range(20):
        await asyncio.sleep(0)
    assert not serving.done()
    client.goes.set()
    await asyncio.wait_for(serving, 5)
    await web_process().close()


class Talk(Connection):
    """Takes messages as the test lets it."""

    SILENT = Closing(4030)
    GONE = Closing(1006)

    def __init__(self, client: Client) -> None:
        super().__init__(client.receive, Outbox(client.send, POLICY))
        self.takes = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.took: list[str | bytes] = []
        self.ran = 0

    @property
    def is_in_use(self) -> bool:
        return True

    async def take(self, content: str | bytes) -> None:
        self.takes.set()
        if content == "beside":
            self.run_beside(self._beside_it())
            return
        await self.goes_on.wait()
        self.took.append(content)

    async def _beside_it(self) -> None:
        self.ran += 1
        await self.goes_on.wait()

    def end(self) -> None:
        pass


async def test_a_message_that_is_being_answered_is_not_cut_off_by_the_end() -> None:
    client = Client("one", "two")
    talk = Talk(client)
    serving = asyncio.create_task(talk.serve())
    await talk.takes.wait()
    talk.outbox.close(Closing(4001))
    for _ in range(20):
        await asyncio.sleep(0)
    assert client.taken == [{"type": "websocket.close", "code": 4001}]
    assert not serving.done()
    talk.goes_on.set()
    await asyncio.wait_for(serving, 5)
    assert talk.took == ["one"]


async def test_only_so_many_calls_run_beside_the_reading() -> None:
    client = Client(*["beside"] * (3 * IN_FLIGHT_MAX))
    talk = Talk(client)
    serving = asyncio.create_task(talk.serve())
    for _ in range(10 * IN_FLIGHT_MAX):
        await asyncio.sleep(0)
    assert talk.ran == IN_FLIGHT_MAX
    talk.goes_on.set()
    await client.waits.wait()
    assert talk.ran == 3 * IN_FLIGHT_MAX
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)


async def test_a_failure_of_the_loop_is_no_end_of_the_writer() -> None:
    client = Client()

    async def fail() -> Any:
        raise TimeoutError("not ours")

    client.receive = fail  # type: ignore[method-assign]
    with pytest.raises(TimeoutError, match="not ours"):
        await asyncio.wait_for(Talk(client).serve(), 5)


async def test_nobody_waits_for_room_in_an_outbox_whose_writer_has_failed() -> None:
    client = Client()
    outbox = Outbox(client.send, POLICY)
    outbox.answer({"type": "websocket.send", "text": "x" * 2_000_000})
    waiting = asyncio.create_task(outbox.has_room())
    await asyncio.sleep(0)
    # The end is to come after what waits; then the writer fails, and its end is another.
    outbox.finish(Closing(1008))
    outbox.close(Closing(1006))
    await asyncio.wait_for(waiting, 5)
    await asyncio.wait_for(outbox.run(), 5)
    assert client.taken == [{"type": "websocket.close", "code": 1008}]
