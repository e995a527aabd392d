"""The WebSocket API, ``/ws-api/v3``: what a message means there, and how it is answered."""

from typing import Any, ClassVar, Final
from urllib.parse import parse_qs

from api.binance import limits
from api.binance.rest.params import Params
from api.binance.streams import closing
from api.binance.streams.events import text_frame
from api.binance.words import errors
from api.binance.words.errors import CompatError
from api.binance.words.failures import known_compat_error
from api.binance.ws_api import envelope
from api.binance.ws_api.envelope import Id, Request
from api.binance.ws_api.methods import OWN_METHODS, REST_METHODS, call
from api.binance.ws_api.session import Session
from api.transport.outbox import Closing, Outbox, Send
from api.transport.refused import note_refused
from api.transport.websocket import (
    MESSAGE_CHARACTERS_MAX,
    Connection,
    Receive,
    Scope,
    address_of,
)

LIFE_S: Final = 24 * 3_600
BANNED_STATUS: Final = 418
RETURN_RATE_LIMITS: Final = "returnRateLimits"
# Of a message that names no method: it counts, too.
WEIGHT_UNREADABLE: Final = 1

BANNED: Final = Closing(closing.CLOSE_REFUSED, "This address is shut out for a while.")


class CallConnection(Connection):
    """An accepted connection. Answers carry the request's id and may overtake each other."""

    SILENT: ClassVar[Closing] = closing.SILENT
    GONE: ClassVar[Closing] = closing.GONE
    API: ClassVar[str] = "binance"
    OLD: ClassVar[Closing] = closing.OLD
    LIFE_S: ClassVar[float] = LIFE_S

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(receive, Outbox(send, closing.CALLS))
        query = parse_qs(scope.get("query_string", b"").decode("latin-1"))
        self._session = Session(
            self.outbox,
            address_of(scope),
            returns_rate_limits=query.get(RETURN_RATE_LIMITS, ["true"])[-1].lower() != "false",
        )

    @property
    def is_in_use(self) -> bool:
        """Tell whether somebody is logged on or something is followed."""
        return self._session.is_in_use

    def end(self) -> None:
        """Leave everything."""
        self._session.close()

    # --- messages ---

    async def take(self, content: str | bytes) -> None:
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
                self.run_beside(self._call(request))
                return
            if name not in OWN_METHODS:
                raise envelope.unknown_method(name)
        except CompatError as error:
            await self._refuse_unreadable(request_id, error)
        except Exception as error:  # the outermost edge: every failure has an answer
            await self._refuse_unreadable(request_id, known_compat_error(error))
        else:
            await self._do_own(request)

    async def _refuse_unreadable(self, request_id: Id, error: CompatError) -> None:
        try:
            await limits.take_weight(self._session.ip, WEIGHT_UNREADABLE)
        except CompatError as refusal:
            error = refusal
        self._fail(request_id, error, shows_limits=self._session.returns_rate_limits)

    async def _call(self, request: Request) -> None:
        shows_limits = self._session.returns_rate_limits
        try:
            await self.outbox.has_room()
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
            await limits.take_weight(self._session.ip, weight)
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
        self.outbox.answer(text_frame(envelope.answer(request_id, result, rate_limits=shown)))

    def _fail(self, request_id: Id, error: CompatError, *, shows_limits: bool) -> None:
        note_refused(error.code, address=self._session.ip, method="/ws-api/v3")
        shown = self._limits(None) if shows_limits else None
        self.outbox.answer(text_frame(envelope.failure(request_id, error, rate_limits=shown)))
        if error.status == BANNED_STATUS:
            self.outbox.finish(BANNED)

    def _limits(self, account_pk: int | None) -> list[dict[str, Any]]:
        return limits.rate_limits_used(self._session.ip, account_pk)
