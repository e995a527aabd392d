"""The way in: submit a command to a shard's worker and wait for the commit.

Nothing here decides anything. A command is queued by one Lua call that also checks that a worker
is alive and the backlog bounded; the answer comes back over this process's reply channel once the
batch has committed. What is certain to be not queued is refused as such (503); what may have been
queued and got no answer in time is looked up by its key, else ``OutcomeUnknown`` (504). Nothing is
ever queued twice by us.
"""

import asyncio
import contextlib
import itertools
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import structlog
from django.conf import settings
from redis.asyncio.connection import Connection
from redis.exceptions import NoScriptError, RedisError

from matching import wire
from matching.commands import encode, kind_of
from matching.commands.base import WireCommand
from matching.gateway import look_ups
from matching.gateway.asking import Asking
from matching.gateway.reply_codes import error_of
from matching.gateway.routing import ShardOf, market_of, unknown
from matching.gateway.script import CANCELS, LOST, SUBMIT_LUA, UNREACHABLE, count
from matching.gateway.waiting import Waiting, give_up, refuse
from matching.markets.selectors import Moved
from zavora.foundation import tracing
from zavora.foundation.ending import end_tasks
from zavora.foundation.errors import (
    EngineUnavailable,
    OutcomeUnknown,
    Overloaded,
    ValidationFailed,
)
from zavora.foundation.queue import Subscription, bare_connection, silence_max_s
from zavora.foundation.setting_values import SettingValue
from zavora.foundation.times import now_ms

log = structlog.get_logger(__name__)

# How many commands one Lua call carries at most: it runs alone in the server meanwhile.
SUBMIT_CALL_MAX: Final = 200
# A connection that rested longer is looked at before a command is trusted to it.
IDLE_CHECK_S: Final = 0.05
# How long a command waits for the channel of its reply, before it is queued.
START_WAIT_S: Final = 2.0
# How long an answer is held back at most until the process shows what it says.
HOLD_MAX_S: Final = 0.25
# How often in a row a shard may say that it does not match what the tables say it does: right after
# the first time it may have been about to adopt it.
REFUSED_MAX: Final = 2
_WAIT_MS: Final = SettingValue("ZAVORA_EDGE_WAIT_MS")


# Event sequences by market; None: everybody can see them already.
WhenShown = Callable[[list[tuple[int, int]]], "asyncio.Future[None] | None"]


class Gateway:
    """One process's (and event loop's) way to the workers.

    ``when_shown`` says when the process shows what the same commit told everybody: answers are
    held back until then. Answers and events come by different ways, and a client that was answered
    and then asks the same process for the book must find its order there.
    """

    def __init__(
        self,
        subscription: Subscription,
        *,
        shard_of: ShardOf = unknown,
        when_shown: WhenShown | None = None,
    ) -> None:
        """Make one that hears its replies by ``subscription``, which is not started yet."""
        self._subscription = subscription
        self._shard_of = shard_of
        self._when_shown = when_shown
        self.process = f"{os.getpid():x}-{secrets.token_hex(6)}"
        self._correlations = itertools.count(1)
        self._replies: dict[int, asyncio.Future[wire.Reply]] = {}
        self._to_queue: list[Waiting] = []
        self._wake = asyncio.Event()
        self._connection: Connection | None = None
        self._script_sha = ""
        self._used_at = 0.0
        self._queueing: asyncio.Task[None] | None = None
        self._routes = Asking(look_ups.find_route_of, lambda route: not route.is_moving)
        self._moves = Asking(look_ups.find_moved_lately, lambda _: True)
        subscription.on(wire.replies_channel(self.process), self._resolve)

    async def close(self) -> None:
        """Queue nothing more; what still waits gets OutcomeUnknown from its own wait."""
        await self._routes.close()
        await self._moves.close()
        if self._queueing is not None:
            await end_tasks([self._queueing])
        if self._connection is not None:
            await self._connection.disconnect()

    # --- submitting ---------------------------------------------------------------------------

    async def submit(
        self, command: WireCommand, *, request_id: str, shard_id: int | None = None
    ) -> wire.Reply:
        """Submit a command to its market's shard and return its reply after the commit.

        ``shard_id`` is for a market that is to be, and for what concerns a whole shard. Raises the
        error of ``zavora.foundation.errors`` that the worker's refusal means (nothing changed);
        ``MarketNotFound``, ``Overloaded`` and ``EngineUnavailable`` where nothing was queued;
        ``OutcomeUnknown`` where it was, or may have been, and no answer came in time.
        """
        if shard_id is not None:
            return _accepted(await self.ask(command, shard_id, request_id))
        known = await self.shard_of(market_of(command))
        reply = await self.ask(command, known, request_id)
        if reply.code == "wrong_shard":
            reply = await self.ask_again(command, known, request_id)
        return _accepted(reply)

    async def ask_again(self, command: WireCommand, asked: int, request_id: str) -> wire.Reply:
        """Ask who matches a command's market by now, after a shard that does not.

        It took no effect there. A market that is being moved is waited for. Raises what ``ask``
        does.
        """
        ends = time.monotonic() + _WAIT_MS.value / 1000
        refused = 1  # in a row, by the shard asked last
        while True:
            shard_id = await self.arrived(market_of(command))
            if shard_id == asked and refused == REFUSED_MAX:
                return wire.Reply("wrong_shard", "the market is not matched now", "wrong_shard")
            refused = refused + 1 if shard_id == asked else 1
            reply = await self.ask(command, shard_id, request_id)
            if reply.code != "wrong_shard" or time.monotonic() > ends:
                return reply
            asked = shard_id

    async def moved_lately(self) -> Moved:
        """Return which markets were moved lately, as of now, once each has arrived.

        For who has asked every shard: one that was under way may have been in none. Raises
        OutcomeUnknown where that cannot be known.
        """
        try:
            moved = await self._moves.get(None, wait_s=_WAIT_MS.value / 1000)
            await asyncio.gather(*map(self.arrived, moved.market_ids))
        except (TimeoutError, EngineUnavailable):
            raise OutcomeUnknown(
                "it took effect, but it is not known in markets that are being moved"
            ) from None
        return moved

    async def arrived(self, market_id: int) -> int:
        """Return a market's shard once it has arrived there, as the tables have it from now on.

        Raises EngineUnavailable where it takes too long.
        """
        try:
            route = await self._routes.get(market_id, wait_s=_WAIT_MS.value / 1000)
        except TimeoutError:
            raise EngineUnavailable(
                "the market is on its way to another shard; nothing took effect"
            ) from None
        return route.shard_id

    async def shard_of(self, market_id: int) -> int:
        """Return a market's shard, as far as is known. Raises MarketNotFound, EngineUnavailable."""
        known = self._shard_of(market_id)
        return (await look_ups.find_route_of(market_id)).shard_id if known is None else known

    async def ask(self, command: WireCommand, shard_id: int, request_id: str) -> wire.Reply:
        """Queue a command and return the worker's reply to it, whatever it says.

        Raises what ``submit`` does, but for what the worker refuses.
        """
        body = encode(command)
        kind = kind_of(command)
        if len(body) > (wire.BATCH_BYTES_MAX if kind.is_several else wire.BODY_BYTES_MAX):
            raise ValidationFailed("the command is too long")
        loop = asyncio.get_running_loop()
        if not self._subscription.is_connected:
            await self._wait_for_replies()
        waiting = Waiting(
            shard_id=shard_id,
            size=CANCELS if kind.is_cancel else b"%d" % len(kind.parts(command)),
            body=body,
            request_id=request_id,
            correlation=next(self._correlations),
            reply=loop.create_future(),
            span=tracing.step("submit", kind="producer"),
        )
        self._replies[waiting.correlation] = waiting.reply
        self._to_queue.append(waiting)
        self._wake.set()
        if self._queueing is None or self._queueing.done():
            self._queueing = asyncio.create_task(self._queue_forever(), name="gateway-queue")
        wait_s = _WAIT_MS.value / 1000
        # One timer for the whole wait; a refusal to queue arrives as an exception of the reply.
        timer = loop.call_later(wait_s, give_up, waiting.reply)
        try:
            return await waiting.reply
        except TimeoutError:
            return await look_ups.find_reply(command)
        finally:
            timer.cancel()
            self._replies.pop(waiting.correlation, None)
            waiting.end()

    async def _wait_for_replies(self) -> None:
        try:
            async with asyncio.timeout(START_WAIT_S):
                await self._subscription.connected()
        except TimeoutError:
            raise EngineUnavailable("the queue is not reachable; nothing was queued") from None

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

    async def _queue(self, shard_id: int, batch: list[Waiting]) -> None:
        """Queue a batch by one call; every command of it learns what is known of it."""
        try:
            connection = await self._connected()
        except (RedisError, OSError) as error:
            log.warning("queue_unreachable", error=str(error))
            refuse(batch, EngineUnavailable("the queue is not reachable; nothing was queued"))
            count(shard_id, [UNREACHABLE] * len(batch))
            return
        arguments: list[Any] = [
            2,
            wire.stream_name(shard_id),
            wire.heartbeat_name(shard_id),
            settings.ZAVORA_BACKLOG_MAX,
            settings.ZAVORA_BACKLOG_MAX + settings.ZAVORA_BACKLOG_MAX // 10,
        ]
        for waiting in batch:
            arguments += waiting.arguments(self.process)
        try:
            results = await self._call(connection, arguments)
        except (RedisError, OSError, TimeoutError) as error:
            # It may have been appended: each keeps waiting for its reply, then looks itself up.
            log.warning("queue_call_lost", error=str(error), commands=len(batch))
            await self._disconnect()
            count(shard_id, [LOST] * len(batch))
            return
        count(shard_id, results)
        for waiting, result in zip(batch, results, strict=True):
            if result == -1:
                refuse([waiting], EngineUnavailable("no worker is running for this market"))
            elif result == 0:
                refuse([waiting], Overloaded("too many commands are waiting"))

    async def _call(self, connection: Connection, arguments: list[Any]) -> list[int]:
        try:
            await connection.send_command("EVALSHA", self._script_sha, *arguments)
            return list(await connection.read_response())
        except NoScriptError:
            # A restarted server forgot the script; this answer means that nothing was done.
            await connection.send_command("EVAL", SUBMIT_LUA, *arguments)
            return list(await connection.read_response())

    async def _connected(self) -> Connection:
        if self._connection is not None and not await self._is_alive(self._connection):
            # It was closed before anything was sent over it: nothing is in doubt.
            await self._disconnect()
        if self._connection is None:
            # Valkey answers within milliseconds; one that hangs longer is as good as gone.
            connection = bare_connection(timeout_s=silence_max_s())
            await connection.connect()
            await connection.send_command("SCRIPT", "LOAD", SUBMIT_LUA)
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

    # --- replies ------------------------------------------------------------------------------

    def _resolve(self, data: bytes) -> None:
        replies = wire.decode_replies(data)
        shown = None if self._when_shown is None else self._when_shown(replies.sequences)
        if shown is None:
            self._answer(replies.items)
            return
        # Whichever comes first answers, and answering again changes nothing.
        timer = asyncio.get_running_loop().call_later(HOLD_MAX_S, self._answer, replies.items)

        def answer(_: object) -> None:
            timer.cancel()
            self._answer(replies.items)

        shown.add_done_callback(answer)

    def _answer(self, items: list[tuple[int, bytes]]) -> None:
        for correlation, encoded in items:
            future = self._replies.get(correlation)
            if future is not None and not future.done():
                future.set_result(wire.decode_reply(encoded))


def _accepted(reply: wire.Reply) -> wire.Reply:
    if reply.code:
        raise error_of(reply)
    return reply


# --- without a web process -------------------------------------------------------------------


@contextlib.asynccontextmanager
async def open_gateway(when_shown: WhenShown | None = None) -> AsyncIterator[Gateway]:
    """Give a gateway with a subscription of its own, for as long as it is used."""
    subscription = Subscription()
    gateway = Gateway(subscription, when_shown=when_shown)
    subscription.start()
    try:
        yield gateway
    finally:
        await gateway.close()
        await subscription.close()


def submit_sync(
    command: WireCommand, *, request_id: str, shard_id: int | None = None
) -> wire.Reply:
    """Submit from a thread that runs no event loop: commands, the admin, celery.

    In an event loop and by a gateway of its own. The web's loop is not borrowed for it: what
    holds that up would hold up the operator, and this gateway's end would be the end of the one
    that everybody's orders wait for. Raises what ``Gateway.submit`` raises.
    """

    async def once() -> wire.Reply:
        async with open_gateway() as gateway:
            return await gateway.submit(command, shard_id=shard_id, request_id=request_id)

    return asyncio.run(once())


def deadline_ms() -> int:
    """Return the Unix time in milliseconds until which the edge will have waited."""
    return now_ms() + int(_WAIT_MS.value)
