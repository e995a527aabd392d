"""What a stream connection can be asked, and how it answers."""

import json
from typing import Any

import pytest

from tests.integration.binance.market_data.conftest import STREAM, Open


async def test_streams_are_followed_listed_and_left(open_stream: Open) -> None:
    client = await open_stream("/ws/0")
    assert await client.call("LIST_SUBSCRIPTIONS") == {"result": [], "id": 1}
    names = [f"{STREAM}@trade", f"{STREAM}@depth@100ms"]
    assert await client.call("SUBSCRIBE", *names) == {"result": None, "id": 2}
    assert (await client.call("LIST_SUBSCRIPTIONS"))["result"] == names
    assert (await client.call("UNSUBSCRIBE", names[0], "nothing"))["result"] is None
    assert (await client.call("LIST_SUBSCRIPTIONS"))["result"] == names[1:]


async def test_a_connection_wraps_its_events_while_it_is_asked_to(open_stream: Open) -> None:
    client = await open_stream(f"/ws/{STREAM}@miniTicker")
    await client.until(lambda: client.of("24hrMiniTicker"))
    assert (await client.call("GET_PROPERTY", "combined"))["result"] is False
    assert (await client.call("SET_PROPERTY", "combined", True))["result"] is None
    assert (await client.call("GET_PROPERTY", "combined"))["result"] is True
    count = len(client.events)
    await client.until(lambda: len(client.events) > count)
    assert client.events[0]["e"] == "24hrMiniTicker"
    assert client.events[-1]["stream"] == f"{STREAM}@miniTicker"
    assert client.events[-1]["data"]["e"] == "24hrMiniTicker"


async def test_the_shared_address_becomes_compatible_with_the_first_message(
    open_stream: Open,
) -> None:
    client = await open_stream("/ws")
    assert await client.call("SUBSCRIBE", f"{STREAM}@ticker") == {"result": None, "id": 1}
    await client.until(lambda: client.of("24hrTicker"))


async def test_the_shared_address_stays_v1s_without_one(open_stream: Open) -> None:
    client = await open_stream("/ws")
    answer = await client.send('{"id": "7", "method": "ping", "params": {}}')
    assert answer["id"] == "7"
    assert "pong" in answer["result"]
    answer = await client.send('{"id": "8", "method": "SUBSCRIBE", "params": ["btceur@trade"]}')
    assert answer["error"]["code"] == 404


@pytest.mark.parametrize("sent_id", ["1", "-7", '"text"', "null", "123456789012345678901234567890"])
async def test_ids_come_back_as_they_were_sent(open_stream: Open, sent_id: str) -> None:
    client = await open_stream("/stream")
    answer = await client.send(f'{{"method": "LIST_SUBSCRIPTIONS", "id": {sent_id}}}')
    assert answer == {"result": [], "id": json.loads(sent_id)}


@pytest.mark.parametrize(
    ("text", "code", "sent_id"),
    [
        ("nonsense", 3, None),
        ("", 3, None),
        ('{"method": "SUBSCRIBE", "method": "SUBSCRIBE"}', 3, None),
        ("[" * 100, 3, None),
        ("[]", 2, None),
        ("1", 2, None),
        ('{"id": 1}', 2, 1),
        ('{"method": "subscribe", "params": ["btceur@trade"], "id": 2}', 2, 2),
        ('{"method": ["SUBSCRIBE"], "id": 2}', 2, 2),
        ('{"method": "SUBSCRIBE", "id": 3}', 2, 3),
        ('{"method": "SUBSCRIBE", "params": [], "id": 3}', 2, 3),
        ('{"method": "SUBSCRIBE", "params": "btceur@trade", "id": 4}', 2, 4),
        ('{"method": "SUBSCRIBE", "params": [5], "id": 5}', 2, 5),
        ('{"method": "SUBSCRIBE", "params": ["btceur@trade", "xxxyyy@trade"], "id": 6}', 2, 6),
        ('{"method": "SUBSCRIBE", "params": ["btceur@trades"], "id": 7}', 2, 7),
        ('{"method": "LIST_SUBSCRIPTIONS", "id": 1.5}', 2, None),
        ('{"method": "LIST_SUBSCRIPTIONS", "id": {"a": 1}}', 2, None),
        (f'{{"method": "LIST_SUBSCRIPTIONS", "id": "{"x" * 37}"}}', 2, None),
        ('{"method": "SET_PROPERTY", "params": ["combined"], "id": 8}', 2, 8),
        ('{"method": "SET_PROPERTY", "params": ["combined", "true"], "id": 9}', 1, 9),
        ('{"method": "SET_PROPERTY", "params": ["other", true], "id": 10}', 0, 10),
        ('{"method": "GET_PROPERTY", "params": [1], "id": 11}', 2, 11),
        ('{"method": "GET_PROPERTY", "params": ["other"], "id": 12}', 0, 12),
    ],
)
async def test_a_mistake_is_answered_and_changes_nothing(
    open_stream: Open, text: str, code: int, sent_id: Any
) -> None:
    client = await open_stream("/ws/1")
    answer = await client.send(text)
    assert set(answer) == {"code", "msg", "id"}
    assert (answer["code"], answer["id"]) == (code, sent_id)
    assert (await client.call("LIST_SUBSCRIPTIONS"))["result"] == []


async def test_names_in_an_address_that_are_no_streams_follow_nothing(open_stream: Open) -> None:
    client = await open_stream(f"/ws/{STREAM}@nothing/xxxyyy@trade//{STREAM}@depth")
    assert (await client.call("LIST_SUBSCRIPTIONS"))["result"] == [f"{STREAM}@depth"]
    client = await open_stream(f"/stream?streams={STREAM}%40trade/!ticker@arr&x=1")
    names = [f"{STREAM}@trade", "!ticker@arr"]
    assert (await client.call("LIST_SUBSCRIPTIONS"))["result"] == names


async def test_a_sixth_message_within_a_second_ends_the_connection(open_stream: Open) -> None:
    client = await open_stream("/ws/2")
    for _ in range(6):
        await client.connection.send('{"method": "LIST_SUBSCRIPTIONS", "id": 1}')
    assert await client.closed_with() == 1008
    assert len(client.answers) <= 5


async def test_a_connection_follows_1024_streams_at_most(open_stream: Open) -> None:
    client = await open_stream("/ws/3")
    answer = await client.call("SUBSCRIBE", *(f"{STREAM}@kline_{n}" for n in range(1_025)))
    assert answer["code"] == 2
    assert (await client.call("LIST_SUBSCRIPTIONS"))["result"] == []
