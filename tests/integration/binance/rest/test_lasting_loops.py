"""Loops over all counters and all listen keys go on after one that fails."""

import asyncio
import time
from typing import Any

import pytest
import redis.asyncio as redis_asyncio
from django.conf import settings

from api.access import lease_keeper
from api.binance import limits
from api.binance.user_data.user_streams import End, ListenKeyWatch
from api.binance.words import errors
from api.process import web_process

GARBLED, SOUND = "198.51.100.201", "198.51.100.202"


async def _until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110 - what is awaited lies in Valkey
            await asyncio.sleep(0.01)


async def test_bans_are_shared_on_after_one_that_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lease_keeper, "PERIOD_S", 0.02)
    client = redis_asyncio.Redis.from_url(settings.REDIS_URL)
    bans = {name: f"compat:ban:{name}" for name in (GARBLED, SOUND)}
    try:
        await client.set(bans[GARBLED], b"garbled", ex=60)
        await client.set(bans[SOUND], f"{time.time() + 60} 1", ex=60)
        web_process()

        async def is_shut_out(name: str) -> bool:
            try:
                await limits.take_weight(name, 1)
            except errors.CompatError as error:
                return error.status == 418
            return False

        # Both are asked for in one round, the one that cannot be read first.
        assert not await is_shut_out(GARBLED)
        await _until(lambda: is_shut_out(SOUND))
        assert not await is_shut_out(GARBLED)
    finally:
        await client.delete(*bans.values())
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
