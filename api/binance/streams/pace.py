"""A limit on how often something is told: at once after a pause, else when the period is over."""

import asyncio
from collections.abc import Callable


class Pace:
    """Calls ``tell`` soon after ``wake``, but never twice within a period."""

    __slots__ = ("_due", "_handle", "_loop", "_period_s", "_tell")

    def __init__(self, period_s: float, tell: Callable[[], None]) -> None:
        self._period_s = period_s
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """Have ``tell`` called, unless a call is due already."""
        if self._handle is None:
            self._handle = self._loop.call_at(max(self._due, self._loop.time()), self._run)

    def stop(self) -> None:
        """Call nothing any more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _run(self) -> None:
        self._handle = None
        self._due = self._loop.time() + self._period_s
        self._tell()
