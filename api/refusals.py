"""What is refused before any application sees it, in the words of the API that was asked."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from api.binance.app import is_compat_path
from api.binance.words import errors as compat
from api.transport.errors import Headers, render
from api.transport.http import SECURITY_HEADERS
from zavora.foundation.errors import BadRequest, RateLimited, ZavoraError
from zavora.foundation.logs import request_id_of

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

# In seconds; sockets end when their clients let go of them.
RETRY_AFTER_S: Final = 60
HOST_REFUSED: Final = "Name a host of this exchange, once, in the Host header."
EXTENSION: Final = "websocket.http.response"


async def refuse_host(scope: Scope, send: Send) -> None:
    """Answer a request to a host that is not ours."""
    if is_compat_path(scope["path"]):
        status, headers, body = compat.render(compat.wrong_host())
    else:
        status, headers, body = _rendered(BadRequest(HOST_REFUSED))
    headers += [(b"content-length", b"%d" % len(body)), (b"connection", b"close")]
    headers += SECURITY_HEADERS
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def refuse_socket_host(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a handshake for a host that is not ours."""
    await _refuse_socket(scope, receive, send, BadRequest(HOST_REFUSED))


async def refuse_socket_count(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a handshake of an address that has as many sockets as it may."""
    error = RateLimited("This address has too many WebSockets open.", retry_after=RETRY_AFTER_S)
    await _refuse_socket(scope, receive, send, error)


async def _refuse_socket(scope: Scope, receive: Receive, send: Send, error: ZavoraError) -> None:
    if (await receive())["type"] != "websocket.connect":
        return
    if EXTENSION not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})  # which the client sees as 403
        return
    status, headers, body = _rendered(error)
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": f"{EXTENSION}.start", "status": status, "headers": headers})
    await send({"type": f"{EXTENSION}.body", "body": body})


def _rendered(error: ZavoraError) -> tuple[int, Headers, bytes]:
    request_id = request_id_of(None)
    status, headers, body = render(error, request_id=request_id)
    headers.append((b"x-request-id", request_id.encode()))
    return status, headers, body
