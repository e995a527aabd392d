"""Just enough HTTP over ASGI: a request, and one way to answer."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from django.conf import settings

from api.transport.errors import JSON_TYPE, Headers

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

# An answer that somebody is led to by a link is data to be kept, never a page of ours.
FILE_NAME: Final = 'attachment; filename="api.json"'
SECURITY_HEADERS: Final[Headers] = [
    (b"x-content-type-options", b"nosniff"),
    (b"content-disposition", FILE_NAME.encode()),
]


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


def strict_transport() -> Headers:
    """Return what an answer by HTTPS carries beside Django's own: come by nothing else from now on.

    None where it is not set (``SECURE_HSTS_SECONDS``).
    """
    if not settings.SECURE_HSTS_SECONDS:
        return []
    text = f"max-age={settings.SECURE_HSTS_SECONDS}"
    text += "; includeSubDomains" if settings.SECURE_HSTS_INCLUDE_SUBDOMAINS else ""
    text += "; preload" if settings.SECURE_HSTS_PRELOAD else ""
    return [(b"strict-transport-security", text.encode())]


def adding(more: Headers, send: Send) -> Send:
    """Return a ``send`` that adds headers to the answer."""

    async def add(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            # Another list: some are kept for the next answer.
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return add


def json_headers() -> Headers:
    """Return the headers of a JSON answer, to be added to."""
    return [JSON_TYPE, *SECURITY_HEADERS]
