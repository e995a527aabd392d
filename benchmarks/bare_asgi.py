"""An ASGI application that does nothing but send ``BARE_BYTES`` bytes: the most a server can do."""

import os
from typing import Any

BODY = b"x" * int(os.environ.get("BARE_BYTES", "0"))
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))],
}
END = {"type": "http.response.body", "body": BODY}


async def application(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    """Answer a request."""
    if scope["type"] == "http":
        await send(START)
        await send(END)
