"""One connection to the WebSocket: requests with their answers; what is pushed is handed on."""

import asyncio
import itertools
from collections.abc import Callable
from typing import Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from zavora.core.exchanges import Answer, NoAnswer
from zavora.errors import Unreadable
from zavora.live import messages
from zavora.live.messages import Push

OnPush = Callable[[str, Push], None]
OnAnswer = Callable[[Answer], None]

# The exchange reads no more orders of a connection while so many are in flight.
IN_FLIGHT_MAX: Final = 100


class Link:
    """A connection that is open. ``read`` runs until it ends."""

    def __init__(self, socket: ClientConnection, on_push: OnPush) -> None:
        self._socket = socket
        self._on_push = on_push
        self._numbers = itertools.count(1)
        self._asked: dict[str, tuple[asyncio.Future[Answer | NoAnswer], OnAnswer | None]] = {}
        self._slots = asyncio.Semaphore(IN_FLIGHT_MAX)

    async def read(self) -> None:
        """Hand on what comes. Raises ConnectionClosed, or Unreadable."""
        try:
            while True:
                self._take(messages.read(await self._socket.recv()))
        finally:
            self._lose("the connection ended")

    async def ask(
        self, method: str, params: Any, *, timeout_s: float, on_answer: OnAnswer | None = None
    ) -> Answer | NoAnswer:
        """Send a request and return what came of it.

        `on_answer` is called before anything is handed on that comes after the answer.
        """
        async with self._slots:
            request_id = str(next(self._numbers))
            future: asyncio.Future[Answer | NoAnswer] = asyncio.get_running_loop().create_future()
            self._asked[request_id] = future, on_answer
            try:
                async with asyncio.timeout(timeout_s):
                    await self._socket.send(messages.request(request_id, method, params))
                    return await future
            except TimeoutError:
                return NoAnswer(True, f"not within {timeout_s:g} s")
            except (ConnectionClosed, WebSocketException, OSError) as error:
                return NoAnswer(True, str(error))
            finally:
                self._asked.pop(request_id, None)

    def _take(self, message: messages.Incoming) -> None:
        if message.method is not None and message.params is not None:
            self._on_push(message.method, message.params)
            return
        future, on_answer = self._asked.pop(str(message.id), (None, None))
        if future is not None and not future.done():
            answer = messages.answer_of(message)
            if on_answer is not None:
                on_answer(answer)
            future.set_result(answer)
        elif message.error is not None and str(message.id) == "0":
            raise Unreadable(f"the exchange cannot read us: {message.error.message}")

    def _lose(self, why: str) -> None:
        for future, _ in self._asked.values():
            if not future.done():
                future.set_result(NoAnswer(True, why))
        self._asked.clear()
