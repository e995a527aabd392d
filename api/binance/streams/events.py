"""An event of a stream, encoded once: bare for ``/ws``, wrapped for ``/stream``."""

from typing import Any, Final

import msgspec

from marketdata.feed.feed import Message

_encode: Final = msgspec.json.Encoder().encode


def text_of(shape: Any) -> str:
    """Return a shape as JSON text."""
    return _encode(shape).decode()


def text_frame(text: str) -> Message:
    """Return an ASGI message that carries a text."""
    return {"type": "websocket.send", "text": text}


class Event:
    """One event; every follower is given the same two messages, made when first needed."""

    __slots__ = ("_bare", "_combined", "_name", "_text")

    def __init__(self, name: str, shape: Any) -> None:
        self._name = name
        self._text = text_of(shape)
        self._bare: Message = None
        self._combined: Message = None

    @property
    def text(self) -> str:
        """The event's JSON."""
        return self._text

    @property
    def bare(self) -> Message:
        """The event alone."""
        if self._bare is None:
            self._bare = text_frame(self._text)
        return self._bare

    @property
    def combined(self) -> Message:
        """The event and its stream's name."""
        if self._combined is None:
            # Names have no character that JSON would escape.
            self._combined = text_frame(f'{{"stream":"{self._name}","data":{self._text}}}')
        return self._combined
