"""What a connection leaves to be done: cancel everything once it has ended.

It lives in this process: one that is killed takes it along (docs/market-data.md). The timers of
``cancelAllAfter`` do not: the worker keeps them.
"""

import asyncio
import uuid
from collections.abc import Coroutine
from typing import Any, Final

import structlog

from accounts.access.callers import Caller
from api.process import WebProcess
from api.v1 import orders
from zavora.foundation.ending import end_tasks
from zavora.foundation.errors import ZavoraError

# Cancelling is tried again for this long where the exchange is not available.
ATTEMPTS_MAX: Final = 30
ATTEMPT_PAUSE_S: Final = 2.0
# How long a process that ends waits for them.
CLOSE_WAIT_S: Final = 1.0

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

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run what outlives whoever asked for it."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def close(self) -> None:
        """End what is under way; that of connections just closed has a moment for it."""
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSE_WAIT_S)
        await end_tasks(self._running)
