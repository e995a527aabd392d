"""Database look-ups of the edge, in a few threads with connections of their own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

from django.db import close_old_connections

from zavora.foundation import lasting
from zavora.foundation.errors import Overloaded

Result = TypeVar("Result")

THREADS_MAX: Final = 4
# More look-ups than this at once are refused: they would only wait.
WAITING_MAX: Final = 500

_pool: Final = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="edge-db")
_waiting = 0


def _run(
    function: Callable[..., Result], arguments: tuple[Any, ...], named: dict[str, Any]
) -> Result:
    close_old_connections()
    try:
        return function(*arguments, **named)
    finally:
        close_old_connections()


async def in_thread(function: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    """Run a selector or service in a thread. Raises Overloaded where too many wait already."""
    global _waiting
    if _waiting >= WAITING_MAX:
        raise Overloaded("Too many look-ups are waiting.")
    _waiting += 1
    try:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_pool, partial(_run, function, arguments, named))
    finally:
        _waiting -= 1


async def read_lasting(function: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    """Do what ``in_thread`` does with what says "it happened": only what will last is shown.

    Raises OutcomeUnknown where that cannot be said in time (docs/durability.md).
    """
    found = await in_thread(function, *arguments, **named)
    await lasting.wait_async()
    return found
