"""What waits to be sent to one client: bounded. Who reads too slowly is closed, never skipped."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from marketdata.feed.feed import Message

MESSAGES_MAX: Final = 1_000
# Characters of answers: events are the same bytes for all, answers are this client's alone.
ANSWERS_LENGTH_MAX: Final = 1_048_576
CLOSE_GOING: Final = 1001
CLOSE_REFUSED: Final = 1008  # the client broke a rule
CLOSE_LATER: Final = 1013  # try again
GONE: Final = "The client has gone."
SLOW: Final = "You read too slowly."
SILENT: Final = "You neither follow nor say anything."

Send = Callable[[Message], Awaitable[None]]


class Outbox:
    """A queue with one writer. All methods run in one event loop."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._queue: deque[Message] = deque()
        # Those of the queue that are answers, and their length.
        self._answers: deque[Message] = deque()
        self._answers_length = 0
        self._waiter: asyncio.Future[None] | None = None
        # Those who wait for the answers to be taken.
        self._room = asyncio.Event()
        self._room.set()
        self._closing: Message = None

    def push(self, message: Message) -> None:
        """Queue a message; a queue that is full ends the connection."""
        if self._closing is not None:
            return
        if len(self._queue) >= MESSAGES_MAX:
            self.close(CLOSE_REFUSED, SLOW)
            return
        self._queue.append(message)
        self._wake()

    def answer(self, message: Message) -> None:
        """Queue an answer, which counts by its length, too."""
        self.push(message)
        if self._closing is None:
            self._answers.append(message)
            self._answers_length += len(message["text"])
            if self._answers_length >= ANSWERS_LENGTH_MAX:
                self._room.clear()

    @property
    def is_full(self) -> bool:
        """Tell whether so much waits that nothing more should be answered."""
        return len(self._queue) >= MESSAGES_MAX or not self._room.is_set()

    async def has_room(self) -> None:
        """Wait until the client has taken half of its answers, where they were too long."""
        await self._room.wait()

    def close(self, code: int, reason: str) -> None:
        """Drop what waits and end the connection; only the first call counts."""
        if self._closing is None:
            self._closing = {"type": "websocket.close", "code": code, "reason": reason}
            self._queue.clear()
            self._answers.clear()
            self._room.set()
            self._wake()

    def finish(self, code: int, reason: str) -> None:
        """End the connection once what waits by now is sent; only the first call counts."""
        if self._closing is None:
            self._closing = {"type": "websocket.close", "code": code, "reason": reason}
            self._wake()

    @property
    def is_closing(self) -> bool:
        """Tell whether the connection is ending."""
        return self._closing is not None

    def __len__(self) -> int:
        return len(self._queue)

    async def run(self) -> None:
        """Send what is queued, until closed; returns after the closing message is out."""
        queue, send = self._queue, self._send
        while True:
            while queue:
                message = queue.popleft()
                if self._answers and self._answers[0] is message:
                    self._answers.popleft()
                    self._answers_length -= len(message["text"])
                    if self._answers_length <= ANSWERS_LENGTH_MAX // 2:
                        self._room.set()
                await send(message)
            if self._closing is not None:
                await send(self._closing)
                return
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
