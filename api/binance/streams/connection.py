"""One stream connection's life: what it follows, what it asks for, and why it ends."""

import time
from collections import deque
from typing import ClassVar, Final

from django.conf import settings

from api.binance.streams import closing
from api.binance.streams.control import STREAMS_MAX, answer
from api.binance.streams.events import Event, text_frame
from api.binance.streams.hub import Hub
from api.binance.streams.names import StreamName
from api.binance.user_data.listen_key_streams import ListenKeyStreams
from api.process import web_process
from api.transport.outbox import Closing, Outbox, Send
from api.transport.websocket import MESSAGE_CHARACTERS_MAX, Connection, Receive

LIFE_S: Final = 24 * 3_600
RATE_WINDOW_S: Final = 1.0


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


class StreamConnection(Connection):
    """A client of the market streams; it has been accepted already. Follows ``names`` at once."""

    SILENT: ClassVar[Closing] = closing.SILENT
    GONE: ClassVar[Closing] = closing.GONE
    API: ClassVar[str] = "binance_streams"
    OLD: ClassVar[Closing] = closing.OLD
    LIFE_S: ClassVar[float] = LIFE_S

    def __init__(
        self,
        receive: Receive,
        send: Send,
        names: list[StreamName],
        *,
        is_combined: bool,
        ip: str,
    ) -> None:
        super().__init__(receive, Outbox(send, closing.STREAMS))
        self.is_combined = is_combined
        self.listen_keys = ListenKeyStreams(self.outbox, ip, lambda: self.is_combined)
        self._first_names = names
        self._hub = web_process().part(Hub)
        self._names: dict[str, StreamName] = {}
        self._opening: list[Event] = []
        self._rate = MessageRate(settings.ZAVORA_STREAM_MESSAGES_PER_S)

    @property
    def is_in_use(self) -> bool:
        """Tell whether it follows something."""
        return bool(self._names) or bool(self.listen_keys.names)

    def begin(self) -> None:
        """Follow what the address names."""
        if len(self._first_names) > STREAMS_MAX:
            self.outbox.close(Closing(closing.CLOSE_REFUSED, f"At most {STREAMS_MAX} streams."))
            return
        self.subscribe(self._first_names)
        self._open()

    def end(self) -> None:
        """Follow nothing any more."""
        self.unsubscribe(list(self._names))
        self.listen_keys.close()

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
        self.outbox.deliver(event.combined if self.is_combined else event.bare)

    def lose(self) -> None:
        """End: a chain cannot go on, and a new connection begins with a new one."""
        self.outbox.close(closing.BEGIN_ANEW)

    def _open(self) -> None:
        opening, self._opening = self._opening, []
        for event in opening:
            self.deliver(event)
        self.listen_keys.begin()

    # --- what it says ---

    async def take(self, content: str | bytes) -> None:
        """Answer one message; one too many, too long or without a reader ends the connection."""
        if not self._rate.take():
            self.outbox.close(Closing(closing.CLOSE_REFUSED, "Too many messages."))
        elif len(content) > MESSAGE_CHARACTERS_MAX:
            self.outbox.close(Closing(closing.CLOSE_REFUSED, "The message is too long."))
        elif self.outbox.is_full:
            self.outbox.close(closing.SLOW)
        else:
            self.outbox.answer(text_frame(await answer(content, self)))
            self._open()
