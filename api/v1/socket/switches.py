"""What a connection leaves to be done: cancel everything once it has ended.

This process does so at once. Should it end with the connection, the workers do: each keeps a switch
in the connection's name, which this process puts off for as long as the connection lives.
"""

import asyncio
import contextlib
import secrets
import uuid
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

import structlog

from accounts.access.callers import Caller
from api.process import WebProcess, web_process
from api.v1 import orders
from zavora.foundation.ending import end_tasks
from zavora.foundation.errors import ZavoraError

# Cancelling is tried again for this long where the exchange is not available.
ATTEMPTS_MAX: Final = 30
ATTEMPT_PAUSE_S: Final = 2.0
# How long a process that ends waits for them.
CLOSE_WAIT_S: Final = 1.0
# When the workers cancel, if nobody puts it off, and how often that is done: two of three may fail.
SWITCH_MS: Final = 15_000
PUT_OFF_EVERY_S: Final = 5.0
# Names of connections stand above those of keys.
_CONNECTIONS: Final = 1 << 62

log = structlog.get_logger(__name__)


async def cancel_everything(caller: Caller, *, why: str) -> None:
    """Cancel all open orders of the caller's accounts; what fails is tried again for a while."""
    request_id = str(uuid.uuid4())
    waiting = list(caller.meant_by_all)
    for attempt in range(ATTEMPTS_MAX):
        if attempt:
            await asyncio.sleep(ATTEMPT_PAUSE_S)
        results = await asyncio.gather(
            *(_cancel_account(caller, account_id, request_id) for account_id in waiting)
        )
        waiting = [
            account_id for account_id, done in zip(waiting, results, strict=True) if not done
        ]
        if not waiting:
            log.info("switch_cancelled_all", why=why, user_id=caller.user_id, request_id=request_id)
            return
    log.error("switch_failed", why=why, user_id=caller.user_id, request_id=request_id)


async def _cancel_account(caller: Caller, account_id: uuid.UUID, request_id: str) -> bool:
    try:
        items = await orders.cancel_all(caller, {"account": str(account_id)}, request_id=request_id)
    except ZavoraError as error:
        log.warning("switch_waits", code=error.code, request_id=request_id)
        return False
    return not any("error" in item for item in items)


class Switches:
    """The cancelling that is under way; it outlives the connection that left it to be done."""

    def __init__(self, _process: WebProcess) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run what outlives whoever asked for it; return its task."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def close(self) -> None:
        """End what is under way; that of connections just closed has a moment for it."""
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSE_WAIT_S)
        await end_tasks(self._running)


class DisconnectSwitch:
    """A connection's ``cancelOnDisconnect``. ``caller``: who it is of by now."""

    def __init__(self, caller: Callable[[], Caller]) -> None:
        self._caller = caller
        self._name = _CONNECTIONS | secrets.randbits(61)
        # The accounts of which a worker may have a switch.
        self._accounts: set[int] = set()
        self._ending = asyncio.Event()
        self._cancels = False
        self._keeping: asyncio.Task[None] | None = None

    async def turn_on(self, *, request_id: str) -> None:
        """Have the workers know of it, and keep it from firing. Raises what ``submit`` raises."""
        if self._keeping is not None:
            return
        await self._put_off(request_id)
        self._ending.clear()
        self._keeping = web_process().part(Switches).run(self._keep())

    async def turn_off(self, *, request_id: str) -> None:
        """Have the workers forget it. Raises what ``submit`` raises: then it may still fire."""
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            self._ending.set()
            await asyncio.wait([keeping])
        await self._clear(self._accounts, request_id)

    def fire(self) -> None:
        """Cancel everything, if it is on: the connection has ended."""
        self._cancels = True
        self._ending.set()

    async def _keep(self) -> None:
        """Put it off again and again; then cancel, and let the workers forget it.

        One after the other, so that nothing puts it off that was called off.
        """
        while not self._ending.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PUT_OFF_EVERY_S):
                    await self._ending.wait()
            if not self._ending.is_set():
                await self._try(self._put_off)
        if self._cancels:
            await cancel_everything(self._caller(), why="disconnect")
            await self._try(self._forget)

    async def _put_off(self, request_id: str) -> None:
        accounts = set(self._caller().meant_by_all.values())
        gone = self._accounts - accounts
        self._accounts |= accounts
        await orders.set_timers(accounts, self._name, SWITCH_MS, request_id=request_id)
        await self._clear(gone, request_id)

    async def _forget(self, request_id: str) -> None:
        await self._clear(self._accounts, request_id)

    async def _clear(self, accounts: Iterable[int], request_id: str) -> None:
        cleared = set(accounts)
        if cleared:
            await orders.set_timers(cleared, self._name, 0, request_id=request_id)
            self._accounts -= cleared

    async def _try(self, work: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        request_id = str(uuid.uuid4())
        try:
            await work(request_id)
        except ZavoraError as error:
            log.warning("switch_not_put_off", code=error.code, request_id=request_id)
