"""One connection of the WebSocket API, ``/ws-api/v3``: its life and its messages.

Messages are read one after the other; calls run beside the reading, so that many orders of a
connection wait for one commit. Answers carry the request's id and may overtake each other.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qs

import structlog

from api.binance import limits
from api.binance.rest.params import Params
from api.binance.streams.events import text_frame
from api.binance.streams.outbox import CLOSE_GOING, CLOSE_REFUSED, GONE, SILENT, Outbox
from api.binance.words import errors
from api.binance.words.errors import CompatError, known_compat_error
from api.binance.ws_api import envelope
from api.binance.ws_api.envelope import Id, Request
from api.binance.ws_api.methods import OWN_METHODS, REST_METHODS, call
from api.binance.ws_api.session import Session
from marketdata.feed.feed import Message
from zavora.foundation.ending import end_tasks
from zavora.foundation.socket_counts import Silence

LIFE_S: Final = 24 * 3_600
MESSAGE_CHARACTERS_MAX: Final = 65_536
# Calls of one connection that have no answer yet; more are not read before.
IN_FLIGHT_MAX: Final = 100
CLOSE_WAIT_S: Final = 1.0
BANNED_STATUS: Final = 418
RETURN_RATE_LIMITS: Final = "returnRateLimits"
# Of a message that names no method: it counts, too.
WEIGHT_UNREADABLE: Final = 1

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Message], Awaitable[None]]

log = structlog.get_logger(__name__)


async def ws_api_application(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve one connection until either side ends it."""
    if (await receive())["type"] != "websocket.connect":
        return
    await send({"type": "websocket.accept"})
    await Connection(scope, receive, send).serve()


class Connection:
    """An accepted connection."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        self._receive = receive
        self._outbox = Outbox(send)
        self._session = Session(
            self._outbox,
            client[0] if client else "",
            returns_rate_limits=query.get(RETURN_RATE_LIMITS, ["true"])[-1].lower() != "false",
        )
        self._calls: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Answer messages until the end."""
        writer = asyncio.create_task(self._write(), name="ws-api-writer")
        loop = asyncio.get_running_loop()
        life = loop.call_later(LIFE_S, self._outbox.close, CLOSE_GOING, "24 hours are over.")
        self._silence = Silence(
            lambda: self._outbox.close(CLOSE_REFUSED, SILENT), lambda: self._session.is_in_use
        )
        try:
            await self._read(writer)
        finally:
            life.cancel()
            self._silence.stop()
            self._session.close()
            await end_tasks([writer, *self._calls])

    async def _write(self) -> None:
        try:
            await self._outbox.run()
        except Exception as error:  # whatever a server raises when its client has gone
            log.debug("ws_api_client_gone", error=str(error))
        finally:
            # Nobody empties it any more, and calls may be waiting for room.
            self._outbox.close(CLOSE_GOING, GONE)

    async def _read(self, writer: "asyncio.Task[None]") -> None:
        while not self._outbox.is_closing:
            reading = asyncio.ensure_future(self._receive())
            # The writer ends with the connection, be it that the client has gone.
            await asyncio.wait((reading, writer), return_when=asyncio.FIRST_COMPLETED)
            if not reading.done():
                reading.cancel()
                break
            message = reading.result()
            if message["type"] == "websocket.disconnect":
                return
            self._silence.heard()
            text = message.get("text")
            await self._take(text if text is not None else message.get("bytes") or b"")
            while len(self._calls) >= IN_FLIGHT_MAX:
                await asyncio.wait(self._calls, return_when=asyncio.FIRST_COMPLETED)
            await self._outbox.has_room()
        # The closing message is still to be sent.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(writer), timeout=CLOSE_WAIT_S)

    # --- messages ---

    async def _take(self, content: str | bytes) -> None:
        """Answer one message, or start a task that will."""
        request_id: Id = None
        try:
            if len(content) > MESSAGE_CHARACTERS_MAX:
                raise errors.too_large()
            body = envelope.read_body(content)
            request_id = envelope.read_id(body)
            request = envelope.read_request(body, request_id)
            name = request.method
            if name in REST_METHODS:
                task = asyncio.create_task(self._call(request), name="ws-api-call")
                self._calls.add(task)
                task.add_done_callback(self._calls.discard)
                return
            if name not in OWN_METHODS:
                raise envelope.unknown_method(name)
        except CompatError as error:
            self._refuse_unreadable(request_id, error)
        except Exception as error:  # the outermost edge: every failure has an answer
            self._refuse_unreadable(request_id, known_compat_error(error))
        else:
            await self._do_own(request)

    def _refuse_unreadable(self, request_id: Id, error: CompatError) -> None:
        try:
            limits.take_weight(self._session.ip, WEIGHT_UNREADABLE)
        except CompatError as refusal:
            error = refusal
        self._fail(request_id, error, shows_limits=self._session.returns_rate_limits)

    async def _call(self, request: Request) -> None:
        shows_limits = self._session.returns_rate_limits
        try:
            await self._outbox.has_room()
            params = envelope.params_of(request)
            shows_limits = self._shows_limits(params)
            result, account_pk = await call(self._session, request.method, params)
            self._answer(request.id, result, shows_limits=shows_limits, account_pk=account_pk)
        except Exception as error:  # the outermost edge: every failure has an answer
            self._fail(request.id, known_compat_error(error), shows_limits=shows_limits)

    async def _do_own(self, request: Request) -> None:
        handler, weight = OWN_METHODS[request.method]
        shows_limits = self._session.returns_rate_limits
        try:
            params = envelope.params_of(request)
            shows_limits = self._shows_limits(params)
            limits.take_weight(self._session.ip, weight)
            result = await handler(self._session, params)
            self._answer(request.id, result, shows_limits=shows_limits)
        except Exception as error:  # the outermost edge: every failure has an answer
            self._fail(request.id, known_compat_error(error), shows_limits=shows_limits)
        self._session.after_answer()

    def _shows_limits(self, params: Params) -> bool:
        return params.flag(RETURN_RATE_LIMITS, default=self._session.returns_rate_limits)

    # --- answers ---

    def _answer(
        self, request_id: Id, result: Any, *, shows_limits: bool, account_pk: int | None = None
    ) -> None:
        shown = self._limits(account_pk) if shows_limits else None
        self._outbox.answer(text_frame(envelope.answer(request_id, result, rate_limits=shown)))

    def _fail(self, request_id: Id, error: CompatError, *, shows_limits: bool) -> None:
        shown = self._limits(None) if shows_limits else None
        self._outbox.answer(text_frame(envelope.failure(request_id, error, rate_limits=shown)))
        if error.status == BANNED_STATUS:
            self._outbox.finish(CLOSE_REFUSED, "This address is shut out for a while.")

    def _limits(self, account_pk: int | None) -> list[dict[str, Any]]:
        return limits.rate_limits_used(self._session.ip, account_pk)
