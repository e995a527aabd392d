"""The feed's reads of the tables: in threads of its own, on connections that do not linger."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from django.db import OperationalError, connections

from zavora.foundation import lasting
from zavora.foundation.errors import OutcomeUnknown

THREADS_MAX: Final = 2

P = ParamSpec("P")
R = TypeVar("R")


class TableReader:
    """Runs selectors beside the event loop; at most ``THREADS_MAX`` at a time, the rest wait."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="feed-tables")

    async def read(self, selector: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what ``selector`` returns, once it will last; database errors pass through.

        Raises OperationalError where it cannot be said that it will.
        """

        def call() -> R:
            # Reads are rare (a start, a gap): a connection kept would only be stale next time.
            connections.close_all()
            try:
                found = selector(*args, **kwargs)
                # Clients rely on what a feed tells: only what will last is told.
                lasting.wait()
                return found
            except OutcomeUnknown as unknown:
                raise OperationalError(str(unknown)) from None
            finally:
                connections.close_all()

        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def close(self) -> None:
        """Let running reads end and take no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
