"""When keys were last used, and from where: noted in memory, written a moment later, and not often.

Nobody waits for it. A key is written at most once a minute by all processes together; what is lost
with a process, or while the tables are away, is the last use of some minute.
"""

import asyncio
import time
from collections import OrderedDict
from typing import Final

import structlog

from accounts.access.callers import Caller
from accounts.keys.last_uses import PERIOD_S, KeyUse, write_last_uses
from api.transport.threads import in_thread
from zavora.foundation.ending import end_tasks
from zavora.foundation.times import now_us

log = structlog.get_logger(__name__)

# How soon it is written.
DELAY_S: Final = 2.0
# How many wait to be written at most; the next ones are noted a minute later.
WAITING_MAX: Final = 1_000
# Of how many keys it is remembered that this minute is noted.
NOTED_MAX: Final = 50_000


class KeyUses:
    """What one process noted."""

    def __init__(self) -> None:
        self._noted: OrderedDict[int, float] = OrderedDict()
        self._waiting: dict[int, KeyUse] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write, on the running loop, once."""
        if self._task is None:
            self._task = asyncio.create_task(self._write_forever(), name="key-uses")

    async def close(self) -> None:
        """Write what waits, and end."""
        if self._task is not None:
            await end_tasks([self._task])
            await self.write()

    def note(self, caller: Caller, ip: str) -> None:
        """Note that a caller's key was used from an address; of any thread, and of sessions, too.

        What is of no key is passed over.
        """
        key_id = caller.key_id
        if key_id is None:
            return
        now = time.monotonic()
        noted_at = self._noted.get(key_id)
        if noted_at is not None and now - noted_at < PERIOD_S:
            return
        if len(self._waiting) >= WAITING_MAX:
            return
        self._noted[key_id] = now
        if len(self._noted) > NOTED_MAX:
            self._noted.popitem(last=False)
        self._waiting[key_id] = KeyUse(key_id, ip, now_us())

    async def write(self) -> None:
        """Write what waits; what cannot be written is forgotten."""
        waiting, self._waiting = self._waiting, {}
        if not waiting:
            return
        try:
            await in_thread(write_last_uses, list(waiting.values()))
        except Exception as error:
            log.warning("key_uses_not_written", error=str(error), count=len(waiting))

    async def _write_forever(self) -> None:
        while True:
            await asyncio.sleep(DELAY_S)  # the period, no synchronisation
            await self.write()
