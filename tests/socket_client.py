"""A WebSocket connection as tests use one: everything it is sent is kept, nothing is polled for."""

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

WAIT_S = 15.0


class SocketClient:
    """Reads in a task of its own; what a message means is for ``take`` to say."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self._news = asyncio.Event()
        self._reader = asyncio.create_task(self._read())

    def take(self, message: Any) -> None:
        """Keep a message."""
        raise NotImplementedError

    async def _read(self) -> None:
        # However the connection ends, the tests look at its close code, not at this task.
        with contextlib.suppress(ConnectionClosed):
            async for text in self.connection:
                assert isinstance(text, str)  # text frames only
                self.take(json.loads(text))
                self._news.set()
        self._news.set()

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Return the first true answer of ``condition``, asked after each message."""
        async with asyncio.timeout(WAIT_S):
            while not (answer := condition()):
                self._news.clear()
                await self._news.wait()
        return answer

    async def closed_with(self, *, timeout_s: float = WAIT_S) -> int | None:
        """Return the code that the exchange ends the connection with; all it sent is read then."""
        await asyncio.wait_for(self.connection.wait_closed(), timeout_s)
        await self._reader
        return self.connection.close_code

    async def end(self) -> None:
        """Close the connection."""
        await self.connection.close()
        await asyncio.gather(self._reader, return_exceptions=True)
