"""How late the event loop is: what holds it up holds up everybody's requests."""

import asyncio
import time
from typing import Final

from zavora.foundation import metrics
from zavora.foundation.ending import end_tasks

PERIOD_S: Final = 0.1


class LoopWatch:
    """Asks to be woken ten times a second, and measures by how much that is late."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start on the running loop, once, and only where somebody can look."""
        if self._task is None and metrics.is_on():
            self._task = asyncio.create_task(_watch(), name="loop-watch")

    async def close(self) -> None:
        """End it."""
        if self._task is not None:
            await end_tasks([self._task])


async def _watch() -> None:
    while True:
        due = time.monotonic() + PERIOD_S
        await asyncio.sleep(PERIOD_S)  # the period, no synchronisation
        metrics.LOOP_DELAY.observe(max(0.0, time.monotonic() - due))
