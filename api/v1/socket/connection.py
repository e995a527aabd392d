"""The v1 WebSocket, ``/ws``: one connection's life, from the handshake to its last message.

What the methods do stands in ``socket_methods``; what is sent waits in ``socket_outbox``.
"""

import asyncio
import contextlib
from typing import Any, Final

import structlog
from channels.consumer import AsyncConsumer

from api.access import limits
from api.transport.errors import known_error
from api.transport.exact_json import Number, parse
from api.v1.socket.codec import UNREADABLE_ID, RequestId, echoed_id, failure, reply
from api.v1.socket.methods import METHODS, Method
from api.v1.socket.outbox import CLOSE_GONE, Outbox
from api.v1.socket.session import Session
from marketdata.feed.feed import get_feed
from zavora.foundation.ending import end_tasks
from zavora.foundation.errors import BadRequest, NotFound, RateLimited
from zavora.foundation.logs import request_id_of
from zavora.foundation.socket_counts import Silence

MESSAGE_CHARACTERS_MAX: Final = 65_536
# Order requests of one connection that wait for their commit; more are not read before.
IN_FLIGHT_MAX: Final = 100
# Refused in a row for their rate: the client does not listen.
RATE_REFUSALS_MAX: Final = 200
CLOSE_NOT_HERE: Final = 4004
CLOSE_TOO_MANY: Final = 4029
CLOSE_SILENT: Final = 4030
PATHS: Final = frozenset({"/ws", "/ws/"})
NO_PARAMS: Final[dict[str, Any]] = {}

log = structlog.get_logger(__name__)


class SocketConsumer(AsyncConsumer):
    """One connection. Messages are read one at a time; orders run beside the reading."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve the connection until either side ends it."""
        if (await receive())["type"] != "websocket.connect":
            return
        if scope["path"] not in PATHS:
            await send({"type": "websocket.close", "code": CLOSE_NOT_HERE})
            return
        await send({"type": "websocket.accept"})
        await self.serve(scope, receive, send)

    async def serve(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a connection that has been accepted."""
        # Pushes come from the process's feed and database reads have threads of their own, so
        # neither a channel layer nor AsyncConsumer's clean-up around each message is needed.
        self.scope = scope
        self.base_send = send
        self._feed = get_feed()
        self._outbox = Outbox(send, self._feed.current)
        self._session = Session(scope, self._outbox, self._feed)
        self._tasks: set[asyncio.Task[None]] = set()
        self._rate_refusals = 0
        self._silence = Silence(
            lambda: self._outbox.close(CLOSE_SILENT), lambda: self._session.is_in_use
        )
        writer = asyncio.create_task(self._write(), name="socket-writer")
        try:
            await self._read(receive, writer)
        finally:
            self._silence.stop()
            self._session.end()
            await end_tasks([writer, *self._tasks])

    async def _write(self) -> None:
        try:
            await self._outbox.run()
        except Exception as error:
            # Whatever a server raises when its client has gone.
            log.debug("socket_gone", error=str(error))
        finally:
            # Nobody empties it any more, and a reader may be waiting for room.
            self._outbox.close(CLOSE_GONE)

    async def _read(self, receive: Any, writer: "asyncio.Task[None]") -> None:
        while not self._outbox.is_closing:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            self._silence.heard()
            text = message.get("text")
            await self._take(text if text is not None else message.get("bytes") or b"")
            await self._has_room()
        # The closing message is still to be sent.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(writer), timeout=1.0)

    async def _has_room(self) -> None:
        """Wait while the client has too many answers to read or orders in flight."""
        while len(self._tasks) >= IN_FLIGHT_MAX:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        if self._outbox.is_full:
            await self._outbox.has_room()

    async def _take(self, content: str | bytes) -> None:
        """Answer one message, or start a task that will."""
        trace_id = request_id_of(None)
        request_id: RequestId = UNREADABLE_ID
        try:
            limits.take_for_ip(self._session.ip)
            if len(content) > MESSAGE_CHARACTERS_MAX:
                raise BadRequest(f"A message has at most {MESSAGE_CHARACTERS_MAX} characters.")
            body = parse(content.encode() if isinstance(content, str) else content)
            if not isinstance(body, dict):
                raise BadRequest("A message is a JSON object.")
            request_id = echoed_id(body.get("id"))
            name, params = _call_of(body)
            method = METHODS.get(name)
            if method is None:
                raise _unknown(name)
            self._rate_refusals = 0
            work = self._answer(method, params, request_id, trace_id)
            if method.is_beside:
                task = asyncio.create_task(work)
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                await work
        except Exception as error:
            self._refuse(error, request_id, trace_id)

    async def _answer(
        self, method: Method, params: Any, request_id: RequestId, trace_id: str
    ) -> None:
        structlog.contextvars.bind_contextvars(request_id=trace_id)
        try:
            result = await method.handler(self._session, params, trace_id)
        except Exception as error:
            self._refuse(error, request_id, trace_id)
            return
        self._outbox.answer(reply(request_id, result))
        self._session.begin_started()

    def _refuse(self, exception: Exception, request_id: RequestId, trace_id: str) -> None:
        error = known_error(exception)
        if isinstance(error, RateLimited):
            self._rate_refusals += 1
            if self._rate_refusals > RATE_REFUSALS_MAX:
                self._outbox.close(CLOSE_TOO_MANY)
        self._outbox.answer(failure(request_id, error, trace_id=trace_id))


def _call_of(body: dict[str, Any]) -> tuple[str, Any]:
    """Return method and params of a message, in either spelling."""
    method = body.get("method")
    if method is None and isinstance(body.get("op"), str):
        return body["op"], {name: body[name] for name in body if name not in ("id", "op")}
    if not isinstance(method, str) or isinstance(method, Number):
        raise BadRequest("A request has an id, a method and params.")
    params: Any = body.get("params")
    return method, NO_PARAMS if params is None else params


def _unknown(name: str) -> Exception:
    if name.isupper():
        return NotFound("The Binance-compatible API is not served at this address.")
    return NotFound(f"There is no such method; there are {', '.join(METHODS)}.")


websocket_application = SocketConsumer.as_asgi()
