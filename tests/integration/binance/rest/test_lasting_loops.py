"""Loops over all counters and all listen keys go on after one that fails."""

import asyncio
import time
from typing import Any

import pytest
import redis.asyncio as redis_asyncio
from django.conf import settings

from api.access import limits_sharing
from api.binance import limits
from api.binance.user_data.user_streams import End, ListenKeyWatch
from api.process import web_process

GARBLED, SOUND = "198.51.100.201", "198.51.100.202"


async def _until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 - what is awaited lies in Valkey
            await asyncio.sleep(0.01)


async def test_counters_are_shared_on_after_one_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits_sharing, "PERIOD_S", 0.02)
    client = redis_asyncio.Redis.from_url(settings.REDIS_URL)
    ban = f"compat:ban:{GARBLED}"
    try:
        await client.set(ban, b"garbled", ex=60)
        web_process()
        limits.take_weight(GARBLED, 1)
        (counter,) = limits.WEIGHTS.of(GARBLED, time.time())
        name = f"compat:weight:{limits.MINUTE_S}:{counter.number}"

        async def is_told(ip: str) -> bool:
            return await client.hget(name, ip) is not None

        await _until(lambda: is_told(GARBLED))
        # Its ban is read in the same round, after that.
        limits.take_weight(SOUND, 1)
        await _until(lambda: is_told(SOUND))
    finally:
        await client.delete(ban)
        await client.aclose()
        await web_process().close()


class Stream:
    """Follows by a listen key that there is not."""

    listen_key = "x" * 64
    account_pk = 0

    def __init__(self, key_id: int, watch: ListenKeyWatch) -> None:
        self.key_id = key_id
        self.reason: End | None = None
        self._watch = watch

    def end(self, reason: End) -> None:
        self._watch.discard(self)  # type: ignore[arg-type]
        self.reason = reason


class FailingStream(Stream):
    """Raises where it is ended."""

    def end(self, reason: End) -> None:
        raise RuntimeError("a stream that cannot be ended")


async def test_listen_keys_are_looked_after_on_after_one_that_cannot_be_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.binance.user_data.user_streams.LISTEN_KEY_LOOK_S", 0.02)
    watch = web_process().part(ListenKeyWatch)
    streams = [FailingStream(10**9, watch), Stream(10**9 + 1, watch)]
    for stream in streams:
        watch.add(stream)  # type: ignore[arg-type]

    async def is_ended() -> bool:
        return streams[1].reason is not None

    try:
        await _until(is_ended)
    finally:
        await web_process().close()
    assert streams[1].reason is End.LISTEN_KEY
