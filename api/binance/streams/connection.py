"""One stream connection's life: what it follows, what it asks for, and why it ends."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from django.conf import settings

from api.binance.streams.control import STREAMS_MAX, answer
from api.binance.streams.events import Event, text_frame
from api.binance.streams.hub import get_hub
from api.binance.streams.names import StreamName
from api.binance.streams.outbox import (
    CLOSE_GOING,
    CLOSE_LATER,
    CLOSE_REFUSED,
    SILENT,
    SLOW,
    Outbox,
)
from api.binance.user_data.listen_key_streams import ListenKeyStreams
from marketdata.feed.feed import Message
from zavora.foundation.ending import end_tasks
from zavora.foundation.socket_counts import Silence

LIFE_S: Final = 24 * 3_600
# Longer than any list of names that a connection may follow.
MESSAGE_CHARACTERS_MAX: Final = 65_536
CLOSE_WAIT_S: Final = 1.0
RATE_WINDOW_S: Final = 1.0

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Message], Awaitable[None]]

log = structlog.get_logger(__name__)


class MessageRate:
    """At most so many messages within any second; 0: any number."""

    def __init__(self, per_s: int) -> None:
        self._times: deque[float] = deque(maxlen=per_s)

    def take(self) -> bool:
        """Count a message; False where it is one too many."""
        times, now = self._times, time.monotonic()
        if times.maxlen and len(times) == times.maxlen and now - times[0] < RATE_WINDOW_S:
            return False
        times.append(now)
        return True


class StreamConnection:
    """A client of the market streams; it has been accepted already."""

    def __init__(self, receive: Receive, send: Send, *, is_combined: bool, ip: str) -> None:
        self.is_combined = is_combined
        self.outbox = Outbox(send)
        self.listen_keys = ListenKeyStreams(self.outbox, ip, lambda: self.is_combined)
        self._receive = receive
        self._hub = get_hub()
        self._names: dict[str, StreamName] = {}
        self._opening: list[Event] = []
        self._rate = MessageRate(settings.ZAVORA_STREAM_MESSAGES_PER_S)

    async def serve(self, names: list[StreamName], *, first: Message = None) -> None:
        """Follow ``names``, answer the message that came ``first``, and so on until the end."""
        writer = asyncio.create_task(self._write(), name="stream-writer")
        loop = asyncio.get_running_loop()
        life = loop.call_later(LIFE_S, self.outbox.close, CLOSE_GOING, "24 hours are over.")
        self._silence = Silence(
            lambda: self.outbox.close(CLOSE_REFUSED, SILENT), lambda: bool(self.subscriptions)
        )
        try:
            if len(names) > STREAMS_MAX:
                self.outbox.close(CLOSE_REFUSED, f"At most {STREAMS_MAX} streams.")
            else:
                self.subscribe(names)
                self._open()
            if first is not None:
                await self._take(first)
            await self._read(writer)
        finally:
            life.cancel()
            self._silence.stop()
            self.unsubscribe(list(self._names))
            self.listen_keys.close()
            await end_tasks([writer])

    # --- what it follows ---

    @property
    def subscriptions(self) -> list[str]:
        """The names of the streams that it follows, oldest first."""
        return [*self._names, *self.listen_keys.names]

    def subscribe(self, names: list[StreamName]) -> None:
        """Follow streams; what they begin with is sent after the answer."""
        for name in names:
            if name.text not in self._names:
                event = self._hub.follow(name, self)
                self._names[name.text] = name
                if event is not None:
                    self._opening.append(event)

    def unsubscribe(self, names: list[str]) -> None:
        """Follow streams no more."""
        for text in names:
            if self._names.pop(text, None) is not None:
                self._hub.unfollow(text, self)
            else:
                self.listen_keys.unfollow(text)

    def deliver(self, event: Event) -> None:
        """Take an event of a stream."""
        self.outbox.push(event.combined if self.is_combined else event.bare)

    def lose(self) -> None:
        """End: a chain cannot go on, and a new connection begins with a new one."""
        self.outbox.close(CLOSE_LATER, "Begin anew.")

    def _open(self) -> None:
        opening, self._opening = self._opening, []
        for event in opening:
            self.deliver(event)
        self.listen_keys.begin()

    # --- what it says ---

    async def _read(self, writer: "asyncio.Task[None]") -> None:
        while not self.outbox.is_closing:
            reading = asyncio.ensure_future(self._receive())
            # The writer ends with the connection, be it that the client has gone.
            await asyncio.wait((reading, writer), return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                reading.cancel()
                break
            message = reading.result()
            if message["type"] == "websocket.disconnect":
                return
            await self._take(message)
        # The closing message is still to be sent.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(writer), timeout=CLOSE_WAIT_S)

    async def _take(self, message: Message) -> None:
        self._silence.heard()
        text = message.get("text")
        content = text if text is not None else message.get("bytes") or b""
        if not self._rate.take():
            self.outbox.close(CLOSE_REFUSED, "Too many messages.")
        elif len(content) > MESSAGE_CHARACTERS_MAX:
            self.outbox.close(CLOSE_REFUSED, "The message is too long.")
        elif self.outbox.is_full:
            self.outbox.close(CLOSE_REFUSED, SLOW)
        else:
            self.outbox.answer(text_frame(await answer(content, self)))
            self._open()

    async def _write(self) -> None:
        try:
            await self.outbox.run()
        except Exception as error:  # whatever a server raises when its client has gone
            log.debug("stream_client_gone", error=str(error))
