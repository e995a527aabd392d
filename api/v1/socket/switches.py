"""Dead-man's switches: cancel everything when a connection, or the client behind it, goes silent.

They live in this process: one that is killed takes its switches with it (docs/market-data.md).
"""

import asyncio
import uuid
from typing import Any, Final

import structlog

from accounts.access.callers import Caller
from api.v1 import orders
from zavora.foundation.errors import ZavoraError

TIMEOUT_MIN_MS: Final = 1_000
TIMEOUT_MAX_MS: Final = 86_400_000
# Cancelling is tried again for this long where the exchange is not available.
ATTEMPTS_MAX: Final = 30
ATTEMPT_PAUSE_S: Final = 2.0

log = structlog.get_logger(__name__)


async def cancel_everything(caller: Caller, *, why: str) -> None:
    """Cancel all open orders of the caller's accounts; what fails is tried again for a while."""
    request_id = str(uuid.uuid4())
    waiting = list(caller.accounts)
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


class Timers:
    """One timer per credential and process; it outlives the connection that set it."""

    def __init__(self) -> None:
        self._timers: dict[tuple[int, int | None], asyncio.TimerHandle] = {}

    def set(self, caller: Caller, timeout_ms: int) -> None:
        """Cancel everything in ``timeout_ms`` unless set again before; 0 ends the timer."""
        name = (caller.user_id, caller.key_id)
        known = self._timers.pop(name, None)
        if known is not None:
            known.cancel()
        if timeout_ms:
            loop = asyncio.get_running_loop()
            self._timers[name] = loop.call_later(timeout_ms / 1_000, self._fire, name, caller)

    def _fire(self, name: tuple[int, int | None], caller: Caller) -> None:
        self._timers.pop(name, None)
        run_detached(cancel_everything(caller, why="timer"))


_detached: Final[set[asyncio.Task[None]]] = set()


def run_detached(work: Any) -> None:
    """Run a coroutine that outlives whoever asked for it."""
    task: asyncio.Task[None] = asyncio.ensure_future(work)
    _detached.add(task)
    task.add_done_callback(_detached.discard)


TIMERS: Final = Timers()
