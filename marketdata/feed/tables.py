"""The feed's reads of the tables: in threads of its own, on connections that do not linger."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

from django.db import OperationalError, connections

from zavora.foundation import lasting
from zavora.foundation.errors import OutcomeUnknown

THREADS_MAX: Final = 2
# Reads are rare (a start, a gap), and come by the thousand then: one takes over the connection of
# the read before if that is no older. One that lay longer may be that of a server that is gone.
LEFT_OPEN_S: Final = 1.0

P = ParamSpec("P")
R = TypeVar("R")


class TableReader:
    """Runs selectors beside the event loop; at most ``THREADS_MAX`` at a time, the rest wait."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="feed-tables")
        self._waiting = 0  # how many reads nobody has begun; of the event loop's and the threads'
        self._counting = threading.Lock()
        self._ended = threading.local()  # when this thread's last read ended

    async def read(self, selector: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what ``selector`` returns, once it will last; database errors pass through.

        Raises OperationalError where it cannot be said that it will.
        """

        def call() -> R:
            is_good = False
            try:
                self._begin()
                found = selector(*args, **kwargs)
                # Clients rely on what a feed tells: only what will last is told.
                lasting.wait()
                is_good = True
                return found
            except OutcomeUnknown as unknown:
                raise OperationalError(str(unknown)) from None
            finally:
                self._end(is_good=is_good)

        self._count(1)
        job = self._threads.submit(call)
        job.add_done_callback(self._forget_cancelled)
        return await asyncio.wrap_future(job)

    def _count(self, step: int) -> None:
        with self._counting:
            self._waiting += step

    def _forget_cancelled(self, job: "Future[R]") -> None:
        if job.cancelled():
            self._count(-1)

    def _begin(self) -> None:
        self._count(-1)
        if time.monotonic() - getattr(self._ended, "at_s", 0.0) > LEFT_OPEN_S:
            connections.close_all()

    def _end(self, *, is_good: bool) -> None:
        self._ended.at_s = time.monotonic()
        if not (is_good and self._waiting):
            connections.close_all()

    def close(self) -> None:
        """Let running reads end and take no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
