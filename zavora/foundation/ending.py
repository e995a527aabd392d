"""The end of tasks, also of those that do not hear it the first time.

Until Python 3.12 ``asyncio.wait_for`` forgets a cancellation that comes just as what it waits for
is done, and redis-py sends every command in one. A task that was cancelled then goes on for ever,
and whoever waits for its end with it. So it is said again until it is heard.
"""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

import structlog

log = structlog.get_logger(__name__)

SAID_AGAIN_S: Final = 0.1
SAID_MAX: Final = 30


async def end_tasks(tasks: "Iterable[asyncio.Future[Any]]") -> None:
    """Cancel tasks and wait until they have ended; what they raise is nobody's any more.

    One that does not end within seconds is left to itself, with a line in the log.
    """
    every = list(tasks)
    pending = {task for task in every if not task.done()}
    for _ in range(SAID_MAX):
        if not pending:
            break
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=SAID_AGAIN_S)
    for task in every:
        if task.done() and not task.cancelled():
            task.exception()
    if pending:
        log.error("tasks_do_not_end", tasks=[str(task) for task in pending])
