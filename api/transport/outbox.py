"""What waits to be sent to one client: bounded, and never a reason for others to wait.

Some messages are replaced by newer ones of their topic (a book): a client that reads too slowly
misses those, and once it has caught up it is given the present state instead. Others must not be
missed (a fill): there the connection ends with a code that says so. Which is which, and what a
client has to expect that reads none of its answers, each API says by its ``Policy``.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any, Final, NamedTuple

from marketdata.feed.topics import Message, Topic

MESSAGES_MAX: Final = 1_000
# Characters of answers: pushes are the same bytes for all, answers are this client's alone.
ANSWERS_LENGTH_MAX: Final = 1_048_576

Send = Callable[[Message], Awaitable[None]]
Current = Callable[[Topic], list[Message]]


class Closing(NamedTuple):
    """How a connection ends; ``why`` is what it is counted under, and told nobody."""

    code: int
    reason: str = ""
    why: str = "refused"

    def frame(self) -> Message:
        """Return the ASGI message of it."""
        frame: dict[str, Any] = {"type": "websocket.close", "code": self.code}
        if self.reason:
            frame["reason"] = self.reason
        return frame


class Patience(Enum):
    """What is waited for before more is read of a client that reads no answers."""

    # Nothing: the API refuses, or ends the connection.
    NONE = "none"
    # The length of its answers. As many answers as there may be messages end the connection.
    LENGTH = "length"
    # Length and number, so that no answer ends the connection: answers may pass the bound by what
    # is in flight, no more (see ``websocket``).
    ALL = "all"


class Policy(NamedTuple):
    """How one API treats clients that read too slowly. ``slow``: what is told them at the end."""

    slow: Closing
    patience: Patience


class Outbox:
    """A queue with one writer; a ``Sink`` of the feed. All methods run in one event loop.

    ``current`` returns what brings a client up to date that missed messages of a topic.
    """

    def __init__(self, send: Send, policy: Policy, current: Current | None = None) -> None:
        self._send = send
        self._policy = policy
        self._current = current
        self._queue: deque[Message] = deque()
        # Those of the queue that are answers, and their length.
        self._answers: deque[Message] = deque()
        self._answers_length = 0
        # Topics that missed something, oldest first.
        self._behind: dict[Topic, None] = {}
        self._waiter: asyncio.Future[None] | None = None
        # Not set while so much waits that nothing more is read.
        self._room = asyncio.Event()
        self._room.set()
        self._closing: Closing | None = None
        self.conflated = 0
        # Messages queued since the beginning that are no answers.
        self.pushes = 0

    # --- filling ---

    def push(self, topic: Topic, message: Message) -> None:
        """Queue what a newer message of the topic replaces, or note that the client is behind."""
        if self._closing is not None:
            return
        if len(self._queue) >= MESSAGES_MAX or topic in self._behind:
            self._behind[topic] = None
            self.conflated += 1
            return
        self.pushes += 1
        self._queue.append(message)
        self._wake()

    def deliver(self, message: Message) -> None:
        """Queue what must not be skipped: a client too slow for it has to begin anew."""
        if self._closing is not None:
            return
        if len(self._queue) >= MESSAGES_MAX:
            self.close(self._policy.slow)
            return
        self.pushes += 1
        self._queue.append(message)
        self._wake()

    def answer(self, message: Message) -> None:
        """Queue the answer to a request, which counts by its length, too."""
        if self._policy.patience is Patience.ALL:
            if self._closing is not None:
                return
            self._queue.append(message)
            self._wake()
        else:
            self.deliver(message)
            if self._closing is not None:
                return
            self.pushes -= 1
        self._answers.append(message)
        self._answers_length += len(message["text"])
        if self._answers_length >= ANSWERS_LENGTH_MAX:
            self._room.clear()

    def start(self, topic: Topic, messages: list[Message]) -> None:
        """Queue what a new subscription begins with; it counts as up to date from here."""
        self._behind.pop(topic, None)
        for message in messages:
            self.answer(message)
        self.pushes += len(messages)

    def forget(self, topic: Topic) -> None:
        """Owe nothing more to a topic that is no longer followed."""
        self._behind.pop(topic, None)

    # --- the end ---

    def lose(self) -> None:
        """End the connection: what must not be missed has a hole that nothing can fill."""
        self.close(self._policy.slow)

    def close(self, closing: Closing) -> None:
        """Drop what waits and end the connection; the first call says how."""
        self._queue.clear()
        self._answers.clear()
        self._answers_length = 0
        self._behind.clear()
        self._room.set()
        self.finish(closing)

    def finish(self, closing: Closing) -> None:
        """End the connection once what waits by now is sent; the first call says how."""
        if self._closing is None:
            self._closing = closing
        self._wake()

    @property
    def is_closing(self) -> bool:
        """Tell whether the connection is ending."""
        return self._closing is not None

    @property
    def ended_by(self) -> str:
        """Return why the connection ends, as far as it was us who said so."""
        return "gone" if self._closing is None else self._closing.why

    # --- room ---

    @property
    def is_full(self) -> bool:
        """Tell whether so much waits that nothing more should be asked."""
        return len(self._queue) >= MESSAGES_MAX or not self._room.is_set()

    async def has_room(self) -> None:
        """Wait, as the policy says, until half of what was too much is taken, or for the end."""
        patience = self._policy.patience
        if patience is Patience.NONE:
            return
        if patience is Patience.ALL and not self._is_half_empty() and not self.is_closing:
            self._room.clear()
        await self._room.wait()

    def __len__(self) -> int:
        return len(self._queue)

    # --- emptying ---

    async def run(self) -> None:
        """Send what is queued, until closed; returns after the closing message is out."""
        queue, answers, send, room = self._queue, self._answers, self._send, self._room
        while True:
            while queue:
                message = queue.popleft()
                if answers and answers[0] is message:
                    answers.popleft()
                    self._answers_length -= len(message["text"])
                await send(message)
                if not room.is_set() and self._is_half_empty():
                    room.set()
            if self._closing is not None:
                await send(self._closing.frame())
                return
            if self._behind and self._current is not None:
                topic = next(iter(self._behind))
                del self._behind[topic]
                missed = self._current(topic)
                self.pushes += len(missed)
                queue.extend(missed)
                continue
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def _is_half_empty(self) -> bool:
        if self._answers_length > ANSWERS_LENGTH_MAX // 2:
            return False
        return self._policy.patience is not Patience.ALL or len(self._queue) <= MESSAGES_MAX // 2

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
