"""Reads of the tables that many wait for: one is made for all, and begins after each has asked."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from zavora.foundation.ending import end_tasks

# Between two reads of what is not what is waited for yet.
LOOK_S: Final = 0.01

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")


class Asking(Generic[Key, Found]):
    """Asks ``read`` again and again until what it returns ``is_final``, while anybody waits.

    Those who wait go on in the order in which they asked.
    """

    def __init__(
        self, read: Callable[[Key], Awaitable[Found]], is_final: Callable[[Found], bool]
    ) -> None:
        self._read = read
        self._is_final = is_final
        self._waiting: dict[Key, list[asyncio.Future[Found]]] = {}
        self._tasks: dict[Key, asyncio.Task[None]] = {}

    async def get(self, key: Key, *, wait_s: float) -> Found:
        """Return what is read of a key from now on; raise TimeoutError, and what ``read`` does."""
        future: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(key, []).append(future)
        if key not in self._tasks:
            self._tasks[key] = asyncio.create_task(self._ask(key), name="gateway-asking")
        async with asyncio.timeout(wait_s):
            return await future

    async def close(self) -> None:
        """Ask no more; who waits gets a TimeoutError in time."""
        await end_tasks(list(self._tasks.values()))

    async def _ask(self, key: Key) -> None:
        try:
            while waiting := [f for f in self._waiting.pop(key, []) if not f.done()]:
                try:
                    found = await self._read(key)
                except Exception as error:
                    _fail(waiting, error)
                    continue
                if self._is_final(found):
                    _finish(waiting, found)
                else:
                    self._waiting[key] = waiting + self._waiting.get(key, [])
                    await asyncio.sleep(LOOK_S)
        finally:
            del self._tasks[key]


def _finish(waiting: "list[asyncio.Future[Found]]", found: Found) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(found)


def _fail(waiting: "list[asyncio.Future[Found]]", error: Exception) -> None:
    for future in waiting:
        if not future.done():
            future.set_exception(error)
