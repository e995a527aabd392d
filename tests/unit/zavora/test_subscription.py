"""One subscription for all who listen: each has its own, and none pays for another."""

import asyncio
from typing import Any

import pytest

from zavora.foundation.queue import Pulse, Subscription


def _message(channel: bytes, data: bytes) -> dict[str, Any]:
    return {"type": "message", "pattern": None, "channel": channel, "data": data}


def test_each_listener_is_given_its_own_also_after_one_that_fails() -> None:
    subscription, taken = Subscription(), []

    def fail(_: bytes) -> None:
        raise RuntimeError("a message that cannot be taken in")

    subscription.on("bad", fail)
    subscription.on("good", taken.append)
    subscription.on_pattern("events:*", lambda channel, body: taken.append((channel, body)))
    subscription._take(_message(b"bad", b"1"))
    subscription._take(_message(b"good", b"2"))
    subscription._take(
        {"type": "pmessage", "pattern": b"events:*", "channel": b"events:7", "data": b"3"}
    )
    assert taken == [b"2", ("events:7", b"3")]


async def test_an_end_is_told_to_all_and_only_once() -> None:
    subscription, told = Subscription(), []

    async def begin(_: Any) -> None:
        raise AssertionError("it does not begin here")

    def fail() -> None:
        raise RuntimeError("a listener that breaks its promise")

    subscription.on_gap(begin, fail)
    subscription.on_gap(begin, lambda: told.append("ended"))
    subscription._end()  # before it ever was
    assert told == []
    subscription._connected.set()
    subscription._end()
    subscription._end()
    assert told == ["ended"]
    assert not subscription.is_connected


async def test_who_comes_late_is_told_that_it_would_hear_nothing() -> None:
    subscription = Subscription()
    subscription.start()
    with pytest.raises(RuntimeError):
        subscription.on("late", lambda _: None)
    await subscription.close()


async def test_it_tries_again_where_there_is_no_server(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    subscription = Subscription()
    subscription.on("any", lambda _: None)
    subscription.start()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(subscription.connected(), 0.3)
    assert subscription.connects == 0
    await subscription.close()


def test_asking_more_often_gives_nobody_less_time_to_answer() -> None:
    assert Pulse(2.0).ask_s == 0.5
    often = Pulse(2.0, ask_s=0.175)
    assert often.ask_s == 0.175
    assert often._answer_s == 2.0 - 0.175
