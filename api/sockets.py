"""Which WebSocket goes where: by its path, and at the shared ``/ws`` by its first message.

``/ws`` alone belongs to v1 until a first message with an upper-case ``method`` comes. Any path
below it is this API's: clients make up numbers there and subscribe afterwards.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qs, unquote

from api.binance.streams.connection import StreamConnection
from api.binance.streams.control import is_compat_call
from api.binance.streams.names import StreamName, parse_name
from api.binance.streams.outbox import CLOSE_LATER
from api.binance.user_data.user_streams import is_listen_key
from api.binance.words.errors import CompatError
from api.binance.words.symbols import find_market
from api.binance.ws_api.connection import ws_api_application
from api.v1.socket.connection import CLOSE_SILENT, SocketConsumer
from api.v1.socket.connection import websocket_application as v1_application
from marketdata.feed.feed import get_feed
from zavora.foundation.errors import ZavoraError
from zavora.foundation.socket_counts import Silence

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

BELOW: Final = "/ws/"
# Longer paths and queries name more streams than a connection may follow.
NAMES_LENGTH_MAX: Final = 65_536


async def websocket_application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one WebSocket connection, whichever API it speaks."""
    path: str = scope["path"]
    serve = PATHS.get(path) or PATHS.get(path.removesuffix("/"))
    if serve is None:
        # What nobody serves v1 answers: that nothing is there.
        serve = PATHS[f"{BELOW}<streams>"] if path.startswith(BELOW) else v1_application
    await serve(scope, receive, send)


async def _serve_combined(scope: Scope, receive: Receive, send: Send) -> None:
    await _serve_streams(scope, receive, send, _names_in_query(scope), is_combined=True)


async def _serve_path(scope: Scope, receive: Receive, send: Send) -> None:
    await _serve_streams(scope, receive, send, _names_in_path(scope["path"]), is_combined=False)


async def _serve_streams(
    scope: Scope, receive: Receive, send: Send, texts: list[str], *, is_combined: bool
) -> None:
    if (await receive())["type"] != "websocket.connect":
        return
    try:
        await get_feed().ensure_started()
    except ZavoraError:
        await send({"type": "websocket.close", "code": CLOSE_LATER})
        return
    connection = StreamConnection(receive, send, is_combined=is_combined, ip=_ip(scope))
    # Before the client knows that it is connected: from then on it misses nothing of its own.
    await connection.listen_keys.follow(filter(is_listen_key, texts))
    try:
        await send({"type": "websocket.accept"})
        await connection.serve(_existing(texts))
    finally:
        connection.listen_keys.close()


async def _serve_shared(scope: Scope, receive: Receive, send: Send) -> None:
    connect = await receive()
    if connect["type"] != "websocket.connect":
        return
    await send({"type": "websocket.accept"})
    first = await _first_message(receive, send)
    if first["type"] == "websocket.receive" and is_compat_call(
        first.get("text") or first.get("bytes") or b""
    ):
        try:
            await get_feed().ensure_started()
        except ZavoraError:
            await send({"type": "websocket.close", "code": CLOSE_LATER})
            return
        connection = StreamConnection(receive, send, is_combined=False, ip=_ip(scope))
        await connection.serve([], first=first)
        return
    waiting = deque([first])

    async def replay() -> dict[str, Any]:
        return waiting.popleft() if waiting else await receive()

    await SocketConsumer().serve(scope, replay, send)


async def _first_message(receive: Receive, send: Send) -> dict[str, Any]:
    """Return what the client says first, or that it has gone; one that stays silent is ended."""
    ending: list[asyncio.Task[None]] = []

    def end() -> None:
        ending.append(asyncio.create_task(_close(send, CLOSE_SILENT), name="socket-silent"))

    silence = Silence(end, lambda: False)
    try:
        return await receive()
    finally:
        silence.stop()
        for task in ending:
            task.cancel()


async def _close(send: Send, code: int) -> None:
    # It may have gone meanwhile; each server has an exception of its own for that.
    with contextlib.suppress(Exception):
        await send({"type": "websocket.close", "code": code})


# Every address of sockets; with a slash at the end, too.
PATHS: Final[dict[str, Callable[[Scope, Receive, Send], Awaitable[None]]]] = {
    "/ws": _serve_shared,
    f"{BELOW}<streams>": _serve_path,
    "/stream": _serve_combined,
    "/ws-api/v3": ws_api_application,
}


def _ip(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


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
