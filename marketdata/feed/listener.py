"""The one subscription of a process to what others publish, and its reconnects."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from typing import Any, Final

import redis.asyncio as redis
import structlog
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from accounts.notices import BALANCES_CHANNEL, CREDENTIALS_CHANNEL
from marketdata.wire import CANDLES_PATTERN, TICKERS_CHANNEL, TICKERS_KEY
from matching.wire import EVENTS_PATTERN
from zavora.foundation.queue import connect_async, hear, silence_max_s

PATTERNS: Final = (EVENTS_PATTERN, CANDLES_PATTERN)
CHANNELS: Final = (TICKERS_CHANNEL, BALANCES_CHANNEL, CREDENTIALS_CHANNEL)

BACKOFF_MIN_S: Final = 0.05
BACKOFF_MAX_S: Final = 2.0

log = structlog.get_logger(__name__)


class Listener:
    """Receives messages for as long as it runs; tells when the stream was broken and is whole.

    ``on_connected`` is called once every subscription is confirmed: what is published from then
    on will arrive. ``on_message`` gets the channel and the body, in order.
    """

    def __init__(
        self,
        url: str,
        *,
        on_connected: Callable[[bytes | None], Awaitable[None]],
        on_disconnected: Callable[[], None],
        on_message: Callable[[str, bytes], None],
    ) -> None:
        self._url = url
        self._on_connected = on_connected
        self._on_disconnected = on_disconnected
        self._on_message = on_message
        self.is_connected = False
        self.connects = 0

    async def run(self) -> None:
        """Listen until cancelled. A lost connection is made anew with growing, jittered pauses."""
        failures = 0
        while True:
            connects = self.connects
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                failures = 1 if self.connects > connects else failures + 1
                log.warning("feed_disconnected", error=str(error), failures=failures)
            except Exception:
                # A message that cannot be taken in: begin anew, which compares all markets.
                failures += 1
                log.exception("feed_listener_failed", failures=failures)
            finally:
                if self.is_connected:
                    self.is_connected = False
                    self._on_disconnected()
            ceiling = min(BACKOFF_MAX_S, BACKOFF_MIN_S * 2 ** min(failures, 10))
            await asyncio.sleep(ceiling * random.uniform(0.5, 1.0))  # noqa: S311 (jitter)

    async def _listen(self) -> None:
        client = connect_async(timeout_s=silence_max_s(), url=self._url)
        try:
            async with client.pubsub() as pubsub:
                await pubsub.psubscribe(*PATTERNS)
                await pubsub.subscribe(*CHANNELS)
                await self._receive(client, pubsub)
        finally:
            with contextlib.suppress(RedisError, OSError):
                await client.aclose()

    async def _receive(self, client: redis.Redis, pubsub: PubSub) -> None:
        unconfirmed = len(PATTERNS) + len(CHANNELS)
        async for message in hear(pubsub, silence_s=silence_max_s()):
            kind = message["type"]
            if kind in ("message", "pmessage"):
                self._on_message(message["channel"].decode(), message["data"])
            elif kind in ("subscribe", "psubscribe"):
                unconfirmed -= 1
                if unconfirmed == 0:
                    tickers: Any = await client.get(TICKERS_KEY)
                    self.is_connected = True
                    self.connects += 1
                    await self._on_connected(tickers)
