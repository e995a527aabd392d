"""Whether a signed request has come before: the same one counts once, in whichever web process.

What is remembered is the digest of what was signed with the key, not the signature, which can be
spelled in several ways. Marks stand in the queue's server, in a set for each key and ten seconds of
its timestamps, which goes when none of them could be sent any more; each process keeps its own
marks, too. Where the server does not answer, what writes is refused and what reads is let in by
what this process alone remembers.

A server that lost its marks begins anew: what was signed before that moment might have come
already, so it is refused. Such a server is known by its lack of the script that judges. Scripts are
in no snapshot, log or replica of Redis 7 and Valkey, marks are: one that started again with those
of a minute before, or a replica that took over without the newest, would else know nothing of it.
"""

import asyncio
import threading
import time
from collections import OrderedDict
from hashlib import blake2b, sha1
from typing import Any, Final, NamedTuple

import redis.asyncio as redis_asyncio
import structlog
from redis.exceptions import NoScriptError, RedisError

from accounts.redis_client import get_redis
from zavora.foundation.ending import end_tasks
from zavora.foundation.errors import EngineUnavailable, RateLimited, Unauthorized
from zavora.foundation.queue import connect_async
from zavora.foundation.times import now_ms

log = structlog.get_logger(__name__)

SLOT_MS: Final = 10_000
# How old what was signed may be at most, how far ahead of a web process's clock, and how far these
# clocks may be apart.
WINDOW_MAX_MS: Final = 60_000
AHEAD_MAX_MS: Final = 1_000
CLOCKS_MS: Final = 1_000
KEPT_MS: Final = SLOT_MS + WINDOW_MAX_MS + AHEAD_MAX_MS + CLOCKS_MS
SLOTS_MAX: Final = KEPT_MS // SLOT_MS + 1
# Marks of one key in one slot in the server, and of all keys in one slot here.
MARKS_MAX: Final = 20_000
TIMEOUT_S: Final = 1.0
# How long a server that failed is left alone.
LEFT_ALONE_S: Final = 1.0
BATCH_MAX: Final = 500
SINCE_KEY: Final = "{signed}:since"

NEW, SEEN, FULL, UNSURE = range(4)
_JUDGE: Final = f"""
local since = redis.call('GET', KEYS[2])
if not since then
  since = ARGV[3]
  redis.call('SET', KEYS[2], since)
end
if tonumber(ARGV[2]) < tonumber(since) then return {UNSURE} end
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then return {SEEN} end
local count = redis.call('SCARD', KEYS[1])
if count >= {MARKS_MAX} then return {FULL} end
redis.call('SADD', KEYS[1], ARGV[1])
if count == 0 then redis.call('PEXPIRE', KEYS[1], {KEPT_MS}) end
return {NEW}
"""
_JUDGE_ID: Final = sha1(_JUDGE.encode(), usedforsecurity=False).hexdigest()

_GONE: Final = (RedisError, OSError, TimeoutError)


class Mark(NamedTuple):
    """By what a signed request is known again: its key, its time and the digest of its text."""

    key_id: int | None
    timestamp_ms: int
    digest: bytes

    @classmethod
    def of(cls, key_id: int | None, timestamp_ms: int, text: bytes) -> "Mark":
        """Return the mark of a text that a key signed."""
        return cls(key_id, timestamp_ms, blake2b(text, digest_size=16).digest())

    @property
    def slot(self) -> int:
        """Return in which ten seconds it was signed."""
        return self.timestamp_ms // SLOT_MS

    def question(self) -> tuple[Any, ...]:
        """Return the script's name with its keys and arguments."""
        name = f"{{signed}}:{self.key_id}:{self.slot}"
        return _JUDGE_ID, 2, name, SINCE_KEY, self.digest, self.timestamp_ms, _beginning_ms()


def _beginning_ms() -> int:
    """Return from when on what is signed cannot have come before a memory that begins now.

    Timestamps run ahead: one of the next second may have been taken and forgotten.
    """
    return now_ms() + AHEAD_MAX_MS + CLOCKS_MS


def _let_begin(pipeline: Any) -> Any:
    """Add to a transaction what lets the server's memory begin now; return it."""
    pipeline.set(SINCE_KEY, _beginning_ms())
    pipeline.execute_command("SCRIPT LOAD", _JUDGE)
    return pipeline


class SeenHere:
    """The marks that this process took, of any thread. Bounded: beyond that the server counts."""

    def __init__(self) -> None:
        self._slots: OrderedDict[int, set[tuple[int | None, bytes]]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, mark: Mark) -> bool:
        """Keep a mark; False where it was kept before."""
        name = (mark.key_id, mark.digest)
        with self._lock:
            kept = self._slots.get(mark.slot)
            if kept is None:
                self._drop_old(mark.slot)
                kept = self._slots[mark.slot] = set()
            if name in kept:
                return False
            if len(kept) < MARKS_MAX:
                kept.add(name)
            return True

    def _drop_old(self, newest: int) -> None:
        for slot in [slot for slot in self._slots if slot <= newest - SLOTS_MAX]:
            del self._slots[slot]

    def __len__(self) -> int:
        return sum(map(len, self._slots.values()))


SEEN_HERE: Final = SeenHere()


def _require_new_here(mark: Mark, seen: SeenHere) -> None:
    if not seen.add(mark):
        raise _replayed()


def _replayed() -> Unauthorized:
    return Unauthorized("This signed request came before: sign anew.", reason="replayed")


def _judge(verdict: int) -> None:
    """Raise what the server's verdict means, unless the request is new."""
    if verdict == SEEN:
        raise _replayed()
    if verdict == FULL:
        raise RateLimited("Too many signed requests at a time.", retry_after=SLOT_MS // 1_000)
    if verdict == UNSURE:
        raise Unauthorized(
            "This was signed before the memory of requests began: sign anew.", reason="too_old"
        )


def _judge_without_server(error: Exception | None, *, is_write: bool) -> None:
    if error is not None:
        log.warning("replays_not_shared", error=str(error))
    if is_write:
        raise EngineUnavailable("Whether this came before cannot be told right now: sign it anew.")


class _Absence:
    """When a server that failed may be asked again."""

    def __init__(self) -> None:
        self._until = 0.0

    @property
    def is_now(self) -> bool:
        return time.monotonic() < self._until

    def begin(self) -> None:
        self._until = time.monotonic() + LEFT_ALONE_S


# --- in threads -----------------------------------------------------------------------------------

_absence_of_threads: Final = _Absence()


def require_new(mark: Mark, *, is_write: bool) -> None:
    """Raise Unauthorized for what came before; also as ``ReplayGuard.require_new``. For threads."""
    _require_new_here(mark, SEEN_HERE)
    if _absence_of_threads.is_now:
        _judge_without_server(None, is_write=is_write)
        return
    try:
        verdict = _asked_in_thread(mark)
    except _GONE as error:
        _absence_of_threads.begin()
        _judge_without_server(error, is_write=is_write)
        return
    _judge(verdict)


def _asked_in_thread(mark: Mark) -> int:
    server: Any = get_redis()
    try:
        return int(server.evalsha(*mark.question()))
    except NoScriptError:
        _let_begin(server.pipeline()).execute()
        return int(server.evalsha(*mark.question()))


# --- in the event loop ----------------------------------------------------------------------------

_Waiting = tuple[Mark, "asyncio.Future[int]"]


class ReplayGuard:
    """Asks the server for the event loop: what waits at a time goes in one round trip."""

    def __init__(self, seen: SeenHere = SEEN_HERE) -> None:
        self._seen = seen
        self._client: redis_asyncio.Redis | None = None
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None
        self._beginning: asyncio.Task[None] | None = None
        self._absence = _Absence()

    def start(self) -> None:
        """Let the memory begin now, unless it has; on the running loop, once."""
        if self._beginning is None:
            self._beginning = asyncio.create_task(self._begin(), name="replays-begin")

    async def require_new(self, mark: Mark, *, is_write: bool) -> None:
        """Raise Unauthorized for what came before, RateLimited for too much of one key at a time.

        Without the server: EngineUnavailable for what writes; what reads is looked up here alone.
        """
        _require_new_here(mark, self._seen)
        if self._absence.is_now:
            _judge_without_server(None, is_write=is_write)
            return
        waiting: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._begin_to_ask(mark, waiting)
        try:
            verdict = await waiting
        except _GONE as error:
            _judge_without_server(error, is_write=is_write)
            return
        _judge(verdict)

    def note(self, mark: Mark) -> None:
        """Let what reads, and may come again, count as come before for what writes; wait not."""
        if not self._seen.add(mark) or self._absence.is_now:
            return
        noted: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        noted.add_done_callback(_forget_outcome)
        self._begin_to_ask(mark, noted)

    def _begin_to_ask(self, mark: Mark, waiting: "asyncio.Future[int]") -> None:
        self._waiting.append((mark, waiting))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._ask(), name="replays")

    async def close(self) -> None:
        """End what is under way, and the connection."""
        await end_tasks(task for task in (self._beginning, self._task) if task is not None)
        for _, waiting in self._waiting:
            waiting.cancel()
        if self._client is not None:
            await self._client.aclose()

    async def _begin(self) -> None:
        while True:
            try:
                if not (await self._connected().script_exists(_JUDGE_ID))[0]:
                    await self._begin_anew()
            except _GONE:
                await asyncio.sleep(LEFT_ALONE_S)  # the period, no synchronisation
            else:
                return

    async def _begin_anew(self) -> None:
        await _let_begin(self._connected().pipeline(transaction=True)).execute()

    def _connected(self) -> redis_asyncio.Redis:
        if self._client is None:
            self._client = connect_async(timeout_s=TIMEOUT_S)
        return self._client

    async def _ask(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:BATCH_MAX], self._waiting[BATCH_MAX:]
            try:
                verdicts: list[Any] = await self._verdicts([mark for mark, _ in batch])
            except _GONE as error:
                self._absence.begin()
                _fail(batch, error)
                continue
            except asyncio.CancelledError:
                _fail(batch, OSError("the process ends"))
                raise
            for (_, waiting), verdict in zip(batch, verdicts, strict=True):
                if not waiting.done():
                    waiting.set_result(int(verdict))

    async def _verdicts(self, marks: list[Mark]) -> list[int]:
        """Return the server's verdicts; what it could not judge, once more after a beginning."""
        verdicts = await self._asked(marks)
        unjudged = [
            mark
            for mark, verdict in zip(marks, verdicts, strict=True)
            if isinstance(verdict, NoScriptError)
        ]
        if unjudged:
            await self._begin_anew()
            anew = iter(await self._asked(unjudged))
            verdicts = [next(anew) if isinstance(one, NoScriptError) else one for one in verdicts]
        for verdict in verdicts:
            if isinstance(verdict, Exception):
                raise verdict
        return [int(verdict) for verdict in verdicts]

    async def _asked(self, marks: list[Mark]) -> list[Any]:
        pipeline = self._connected().pipeline(transaction=False)
        for mark in marks:
            pipeline.evalsha(*mark.question())
        return await pipeline.execute(raise_on_error=False)


def _forget_outcome(noted: "asyncio.Future[int]") -> None:
    if not noted.cancelled():
        noted.exception()  # else the loop complains that nobody asked


def _fail(batch: list[_Waiting], error: Exception) -> None:
    for _, waiting in batch:
        if not waiting.done():
            waiting.set_exception(error)
