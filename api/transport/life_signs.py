"""What each web process says of itself: that it is well, and of which version.

Behind one port, or one balancer, nobody can ask a certain process. So each writes signs into the
queue's store that end by themselves: whoever is asked how the exchange is reads those of the
processes on its port, and an upgrade those of all.
"""

import asyncio
import contextlib
import uuid
from collections.abc import Callable
from typing import Final

from redis.exceptions import RedisError

from zavora.foundation.ending import end_tasks
from zavora.foundation.queue import WEB_KEY, connect_async, web_name, web_version_name
from zavora.foundation.setting_values import SettingValue
from zavora.foundation.versions import VERSION

PERIOD_S: Final = 0.5
# A sign that is older says nothing: its process has gone, or does nothing else either.
SIGN_MS: Final = 2_500
TIMEOUT_S: Final = 1.0
_NAME: Final = SettingValue("ZAVORA_WEB_NAME")


class LifeSigns:
    """The signs of one process; where it is the only one on its port, of its version alone."""

    def __init__(self, is_live: Callable[[], bool]) -> None:
        """Say so while ``is_live`` says so."""
        self._is_live = is_live
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to write, on the running loop, once."""
        if self._task is None:
            self._task = asyncio.create_task(self._write_forever(), name="life-signs")

    async def close(self) -> None:
        """Write no more; the last sign ends by itself."""
        if self._task is not None:
            await end_tasks([self._task])
            self._task = None

    async def _write_forever(self) -> None:
        signs = {web_version_name(uuid.uuid4().hex): VERSION, WEB_KEY: "up"}
        if _NAME.value:
            signs[web_name(_NAME.value)] = "up"
        async with connect_async(timeout_s=TIMEOUT_S) as client:
            while True:
                if self._is_live():
                    # Where the queue is away, whoever asks finds that out.
                    with contextlib.suppress(RedisError, OSError, TimeoutError):
                        for key, sign in signs.items():
                            await client.set(key, sign, px=SIGN_MS)
                await asyncio.sleep(PERIOD_S)  # the period, no synchronisation
