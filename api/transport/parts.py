"""Answers that are too long to be held: their parts are read one by one, while they are sent.

A view returns the head; the parts are read by the edge's threads once the view's own thread is free
again, so a client that takes its time keeps neither a thread nor more than one part of the answer.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from django.http import HttpResponse

from api.transport.threads import in_thread

# The kind of the message by which the handler is told of parts; it never reaches a server.
PARTS: Final = "zavora.parts"
Send = Callable[[Any], Any]


class PartedResponse(HttpResponse):
    """An answer whose body comes in parts: ``read(0)``, ``read(1)``, ... until one is None.

    ``size`` is the length of all parts together, in bytes; None: not known before they are made.
    """

    def __init__(
        self,
        read: Callable[[int], bytes | None],
        *,
        size: int | None = None,
        name: str,
        content_type: str,
    ) -> None:
        super().__init__(content_type=content_type)
        self.read_part = read
        self.has_size = size is not None
        if size is not None:
            self.headers["Content-Length"] = str(size)
        self.headers["Content-Disposition"] = f'attachment; filename="{name}"'


async def send_head(send_all: Callable[[Send], Any], send: Send, response: Any) -> None:
    """Send what Django sends of a response; of a parted one all but the end, and then its parts."""
    if not isinstance(response, PartedResponse):
        await send_all(send)
        return

    async def unfinished(message: Any) -> None:
        if message["type"] == "http.response.body":
            message = {**message, "more_body": True}
        elif not response.has_size:
            # Django has written the length of what it has, which is nothing.
            headers = [one for one in message["headers"] if one[0].lower() != b"content-length"]
            message = {**message, "headers": headers}
        await send(message)

    await send_all(unfinished)
    await send({"type": PARTS, "read": response.read_part})


async def send_parts(read: Callable[[int], bytes | None], send: Send) -> None:
    """Send the parts of an answer, and its end."""
    async for part in _parts(read):
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _parts(read: Callable[[int], bytes | None]) -> AsyncIterator[bytes]:
    number = 0
    while (part := await in_thread(read, number)) is not None:
        yield part
        number += 1
