"""Which WebSocket goes where: by its path, and at the shared ``/ws`` by its first message.

``/ws`` alone belongs to v1 until a first message with an upper-case ``method`` comes. Any path
below it is this API's: clients make up numbers there and subscribe afterwards.
"""

from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import parse_qs, unquote

from api.binance.streams.closing import CLOSE_LATER
from api.binance.streams.connection import StreamConnection
from api.binance.streams.control import is_compat_call
from api.binance.streams.names import StreamName, parse_name
from api.binance.user_data.user_streams import is_listen_key
from api.binance.words.errors import CompatError
from api.binance.words.symbols import find_market
from api.binance.ws_api.connection import CallConnection
from api.process import web_process
from api.transport.outbox import Closing, Send
from api.transport.websocket import (
    Connection,
    Receive,
    Scope,
    accept,
    address_of,
    first_message,
    is_connecting,
    refuse,
)
from api.v1.socket.connection import SocketConnection
from zavora.foundation.errors import ZavoraError

BELOW: Final = "/ws/"
# Longer paths and queries name more streams than a connection may follow.
NAMES_LENGTH_MAX: Final = 65_536
NOT_HERE: Final = Closing(4004)
LATER: Final = Closing(CLOSE_LATER)


async def websocket_application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one WebSocket connection, whichever API it speaks."""
    if not await is_connecting(receive):
        return
    path: str = scope["path"]
    serve = PATHS.get(path) or PATHS.get(path.removesuffix("/"))
    if serve is None:
        serve = PATHS[f"{BELOW}<streams>"] if path.startswith(BELOW) else _refuse_path
    await serve(scope, receive, send)


async def _refuse_path(_scope: Scope, _receive: Receive, send: Send) -> None:
    await refuse(send, NOT_HERE)


async def _serve_combined(scope: Scope, receive: Receive, send: Send) -> None:
    await _serve_streams(scope, receive, send, _names_in_query(scope), is_combined=True)


async def _serve_path(scope: Scope, receive: Receive, send: Send) -> None:
    await _serve_streams(scope, receive, send, _names_in_path(scope["path"]), is_combined=False)


async def _serve_streams(
    scope: Scope, receive: Receive, send: Send, texts: list[str], *, is_combined: bool
) -> None:
    if not await _has_feed(send):
        return
    connection = StreamConnection(
        receive, send, _existing(texts), is_combined=is_combined, ip=address_of(scope)
    )
    # Before the client knows that it is connected: from then on it misses nothing of its own.
    await connection.listen_keys.follow(filter(is_listen_key, texts))
    try:
        await accept(send)
        await connection.serve()
    finally:
        connection.listen_keys.close()


async def _serve_shared(scope: Scope, receive: Receive, send: Send) -> None:
    await accept(send)
    first = await first_message(receive, send, SocketConnection.SILENT)
    connection: Connection
    if first["type"] == "websocket.receive" and is_compat_call(
        first.get("text") or first.get("bytes") or b""
    ):
        if not await _has_feed(send):
            return
        connection = StreamConnection(receive, send, [], is_combined=False, ip=address_of(scope))
    else:
        connection = SocketConnection(scope, receive, send)
    await connection.serve(first)


async def _serve_calls(scope: Scope, receive: Receive, send: Send) -> None:
    await accept(send)
    await CallConnection(scope, receive, send).serve()


async def _has_feed(send: Send) -> bool:
    """Start what streams follow; where that cannot be had now the client is told to come later."""
    try:
        await web_process().feed.ensure_started()
    except ZavoraError:
        await refuse(send, LATER)
        return False
    return True


# Every address of sockets; with a slash at the end, too.
PATHS: Final[dict[str, Callable[[Scope, Receive, Send], Awaitable[None]]]] = {
    "/ws": _serve_shared,
    f"{BELOW}<streams>": _serve_path,
    "/stream": _serve_combined,
    "/ws-api/v3": _serve_calls,
}


def _names_in_path(path: str) -> list[str]:
    return path[len(BELOW) : len(BELOW) + NAMES_LENGTH_MAX].split("/")


def _names_in_query(scope: Scope) -> list[str]:
    query = scope.get("query_string", b"")[:NAMES_LENGTH_MAX].decode("latin-1")
    values = parse_qs(query).get("streams", [])
    return [name for value in values for name in unquote(value).split("/")]


def _existing(texts: list[str]) -> list[StreamName]:
    """Return the streams that there are; other names follow nothing, as published."""
    found: dict[str, StreamName] = {}
    for text in texts:
        name = parse_name(text)
        if name is None:
            continue
        try:
            if name.symbol is not None:
                find_market(name.symbol)
        except CompatError:
            continue
        found[text] = name
    return list(found.values())
