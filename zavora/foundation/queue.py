"""Connections to Valkey/Redis: no repeated commands, short waits, and silence that is noticed.

A connection may be dead although its socket is open (a firewall that forgot it, a host that went
away): then nothing arrives and nothing fails. Whoever waits for messages therefore asks for a sign
of life when it is quiet, and begins anew when none comes (docs/architecture.md lists them all).
"""

import asyncio
import contextlib
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, cast

import redis
import redis.asyncio as redis_asyncio
import structlog
from django.conf import settings
from redis.asyncio.client import PubSub
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from zavora.foundation.ending import end_tasks
from zavora.foundation.setting_values import SettingValue

# The sign of life of celery: a key that lives only while it makes progress. Beat asks for it each
# 10 s; three missed ones mean that beat or the worker is gone.
CELERY_KEY: Final = "celery-alive"
CELERY_LIFE_MS: Final = 30_000
# Lives only while some web process is well, whatever they are called.
WEB_KEY: Final = "web-alive"


def web_name(process: str) -> str:
    """Return the key that lives only while one of several web processes on a port is well."""
    return f"web:{process}"


def web_version_name(process: str) -> str:
    """Return the key at which each web process says of which version it is, while it is well."""
    return f"{WEB_VERSIONS}{process}"


WEB_VERSIONS: Final = "web-version:"

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
# Pauses between attempts to subscribe, jittered: many processes lose a server at the same moment.
BACKOFF_MIN_S: Final = 0.05
BACKOFF_MAX_S: Final = 1.0

# Else the library no longer looks whether a connection that rested was closed meanwhile: the first
# command after the server's restart would be lost, and with it a request.
_NO_NOTIFICATIONS: Final = MaintNotificationsConfig(enabled=False)

log = structlog.get_logger(__name__)


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
        maint_notifications_config=_NO_NOTIFICATIONS,
        **options,
    )


def connect_async(*, timeout_s: float, **options: Any) -> "redis_asyncio.Redis":
    """Return a client for an event loop; each command waits ``timeout_s`` at most, sent once."""
    return redis_asyncio.Redis.from_url(
        settings.REDIS_URL or _NOWHERE, **_bounds(timeout_s), **options
    )


def bare_connection(*, timeout_s: float) -> Connection:
    """Return one connection, not connected yet, for who says by himself what is sent over it."""
    pool = redis_asyncio.ConnectionPool.from_url(settings.REDIS_URL or _NOWHERE)
    connection: Any = pool.connection_class(**{**pool.connection_kwargs, **_bounds(timeout_s)})
    return cast(Connection, connection)


def _bounds(timeout_s: float) -> dict[str, Any]:
    return {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "socket_keepalive": True,
        # A library that reconnects, or repeats a command, in secret would hide a gap.
        "retry": AsyncRetry(NoBackoff(), 0),
        "health_check_interval": 0,
        "maint_notifications_config": _NO_NOTIFICATIONS,
    }


class Pulse:
    """When to ask a quiet subscription for a sign of life, and when to give it up.

    Only what was asked and did not answer is silent: a process that was busy elsewhere has not
    listened, and nobody is to blame.
    """

    def __init__(self, silence_s: float, *, ask_s: float = math.inf) -> None:
        """Give up after ``silence_s``; ask after ``ask_s`` at the latest."""
        self.ask_s = min(ask_s, silence_s / _ASKED_IN_SILENCE)
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


async def hear(
    pubsub: PubSub, *, silence_s: float, ask_s: float = math.inf
) -> AsyncIterator[dict[str, Any]]:
    """Yield what a subscription receives, confirmations and pongs too, for as long as it lives.

    Raises SilentConnection where it gives no sign of life for ``silence_s``, other errors of the
    library where it ends otherwise.
    """
    pulse = Pulse(silence_s, ask_s=ask_s)
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


# Takes a message's body, or the name of its channel and its body. May not block.
Take = Callable[[bytes], None]
TakeOf = Callable[[str, bytes], None]
Begin = Callable[["redis_asyncio.Redis"], Awaitable[None]]


class Subscription:
    """What one process hears from the queue: one connection for all who listen in it.

    Whoever listens says to what before it is started. A lost connection, and one that is silent
    for too long, is made anew for as long as it runs; what was published meanwhile is gone, and
    ``on_gap`` tells of it.
    """

    def __init__(self, *, ask_s: float = math.inf) -> None:
        """``ask_s``: how often a quiet connection is asked for a sign of life, at the least."""
        self._ask_s = ask_s
        self._channels: dict[bytes, Take] = {}
        self._patterns: dict[bytes, TakeOf] = {}
        self._begins: list[Begin] = []
        self._ends: list[Callable[[], None]] = []
        self._connected = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        # How often it was made, and when it last gave a sign of life (of the monotonic clock).
        self.connects = 0
        self.heard_at = -math.inf

    # --- who listens ------------------------------------------------------------------------------

    def on(self, channel: str, take: Take) -> None:
        """Let ``take`` have what is published on a channel."""
        self._check_not_started()
        self._channels[channel.encode()] = take

    def on_pattern(self, pattern: str, take: TakeOf) -> None:
        """Let ``take`` have what is published on the channels of a pattern."""
        self._check_not_started()
        self._patterns[pattern.encode()] = take

    def on_gap(self, begin: Begin, end: Callable[[], None] | None = None) -> None:
        """Await ``begin`` each time that it begins: what is published from then on will arrive.

        What was published before may be missed, the first time as well. ``end`` is called when
        the connection is lost. ``begin`` is given a client for what must be read then.
        """
        self._check_not_started()
        self._begins.append(begin)
        if end is not None:
            self._ends.append(end)

    def _check_not_started(self) -> None:
        if self._task is not None:
            raise RuntimeError("a subscription that has begun hears nothing more")

    # --- life -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start on the running loop, once."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="subscription")

    async def close(self) -> None:
        """End it. A closed subscription is not started again."""
        if self._task is not None:
            await end_tasks([self._task])

    @property
    def is_connected(self) -> bool:
        """Tell whether everything that is published now will arrive."""
        return self._connected.is_set()

    async def connected(self) -> None:
        """Wait until it is."""
        await self._connected.wait()

    async def _run(self) -> None:
        failures = 0
        while True:
            connects = self.connects
            try:
                await self._listen()
            except (RedisError, OSError) as error:
                failures = 1 if self.connects > connects else failures + 1
                log.warning("subscription_lost", error=str(error), failures=failures)
            except Exception:
                # Of our own making: begin anew, which compares everything.
                failures += 1
                log.exception("subscription_failed", failures=failures)
            finally:
                self._end()
            ceiling = min(BACKOFF_MAX_S, BACKOFF_MIN_S * 2 ** min(failures, 10))
            await asyncio.sleep(ceiling * random.uniform(0.5, 1.0))  # noqa: S311 (jitter)

    async def _listen(self) -> None:
        silence_s = silence_max_s()
        client = connect_async(timeout_s=silence_s)
        try:
            async with client.pubsub() as pubsub:
                if self._patterns:
                    await pubsub.psubscribe(*self._patterns)
                if self._channels:
                    await pubsub.subscribe(*self._channels)
                await self._hear(client, pubsub, silence_s)
        finally:
            with contextlib.suppress(RedisError, OSError):
                await client.aclose()

    async def _hear(self, client: "redis_asyncio.Redis", pubsub: PubSub, silence_s: float) -> None:
        unconfirmed = len(self._patterns) + len(self._channels)
        async for message in hear(pubsub, silence_s=silence_s, ask_s=self._ask_s):
            self.heard_at = time.monotonic()
            kind = message["type"]
            if kind in ("message", "pmessage"):
                self._take(message)
            elif kind in ("subscribe", "psubscribe"):
                unconfirmed -= 1
                if unconfirmed == 0:
                    self.connects += 1
                    self._connected.set()
                    log.info("subscribed", connects=self.connects)
                    for begin in self._begins:
                        await begin(client)

    def _take(self, message: dict[str, Any]) -> None:
        """Give a message to who listens. One that cannot be taken in costs nobody else anything."""
        try:
            if message["type"] == "message":
                self._channels[message["channel"]](message["data"])
            else:
                self._patterns[message["pattern"]](message["channel"].decode(), message["data"])
        except Exception:
            log.exception("message_not_taken", channel=message["channel"])

    def _end(self) -> None:
        self.heard_at = -math.inf
        if not self._connected.is_set():
            return
        self._connected.clear()
        for end in self._ends:
            try:
                end()
            except Exception:
                log.exception("end_not_told")
