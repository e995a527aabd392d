"""Just enough HTTP over ASGI: a request, and one way to answer."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from api.transport.errors import JSON_TYPE, Headers

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

SECURITY_HEADERS: Final[Headers] = [(b"x-content-type-options", b"nosniff")]


def is_json(content_type: bytes) -> bool:
    """Tell whether a Content-Type header names JSON."""
    if content_type == b"application/json":
        return True
    kind = content_type.split(b";", 1)[0].strip().lower()
    return kind == b"application/json" or (
        kind.startswith(b"application/") and kind.endswith(b"+json")
    )


async def send_answer(
    send: Send, *, status: int, headers: Headers, body: bytes, is_head: bool = False
) -> None:
    """Send one whole answer."""
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else body})


def json_headers() -> Headers:
    """Return the headers of a JSON answer, to be added to."""
    return [JSON_TYPE, *SECURITY_HEADERS]
