"""The way in: submit a command to a shard's worker and wait for the commit.

Nothing here decides anything. A command is queued by one Lua call that also checks that a worker
is alive and the backlog bounded; the answer comes back over this process's reply channel once the
batch has committed. What is certain to be not queued is refused as such (503); what may have been
queued and got no answer in time is looked up by its key, else ``OutcomeUnknown`` (504). Nothing is
ever queued twice by us.
"""

import asyncio
import itertools
import os
import secrets
import time
from collections.abc import Callable
from typing import Any, Final, cast

import msgspec
import redis.asyncio as redis_asyncio
import structlog
from asgiref.sync import async_to_sync, sync_to_async
from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from redis.asyncio.connection import Connection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from matching import wire
from matching.refusals import error_of
from matching.selectors import KeyResult, find_key_result
from zavora.errors import (
    EngineUnavailable,
    OutcomeUnknown,
    Overloaded,
    ValidationFailed,
)
from zavora.setting_values import SettingValue

log = structlog.get_logger(__name__)

# KEYS: stream, heartbeat. ARGV: backlog cap, cap for cancels, then for each command whether it is
# a cancel, body, request id, reply address, correlation. Answers -1 (no worker), 0 (backlog full)
# or 1 (queued) for each.
_SUBMIT_LUA: Final = """
local results = {}
local alive = redis.call('EXISTS', KEYS[2]) == 1
local length = redis.call('XLEN', KEYS[1])
for i = 3, #ARGV, 5 do
    local cap = tonumber(ARGV[ARGV[i] == '1' and 2 or 1])
    if not alive then
        results[#results + 1] = -1
    elseif length >= cap then
        results[#results + 1] = 0
    else
        redis.call('XADD', KEYS[1], '*', 'b', ARGV[i + 1], 'r', ARGV[i + 2],
                   'a', ARGV[i + 3], 'c', ARGV[i + 4])
        length = length + 1
        results[#results + 1] = 1
    end
end
return results
"""
# How many commands one Lua call carries at most: it runs alone in the server meanwhile.
SUBMIT_CALL_MAX: Final = 200
# Valkey answers within milliseconds; one that hangs longer than this is as good as gone.
QUEUE_TIMEOUT_S: Final = 2.0
RECONNECT_WAIT_MAX_S: Final = 1.0
# A connection that rested longer is looked at before a command is trusted to it.
IDLE_CHECK_S: Final = 0.05
# How long the first command of a process waits for its reply channel.
START_WAIT_S: Final = 2.0
_WAIT_MS: Final = SettingValue("ZAVORA_EDGE_WAIT_MS")


class _Waiting(msgspec.Struct, eq=False):
    """A command on its way."""

    shard_id: int
    is_cancel: bool
    body: bytes
    request_id: str
    correlation: int
    queued: "asyncio.Future[int]"
    reply: "asyncio.Future[wire.Reply]"


def _connection() -> Connection:
    """Return an unconnected connection that never repeats a command by itself."""
    pool = redis_asyncio.ConnectionPool.from_url(settings.REDIS_URL)
    options = dict(pool.connection_kwargs)
    options.update(
        retry=Retry(NoBackoff(), 0),
        socket_timeout=QUEUE_TIMEOUT_S,
        socket_connect_timeout=QUEUE_TIMEOUT_S,
        health_check_interval=0,
    )
    connection: Any = pool.connection_class(**options)
    return cast(Connection, connection)


class Gateway:
    """One process's (and event loop's) connection to the workers."""

    def __init__(self) -> None:
        self.process = f"{os.getpid():x}-{secrets.token_hex(6)}"
        self._correlations = itertools.count(1)
        self._replies: dict[int, asyncio.Future[wire.Reply]] = {}
        self._to_queue: list[_Waiting] = []
        self._wake = asyncio.Event()
        self._listening = asyncio.Event()
        self._connection: Connection | None = None
        self._script_sha = ""
        self._used_at = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start the queueing and the listening task."""
        self._tasks = [
            asyncio.create_task(self._queue_forever(), name="gateway-queue"),
            asyncio.create_task(self._listen_forever(), name="gateway-replies"),
        ]

    async def close(self) -> None:
        """End the tasks; what still waits gets OutcomeUnknown from its own wait."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._connection is not None:
            await self._connection.disconnect()

    def is_usable(self) -> bool:
        """Tell whether the tasks run."""
        return bool(self._tasks) and not any(task.done() for task in self._tasks)

    # --- submitting ---------------------------------------------------------------------------

    async def submit(
        self, command: wire.WireCommand, *, shard_id: int, request_id: str
    ) -> wire.Reply:
        """Queue a command and return the worker's reply to it, whatever it says."""
        body = wire.encode(command)
        if len(body) > wire.BODY_BYTES_MAX:
            raise ValidationFailed("the command is too long")
        loop = asyncio.get_running_loop()
        if not self._listening.is_set():
            await self._wait_for_listener()
        waiting = _Waiting(
            shard_id=shard_id,
            is_cancel=isinstance(command, wire.CancelOrder | wire.CancelAllOrders),
            body=body,
            request_id=request_id,
            correlation=next(self._correlations),
            queued=loop.create_future(),
            reply=loop.create_future(),
        )
        self._replies[waiting.correlation] = waiting.reply
        self._to_queue.append(waiting)
        self._wake.set()
        wait_s = _WAIT_MS.value / 1000
        # One timer for the whole wait; a refusal to queue arrives as an exception of the reply.
        timer = loop.call_later(wait_s, _give_up, waiting.reply)
        try:
            return await waiting.reply
        except TimeoutError:
            return await self._look_up(command)
        finally:
            timer.cancel()
            self._replies.pop(waiting.correlation, None)

    async def _wait_for_listener(self) -> None:
        try:
            await asyncio.wait_for(self._listening.wait(), START_WAIT_S)
        except TimeoutError:
            raise EngineUnavailable("the queue is not reachable; nothing was queued") from None

    async def _look_up(self, command: wire.WireCommand) -> wire.Reply:
        """Return the first result of the command's key where it took effect meanwhile."""
        key = getattr(command, "key", None)
        account_id = getattr(command, "account_id", None)
        if key is not None and account_id is not None:
            found = await sync_to_async(_read_key_result, thread_sensitive=False)(account_id, key)
            if found is not None and found.fingerprint == wire.fingerprint(command):
                return wire.decode_reply(found.result)
        raise OutcomeUnknown(
            "the command was queued but not answered in time; look it up before repeating it"
            " without a key"
        )

    # --- queueing -----------------------------------------------------------------------------

    async def _queue_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._to_queue:
                shard_id = self._to_queue[0].shard_id
                batch = [w for w in self._to_queue if w.shard_id == shard_id][:SUBMIT_CALL_MAX]
                taken = set(map(id, batch))
                self._to_queue = [w for w in self._to_queue if id(w) not in taken]
                await self._queue(shard_id, batch)

    async def _queue(self, shard_id: int, batch: list[_Waiting]) -> None:
        """Queue a batch by one call; every command of it learns what is known of it."""
        try:
            connection = await self._connected()
        except (RedisError, OSError) as error:
            log.warning("queue_unreachable", error=str(error))
            _refuse(batch, EngineUnavailable("the queue is not reachable; nothing was queued"))
            return
        arguments: list[Any] = [
            2,
            wire.stream_name(shard_id),
            wire.heartbeat_name(shard_id),
            settings.ZAVORA_BACKLOG_MAX,
            settings.ZAVORA_BACKLOG_MAX + settings.ZAVORA_BACKLOG_MAX // 10,
        ]
        for waiting in batch:
            arguments += (
                b"1" if waiting.is_cancel else b"0",
                waiting.body,
                waiting.request_id,
                self.process,
                waiting.correlation,
            )
        try:
            results = await self._call(connection, arguments)
        except (RedisError, OSError, TimeoutError) as error:
            # It may have been appended: each keeps waiting for its reply, then looks itself up.
            log.warning("queue_call_lost", error=str(error), commands=len(batch))
            await self._disconnect()
            return
        for waiting, result in zip(batch, results, strict=True):
            if result == -1:
                _refuse([waiting], EngineUnavailable("no worker is running for this market"))
            elif result == 0:
                _refuse([waiting], Overloaded("too many commands are waiting"))

    async def _call(self, connection: Connection, arguments: list[Any]) -> list[int]:
        try:
            await connection.send_command("EVALSHA", self._script_sha, *arguments)
            return list(await connection.read_response())
        except NoScriptError:
            # A restarted server forgot the script; this answer means that nothing was done.
            await connection.send_command("EVAL", _SUBMIT_LUA, *arguments)
            return list(await connection.read_response())

    async def _connected(self) -> Connection:
        if self._connection is not None and not await self._is_alive(self._connection):
            # It was closed before anything was sent over it: nothing is in doubt.
            await self._disconnect()
        if self._connection is None:
            connection = _connection()
            await connection.connect()
            await connection.send_command("SCRIPT", "LOAD", _SUBMIT_LUA)
            sha = await connection.read_response()
            self._script_sha = sha.decode() if isinstance(sha, bytes) else str(sha)
            self._connection = connection
        return self._connection

    async def _is_alive(self, connection: Connection) -> bool:
        """Tell whether an idle connection is still open; a busy one shows it by itself."""
        now = time.monotonic()
        idle_s, self._used_at = now - self._used_at, now
        if idle_s < IDLE_CHECK_S:
            return True
        try:
            return not await connection.can_read()
        except (RedisError, OSError, TimeoutError):
            return False

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)

    # --- listening ----------------------------------------------------------------------------

    async def _listen_forever(self) -> None:
        wait_s = 0.05
        while True:
            try:
                await self._listen()
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("replies_lost", error=str(error))
            self._listening.clear()
            await asyncio.sleep(wait_s)  # between attempts to connect, no synchronisation
            wait_s = min(RECONNECT_WAIT_MAX_S, wait_s * 2) if not self._replies else 0.05

    async def _listen(self) -> None:
        client = redis_asyncio.Redis.from_url(
            settings.REDIS_URL, retry=Retry(NoBackoff(), 0), socket_timeout=None,
            socket_connect_timeout=QUEUE_TIMEOUT_S, socket_keepalive=True,
        )  # fmt: skip
        async with client, client.pubsub() as pubsub:
            await pubsub.subscribe(wire.replies_channel(self.process))
            async for message in pubsub.listen():
                if message["type"] == "subscribe":
                    self._listening.set()
                elif message["type"] == "message":
                    self._resolve(message["data"])

    def _resolve(self, data: bytes) -> None:
        replies = wire.decode_replies(data)
        shown = _when_shown(replies.sequences)
        if shown is None:
            self._answer(replies.items)
        else:
            shown.add_done_callback(lambda _: self._answer(replies.items))

    def _answer(self, items: list[tuple[int, bytes]]) -> None:
        for correlation, encoded in items:
            future = self._replies.get(correlation)
            if future is not None and not future.done():
                future.set_result(wire.decode_reply(encoded))


def _read_key_result(account_id: int, key: str) -> KeyResult | None:
    """Return what a key is bound to; None also where the tables cannot be asked just now."""
    close_old_connections()
    try:
        return find_key_result(account_id=account_id, key=key)
    except (DatabaseError, InterfaceError) as error:
        log.warning("look_up_failed", error=str(error).strip())
        return None
    finally:
        close_old_connections()


def _give_up(reply: "asyncio.Future[wire.Reply]") -> None:
    if not reply.done():
        reply.set_exception(TimeoutError())


def _refuse(batch: list[_Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.reply.done():
            waiting.reply.set_exception(error)


# --- answers and what else the process shows ---

# Event sequences by market; None: everybody can see them already.
WhenShown = Callable[[list[tuple[int, int]]], "asyncio.Future[None] | None"]


def _at_once(_: list[tuple[int, int]]) -> None:
    return None


_when_shown: WhenShown = _at_once


def answer_after(when_shown: WhenShown) -> None:
    """Hold answers back until the process shows what the same commit told everybody.

    Answers and events come by different ways. A client that was answered and then asks the same
    process for the book must find its order there.
    """
    global _when_shown
    _when_shown = when_shown


# --- the process's gateway -------------------------------------------------------------------

_gateways: dict[asyncio.AbstractEventLoop, Gateway] = {}


async def ensure_started() -> Gateway:
    """Return the running loop's gateway, started the first time; cheap ever after."""
    loop = asyncio.get_running_loop()
    gateway = _gateways.get(loop)
    if gateway is None or not gateway.is_usable():
        gateway = Gateway()
        _gateways[loop] = gateway
        await gateway.start()
    return gateway


async def close() -> None:
    """Stop the running loop's gateway."""
    gateway = _gateways.pop(asyncio.get_running_loop(), None)
    if gateway is not None:
        await gateway.close()


async def submit(command: wire.WireCommand, *, shard_id: int, request_id: str) -> wire.Reply:
    """Submit a command and return its reply after the commit.

    Raises the error of ``zavora.errors`` that the worker's refusal means (nothing changed);
    ``Overloaded`` and ``EngineUnavailable`` where nothing was queued; ``OutcomeUnknown`` where it
    was, or may have been, and no answer came in time.
    """
    gateway = await ensure_started()
    reply = await gateway.submit(command, shard_id=shard_id, request_id=request_id)
    if reply.code:
        raise error_of(reply)
    return reply


def submit_sync(command: wire.WireCommand, *, shard_id: int, request_id: str) -> wire.Reply:
    """Submit from a thread that runs no event loop: commands, the admin, celery."""

    async def once() -> wire.Reply:
        try:
            return await submit(command, shard_id=shard_id, request_id=request_id)
        finally:
            await close()

    return async_to_sync(once)()


def deadline_ms() -> int:
    """Return the Unix time in milliseconds until which the edge will have waited."""
    return time.time_ns() // 1_000_000 + int(_WAIT_MS.value)
