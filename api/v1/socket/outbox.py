"""What waits to be sent to one client: bounded, and never a reason for others to wait.

A client that reads too slowly misses public messages; once it has caught up it is given the
present state instead (a whole book, the newest trades). Private messages must not be missed: there
the connection ends with a code that says so.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from marketdata.feed.feed import Message, Topic

MESSAGES_MAX: Final = 1_000
# Characters of answers: pushes are the same bytes for all, answers are this client's alone.
ANSWERS_LENGTH_MAX: Final = 1_048_576
# Answers to requests may exceed the bounds by what is in flight, no more (see Connection).
CLOSE_RESYNC: Final = 4008
CLOSE_GONE: Final = 1006

Current = Callable[[Topic], list[Message]]


class Outbox:
    """A ``marketdata.feed.feed.Sink`` with one writer task. All methods run in one event loop."""

    def __init__(self, send: Callable[[Message], Awaitable[None]], current: Current) -> None:
        self._send = send
        self._current = current
        self._queue: deque[Message] = deque()
        # Those of the queue that are answers, and their length.
        self._answers: deque[Message] = deque()
        self._answers_length = 0
        # Public topics that missed something, oldest first.
        self._behind: dict[Topic, None] = {}
        self._waiter: asyncio.Future[None] | None = None
        # Set while the reader waits for the queue to shrink.
        self._room: asyncio.Future[None] | None = None
        self._close_code: int | None = None
        self.conflated = 0

    # --- filling ---

    def push(self, topic: Topic, message: Message) -> None:
        """Queue a push, or note that the topic's client is behind."""
        if self._close_code is not None:
            return
        if len(self._queue) >= MESSAGES_MAX or topic in self._behind:
            self._behind[topic] = None
            self.conflated += 1
            return
        self._queue.append(message)
        self._wake()

    def push_private(self, message: Message) -> None:
        """Queue what must not be skipped: a client too slow for it has to begin anew."""
        if self._close_code is not None:
            return
        if len(self._queue) >= MESSAGES_MAX:
            self.close(CLOSE_RESYNC)
            return
        self._queue.append(message)
        self._wake()

    def lose(self) -> None:
        """End the connection: a private stream has a hole that nothing can fill."""
        self.close(CLOSE_RESYNC)

    def answer(self, message: Message) -> None:
        """Queue the answer to a request."""
        if self._close_code is None:
            self._queue.append(message)
            self._answers.append(message)
            self._answers_length += len(message["text"])
            self._wake()

    def start(self, topic: Topic, messages: list[Message]) -> None:
        """Queue what a new subscription begins with; it counts as up to date from here."""
        self._behind.pop(topic, None)
        for message in messages:
            self.answer(message)

    def forget(self, topic: Topic) -> None:
        """Owe nothing more to a topic that is no longer followed."""
        self._behind.pop(topic, None)

    def close(self, code: int) -> None:
        """Drop what waits and end the connection with ``code``; only the first call counts."""
        if self._close_code is None:
            self._close_code = code
            self._queue.clear()
            self._answers.clear()
            self._answers_length = 0
            self._behind.clear()
            self._free_room()
            self._wake()

    @property
    def is_closing(self) -> bool:
        """Tell whether the connection is ending."""
        return self._close_code is not None

    @property
    def is_full(self) -> bool:
        """Tell whether so much waits that nothing more should be asked."""
        return len(self._queue) >= MESSAGES_MAX or self._answers_length >= ANSWERS_LENGTH_MAX

    async def has_room(self) -> None:
        """Wait until half of the bounds is free, or the connection ends."""
        while not self._is_half_empty and not self.is_closing:
            self._room = asyncio.get_running_loop().create_future()
            await self._room

    @property
    def _is_half_empty(self) -> bool:
        return (
            len(self._queue) <= MESSAGES_MAX // 2
            and self._answers_length <= ANSWERS_LENGTH_MAX // 2
        )

    def __len__(self) -> int:
        return len(self._queue)

    # --- emptying ---

    async def run(self) -> None:
        """Send what is queued, until closed; returns after the closing message is out."""
        queue, send = self._queue, self._send
        while True:
            while queue:
                message = queue.popleft()
                if self._answers and self._answers[0] is message:
                    self._answers.popleft()
                    self._answers_length -= len(message["text"])
                await send(message)
                if self._room is not None and self._is_half_empty:
                    self._free_room()
            if self._close_code is not None:
                await send({"type": "websocket.close", "code": self._close_code})
                return
            if self._behind:
                topic = next(iter(self._behind))
                del self._behind[topic]
                queue.extend(self._current(topic))
                continue
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def _free_room(self) -> None:
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
