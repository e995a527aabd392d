"""The bounds of a connection: what waits, and what may be said in a second."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest

from api.binance.streams import closing, connection
from api.binance.streams.connection import MessageRate
from api.binance.streams.events import Event
from api.binance.streams.pace import Pace
from api.transport.outbox import MESSAGES_MAX, Outbox


async def test_who_reads_too_slowly_is_closed_and_nothing_is_left_out() -> None:
    sent: list[Any] = []
    reads = asyncio.Event()

    async def send(message: Any) -> None:
        await reads.wait()
        sent.append(message)

    outbox = Outbox(send, closing.STREAMS)
    writer = asyncio.create_task(outbox.run())
    outbox.deliver(0)
    await asyncio.sleep(0)  # the writer takes the first one and waits for the client
    for number in range(1, MESSAGES_MAX + 1):
        outbox.deliver(number)
    assert not outbox.is_closing
    outbox.deliver(MESSAGES_MAX + 1)
    assert outbox.is_closing
    outbox.deliver(MESSAGES_MAX + 2)
    reads.set()
    await asyncio.wait_for(writer, 5)
    # What was on its way, and then the end: no event is sent after one that was not.
    assert sent[0] == 0
    assert [message["code"] for message in sent[1:]] == [1008]


def test_messages_are_counted_over_a_sliding_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(connection.time, "monotonic", lambda: now)
    rate = MessageRate(2)
    assert [rate.take(), rate.take(), rate.take()] == [True, True, False]
    now = 100.99
    assert not rate.take()
    now = 101.0
    assert rate.take()
    unlimited = MessageRate(0)
    assert all(unlimited.take() for _ in range(1_000))


def test_an_event_is_spelled_once_and_wrapped_by_its_streams_name() -> None:
    event = Event("btcusdt@trade", {"e": "trade", "p": "1.00000000"})
    assert event.bare == {"type": "websocket.send", "text": '{"e":"trade","p":"1.00000000"}'}
    assert event.combined["text"] == f'{{"stream":"btcusdt@trade","data":{event.text}}}'
    assert event.bare is event.bare
    assert event.combined is event.combined


async def test_a_pace_tells_at_once_after_a_pause_and_never_twice_in_a_period() -> None:
    loop = asyncio.get_running_loop()
    told: list[float] = []
    pace = Pace(0.1, lambda: told.append(loop.time()))
    begun = loop.time()
    while len(told) < 4:
        pace.wake()
        await asyncio.sleep(0.001)
    assert told[0] - begun < 0.05
    assert all(later - earlier >= 0.099 for earlier, later in pairwise(told))
    pace.wake()
    pace.stop()
    await asyncio.sleep(0.15)
    assert len(told) == 4


async def test_a_connection_ends_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.StreamConnection, "LIFE_S", 0.01)
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    client = connection.StreamConnection(receive, send, [], is_combined=False, ip="")
    await asyncio.wait_for(client.serve(), 5)
    assert [(message["type"], message["code"]) for message in sent] == [("websocket.close", 1001)]
