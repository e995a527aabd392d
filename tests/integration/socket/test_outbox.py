"""What waits for a slow reader: bounded, fresh when it catches up, honest when it cannot."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

PUBLIC = "public"


class Transport:
    """A connection whose reader takes a message only when the test lets it."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self._allowed = asyncio.Semaphore(0)
        self._arrived = asyncio.Event()

    async def send(self, message: Any) -> None:
        await self._allowed.acquire()
        self.sent.append(message)
        self._arrived.set()

    async def read(self, count: int) -> list[Any]:
        """Let the reader take messages until it has ``count``; return all it has."""
        self._allowed.release()
        async with asyncio.timeout(5):
            while len(self.sent) < count:
                self._arrived.clear()
                await self._arrived.wait()
                self._allowed.release()
        return self.sent


def _topic(channel: str) -> Any:
    from api.v1.socket.codec import V1
    from marketdata.feed.feed import Topic

    return Topic(channel, 7, V1)  # type: ignore[arg-type]


@pytest.fixture
def transport() -> Transport:
    return Transport()


@pytest.fixture
def snapshots() -> list[str]:
    """What a topic that fell behind is given: the state of the moment."""
    return ["the whole book"]


@pytest_asyncio.fixture
async def outbox(transport: Transport, snapshots: list[str]) -> AsyncIterator[Any]:
    from api.transport.outbox import Outbox
    from api.v1.socket.closing import POLICY

    outbox = Outbox(transport.send, POLICY, lambda topic: list(snapshots))
    writer = asyncio.create_task(outbox.run())
    yield outbox
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)


async def test_a_reader_that_keeps_up_gets_every_message_in_order(
    outbox: Any, transport: Transport
) -> None:
    book = _topic("orderbook")
    for number in range(500):
        outbox.push(book, number)
    assert await transport.read(500) == list(range(500))
    assert outbox.conflated == 0


async def test_a_slow_reader_gets_the_present_book_instead_of_a_growing_queue(
    outbox: Any, transport: Transport, snapshots: list[str]
) -> None:
    from api.transport.outbox import MESSAGES_MAX

    book = _topic("orderbook")
    for number in range(MESSAGES_MAX * 20):
        outbox.push(book, number)
    assert len(outbox) <= MESSAGES_MAX
    snapshots[:] = ["the book as it is now"]

    sent = await transport.read(MESSAGES_MAX + 1)
    assert sent[:MESSAGES_MAX] == list(range(MESSAGES_MAX))
    assert sent[MESSAGES_MAX] == "the book as it is now"

    outbox.push(book, "the next delta")
    assert (await transport.read(MESSAGES_MAX + 2))[-1] == "the next delta"


async def test_one_slow_reader_holds_up_nobody_else(outbox: Any, transport: Transport) -> None:
    from api.transport.outbox import Outbox
    from api.v1.socket.closing import POLICY

    other = Transport()
    quick = Outbox(other.send, POLICY, lambda topic: [])
    writer = asyncio.create_task(quick.run())
    book = _topic("orderbook")
    for number in range(10):
        outbox.push(book, number)
        quick.push(book, number)
    assert await other.read(10) == list(range(10))
    assert transport.sent == []
    writer.cancel()


async def test_a_private_stream_that_cannot_keep_up_is_closed_with_4008(
    outbox: Any, transport: Transport
) -> None:
    from api.transport.outbox import MESSAGES_MAX

    for number in range(MESSAGES_MAX + 2):
        outbox.deliver(number)
    assert outbox.is_closing
    assert len(outbox) == 0
    assert (await transport.read(1))[-1] == {"type": "websocket.close", "code": 4008}


async def test_a_hole_in_a_private_stream_closes_with_4008(
    outbox: Any, transport: Transport
) -> None:
    outbox.lose()
    assert await transport.read(1) == [{"type": "websocket.close", "code": 4008}]


async def test_a_reader_of_requests_waits_until_its_answers_are_read(
    outbox: Any, transport: Transport
) -> None:
    from api.transport.outbox import MESSAGES_MAX

    for number in range(MESSAGES_MAX):
        outbox.answer({"type": "websocket.send", "text": str(number)})
    assert outbox.is_full
    waiting = asyncio.create_task(outbox.has_room())
    await transport.read(10)
    assert not waiting.done()
    await transport.read(MESSAGES_MAX // 2 + 1)
    await asyncio.wait_for(waiting, 5)


async def test_pushes_are_counted_and_answers_are_not(
    outbox: Any, transport: Transport, snapshots: list[str]
) -> None:
    from api.transport.outbox import MESSAGES_MAX

    book = _topic("orderbook")
    outbox.push(book, "a delta")
    outbox.deliver("an order")
    outbox.answer({"text": "an answer"})
    outbox.start(book, [{"text": "the whole book"}])
    assert outbox.pushes == 3

    for number in range(MESSAGES_MAX):
        outbox.push(book, number)
    # What is left out is no push; what is told instead is one.
    left_out = outbox.conflated
    assert left_out > 0
    await transport.read(4 + MESSAGES_MAX - left_out + len(snapshots))
    assert outbox.pushes == 3 + MESSAGES_MAX - left_out + len(snapshots)
