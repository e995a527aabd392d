"""Connections to Valkey/Redis: no repeated commands, short waits, and silence that is noticed.

A connection may be dead although its socket is open (a firewall that forgot it, a host that went
away): then nothing arrives and nothing fails. Whoever waits for messages therefore asks for a sign
of life when it is quiet, and begins anew when none comes (docs/architecture.md lists them all).
"""

import math
import time
from collections.abc import AsyncIterator
from typing import Any, Final

import redis
import redis.asyncio as redis_asyncio
from django.conf import settings
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.retry import Retry

from zavora.foundation.setting_values import SettingValue

# A subscription is silent for so long at most, and below the edge's wait in any case: what is lost
# with it delays one answer, not the next ones.
SILENCE_MAX_S: Final = 2.0
# However short that wait is: a queue that is merely busy would never be heard.
SILENCE_MIN_S: Final = 0.1
_WAIT_SHARE: Final = 0.4
# It is asked for a sign of life so often while it is quiet.
_ASKED_IN_SILENCE: Final = 4
# What had arrived while this process was busy elsewhere is read before silence is believed.
_LAST_LOOK_S: Final = 0.02
_WAIT_MS: Final = SettingValue("ZAVORA_EDGE_WAIT_MS")
_NOWHERE: Final = "redis://127.0.0.1:6379/0"


class SilentConnection(RedisConnectionError):
    """A connection gave no sign of life for too long."""


def silence_max_s() -> float:
    """Return how long a connection that answers may depend on can be silent, in seconds."""
    return max(SILENCE_MIN_S, min(SILENCE_MAX_S, _WAIT_MS.value / 1000 * _WAIT_SHARE))


def connect(*, timeout_s: float, **options: Any) -> "redis.Redis":
    """Return a client for threads; each command waits ``timeout_s`` at most and is sent once."""
    return redis.Redis.from_url(
        settings.REDIS_URL or _NOWHERE,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 0),
        **options,
    )


def connect_async(
    *, timeout_s: float, url: str | None = None, **options: Any
) -> "redis_asyncio.Redis":
    """Return a client for an event loop; each command waits ``timeout_s`` at most, sent once."""
    return redis_asyncio.Redis.from_url(
        url or settings.REDIS_URL or _NOWHERE,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        socket_keepalive=True,
        # A library that reconnects in secret would hide a gap.
        retry=AsyncRetry(NoBackoff(), 0),
        health_check_interval=0,
        **options,
    )


class Pulse:
    """When to ask a quiet subscription for a sign of life, and when to give it up.

    Only what was asked and did not answer is silent: a process that was busy elsewhere has not
    listened, and nobody is to blame.
    """

    def __init__(self, silence_s: float) -> None:
        self.ask_s = silence_s / _ASKED_IN_SILENCE
        self._answer_s = silence_s - self.ask_s
        self._asked_first = math.inf
        self._last_at = time.monotonic()

    def heard(self) -> None:
        """Note a sign of life: any message, the answer to a question too."""
        self._asked_first = math.inf
        self._last_at = time.monotonic()

    def is_silent(self) -> bool:
        """Tell whether a question has been without an answer for too long."""
        return time.monotonic() - self._asked_first >= self._answer_s

    def must_ask(self) -> bool:
        """Tell whether a sign of life is to be asked for now; it then counts as asked for."""
        now = time.monotonic()
        if now - self._last_at < self.ask_s:
            return False
        self._last_at = now
        self._asked_first = min(self._asked_first, now)
        return True


async def hear(pubsub: PubSub, *, silence_s: float) -> AsyncIterator[dict[str, Any]]:
    """Yield what a subscription receives, confirmations and pongs too, for as long as it lives.

    Raises SilentConnection where it gives no sign of life for ``silence_s``, other errors of the
    library where it ends otherwise.
    """
    pulse = Pulse(silence_s)
    while True:
        message = await pubsub.get_message(timeout=pulse.ask_s)
        if message is None and pulse.is_silent():
            message = await pubsub.get_message(timeout=_LAST_LOOK_S)
            if message is None:
                raise SilentConnection(f"no sign of life for {math.ceil(silence_s * 1000)} ms")
        if message is None:
            if pulse.must_ask():
                await pubsub.ping()
            continue
        pulse.heard()
        yield message
