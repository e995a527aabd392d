"""The v1 WebSocket, ``/ws``: what a message means there, and how it is answered.

What the methods do stands in ``methods``, what a connection has in ``session``.
"""

from typing import Any, ClassVar, Final

import structlog

from api import limits
from api.process import web_process
from api.transport import traced
from api.transport.errors import known_error
from api.transport.exact_json import Number, parse
from api.transport.outbox import Closing, Outbox, Send
from api.transport.refused import note_refused
from api.transport.websocket import MESSAGE_CHARACTERS_MAX, Connection, Receive, Scope
from api.v1.socket import closing
from api.v1.socket.codec import UNREADABLE_ID, RequestId, echoed_id, failure, reply
from api.v1.socket.methods import METHODS
from api.v1.socket.session import Session
from zavora.foundation.errors import BadRequest, NotFound, RateLimited
from zavora.foundation.logs import request_id_of

# Refused in a row for their rate: the client does not listen.
RATE_REFUSALS_MAX: Final = 200
NO_PARAMS: Final[dict[str, Any]] = {}


class SocketConnection(Connection):
    """One accepted connection. Orders run beside the reading."""

    SILENT: ClassVar[Closing] = closing.SILENT
    GONE: ClassVar[Closing] = closing.GONE
    API: ClassVar[str] = "v1"

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        feed = web_process().feed
        super().__init__(receive, Outbox(send, closing.POLICY, feed.current))
        self._session = Session(scope, self.outbox, feed)
        self._rate_refusals = 0

    @property
    def is_in_use(self) -> bool:
        """Tell whether the connection is somebody's or follows something."""
        return self._session.is_in_use

    def end(self) -> None:
        """Leave everything; fire the switch for disconnects where it is on."""
        self._session.end()

    async def take(self, content: str | bytes) -> None:
        """Answer one message, or start a task that will."""
        trace_id = request_id_of(None)
        request_id: RequestId = UNREADABLE_ID
        try:
            await limits.take_for_address(self._session.ip)
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
            work = self._answer(name, params, request_id, trace_id)
            if method.is_beside:
                self.run_beside(work)
            else:
                await work
        except Exception as error:
            self._refuse(error, request_id, trace_id)

    async def _answer(self, name: str, params: Any, request_id: RequestId, trace_id: str) -> None:
        structlog.contextvars.bind_contextvars(request_id=trace_id)
        try:
            with traced.call(f"/ws {name}", trace_id):
                result = await METHODS[name].handler(self._session, params, trace_id)
        except Exception as error:
            self._refuse(error, request_id, trace_id)
            return
        self.outbox.answer(reply(request_id, result))
        self._session.begin_started()

    def _refuse(self, exception: Exception, request_id: RequestId, trace_id: str) -> None:
        error = known_error(exception)
        if isinstance(error, RateLimited):
            self._rate_refusals += 1
            if self._rate_refusals > RATE_REFUSALS_MAX:
                self.outbox.close(closing.TOO_MANY)
        note_refused(error.code, address=self._session.ip, method="/ws", request_id=trace_id)
        self.outbox.answer(failure(request_id, error, trace_id=trace_id))


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
