"""The edge: a table of routes, and one way through it for every request.

Count, read, find the caller, call one handler, answer. Everything that goes wrong on the way is
answered by ``api.transport.errors``; a request id is in every answer and bound for every log line.
"""

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from asgiref.sync import iscoroutinefunction
from django.conf import settings

from accounts.access.callers import Caller
from api import limits
from api.access.auth import (
    SAFE_METHODS,
    bearer_token,
    check_csrf,
    check_local_origin,
    django_request,
    require_one_credential,
    session_key,
    target_of,
)
from api.access.signatures import HEADERS, Signed, check_signed, read_signed, signed_text
from api.access.usable import check_usable
from api.orders import as_caller
from api.process import web_process
from api.transport import traced
from api.transport.bodies import ClientGone, read_body
from api.transport.compression import packed
from api.transport.errors import (
    NO_STORE,
    RETRY_AFTER_S,
    MethodNotAllowed,
    known_error,
    render,
)
from api.transport.exact_json import encode
from api.transport.http import Receive, Scope, Send, json_headers, send_answer
from api.transport.measured import ROUTE, api_name
from api.transport.refused import note_refused
from api.v1 import order_handlers
from api.v1.edge_request import EdgeRequest
from api.v1.requests import symbol_of
from api.v1.rest import health, market_data
from zavora.foundation.bodies import BUDGET, HeldBody
from zavora.foundation.errors import RateLimited, Unauthorized
from zavora.foundation.hosts import ANY_HOST_PATHS, LIVE_PATHS, READY_PATHS
from zavora.foundation.logs import request_id_of

log = structlog.get_logger(__name__)
_standard_log: Final = logging.getLogger(__name__)  # asked before anything is put together

PREFIX: Final = "/api/v1/"
Body = dict[str, Any]
Handler = Callable[..., Awaitable[Body] | Body]


class Route:
    """What answers a method of a path: public, or for a caller; ``is_packed`` where it is long."""

    __slots__ = ("handler", "is_async", "is_packed", "is_public")

    def __init__(
        self, handler: Handler, *, is_public: bool = False, is_packed: bool = False
    ) -> None:
        self.handler = handler
        self.is_public = is_public
        self.is_packed = is_packed
        self.is_async = iscoroutinefunction(handler)


# --- routes ---------------------------------------------------------------------------------------

Methods = dict[str, Route]

ORDERS: Final[Methods] = {"POST": Route(order_handlers.place)}
BATCH: Final[Methods] = {"POST": Route(order_handlers.place_batch)}
PREVIEW: Final[Methods] = {"POST": Route(order_handlers.preview)}
LISTS: Final[Methods] = {"POST": Route(order_handlers.place_list)}
LIST: Final[Methods] = {
    "GET": Route(order_handlers.read_list),
    "DELETE": Route(order_handlers.cancel_list),
}
CANCEL_ALL: Final[Methods] = {"POST": Route(order_handlers.cancel_all)}
ORDER: Final[Methods] = {
    "GET": Route(order_handlers.read_order),
    "POST": Route(order_handlers.cancel),
    "PATCH": Route(order_handlers.amend),
    "DELETE": Route(order_handlers.cancel),
}
AMENDMENTS: Final[Methods] = {"GET": Route(order_handlers.list_amendments)}
REPLACE: Final[Methods] = {"POST": Route(order_handlers.replace)}
PROOF: Final[Methods] = {"GET": Route(order_handlers.read_proof)}
OF_ORDERS: Final = {"amendments": AMENDMENTS, "proof": PROOF, "replace": REPLACE}
QUEUE: Final[Methods] = {"GET": Route(order_handlers.read_places)}
PROTECTION: Final[Methods] = {
    "GET": Route(order_handlers.read_protection),
    "PUT": Route(order_handlers.set_protection),
    "DELETE": Route(order_handlers.end_protection),
}
RESET: Final[Methods] = {"POST": Route(order_handlers.reset_protection)}
OF_ACCOUNT: Final = {"protections": PROTECTION, "queue": QUEUE}
MARKETS: Final[Methods] = {"GET": Route(market_data.list_markets, is_public=True, is_packed=True)}
TICKERS: Final[Methods] = {"GET": Route(market_data.list_tickers, is_public=True, is_packed=True)}
MARKET: Final[Methods] = {"GET": Route(market_data.get_market, is_public=True)}
OF_MARKET: Final[dict[str, Methods]] = {
    "order-book": {"GET": Route(market_data.get_order_book, is_public=True)},
    "ticker": {"GET": Route(market_data.get_ticker, is_public=True)},
    "trades": {"GET": Route(market_data.get_trades, is_public=True, is_packed=True)},
}
# Every path of the edge below ``PREFIX``, by its pattern: what is not in here is not answered.
PATHS: Final[dict[str, Methods]] = {
    "orders": ORDERS,
    "orders/batch": BATCH,
    "orders/cancel-all": CANCEL_ALL,
    "orders/preview": PREVIEW,
    "orders/lists": LISTS,
    "orders/lists/<list>": LIST,
    "orders/<order>": ORDER,
    "orders/<order>/amendments": AMENDMENTS,
    "orders/<order>/proof": PROOF,
    "orders/<order>/replace": REPLACE,
    "accounts/<account>/queue/<market>": QUEUE,
    "accounts/<account>/protections/<market>": PROTECTION,
    "accounts/<account>/protections/<market>/reset": RESET,
    "markets": MARKETS,
    "markets/tickers": TICKERS,
    "markets/<market>": MARKET,
    **{f"markets/<market>/{name}": methods for name, methods in OF_MARKET.items()},
}
# How each is called where requests are counted.
_TEMPLATES: Final = {id(methods): PREFIX + path for path, methods in PATHS.items()}
_PLAIN_PATHS: Final = {path: methods for path, methods in PATHS.items() if "<" not in path}
_CANDLES: Final = "candles"  # a view of Django's
_SYMBOL: Final = re.compile(r"[A-Z0-9]{2,16}[/-][A-Z0-9]{2,16}", re.ASCII)
_SIGNED_HEADERS: Final = tuple(name.lower().encode() for name in HEADERS)

Match = tuple[Methods, tuple[str, ...]]


def match(path: str) -> Match | None:
    """Return the methods of an edge path and what its variable parts say; None if it is none."""
    if not path.startswith(PREFIX):
        return None
    rest = path[len(PREFIX) :].rstrip("/")
    plain = _PLAIN_PATHS.get(rest)
    if plain is not None:
        return plain, ()
    parts = rest.split("/")
    if parts[:2] == ["orders", "lists"] and len(parts) == 3:
        return PATHS["orders/lists/<list>"], (parts[2],)
    if parts[0] == "orders" and len(parts) == 2:
        return PATHS["orders/<order>"], (parts[1],)
    if parts[0] == "orders" and len(parts) == 3 and parts[2] in OF_ORDERS:
        return OF_ORDERS[parts[2]], (parts[1],)
    if parts[0] == "accounts" and len(parts) > 3 and parts[2] in OF_ACCOUNT:
        return _match_account(parts[1], parts[2], parts[3:])
    if parts[0] == "markets":
        return _match_market(parts[1:])
    return None


def _match_account(account: str, name: str, parts: list[str]) -> Match | None:
    resets = name == "protections" and parts[-1] == "reset" and len(parts) > 1
    symbol = "/".join(parts[:-1] if resets else parts)
    if _SYMBOL.fullmatch(symbol) is None:
        return None
    return RESET if resets else OF_ACCOUNT[name], (account, symbol_of(symbol))


def _match_market(parts: list[str]) -> Match | None:
    if parts[-1] == _CANDLES and len(parts) > 1:
        return None
    methods = PATHS.get(f"markets/<market>/{parts[-1]}") if len(parts) > 1 else None
    symbol = "/".join(parts[:-1] if methods is not None else parts)
    if methods is None and _SYMBOL.fullmatch(symbol) is None:
        return None
    return methods or PATHS["markets/<market>"], (symbol_of(symbol),)


def is_edge_path(path: str) -> bool:
    """Tell whether the edge answers a path."""
    return match(path) is not None or path.rstrip("/") in ANY_HOST_PATHS


# --- the application ------------------------------------------------------------------------------


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one HTTP request to an edge path."""
    headers: dict[bytes, bytes] = dict(scope["headers"])
    path: str = scope["path"]
    api_name.set("v1")
    request = EdgeRequest(scope, path, headers)
    sent = request.header(b"x-request-id")
    request.request_id = request_id_of(sent)
    structlog.contextvars.bind_contextvars(request_id=request.request_id)
    traced.begin(scope, request.request_id, is_ours=sent is None)
    answer_headers = json_headers()
    answer_headers.append((b"x-request-id", request.request_id.encode()))
    is_head = request.method == "HEAD"
    try:
        status, body = await _answer(request, receive, answer_headers)
    except ClientGone:
        return
    except Exception as exception:
        error = known_error(exception)
        status, error_headers, content = render(error, request_id=request.request_id)
        note_refused(
            error.code,
            address=request.ip,
            method=request.method,
            path=path,
            request_id=request.request_id,
        )
        answer_headers += error_headers[1:]  # the first is the content type, which stands already
        _log_answer(request, status)
        await send_answer(
            send, status=status, headers=answer_headers, body=content, is_head=is_head
        )
        return
    _log_answer(request, status)
    if not request.is_public:
        answer_headers.append(NO_STORE)
    content = b"" if body is None else encode(body)
    if request.may_pack:
        content = await packed(content, answer_headers, headers.get(b"accept-encoding"))
    await send_answer(send, status=status, headers=answer_headers, body=content, is_head=is_head)


def _log_answer(request: EdgeRequest, status: int) -> None:
    """Say at level debug what was answered; the worker says what became of it by the same id."""
    if _standard_log.isEnabledFor(logging.DEBUG):
        log.debug("answered", method=request.method, path=request.path, status=status)


async def _answer(
    request: EdgeRequest, receive: Receive, headers: list[tuple[bytes, bytes]]
) -> tuple[int, Body | None]:
    """Return status and body of a request's answer, adding headers to ``headers``."""
    plain_path = request.path.rstrip("/")
    if plain_path in ANY_HOST_PATHS:
        request.scope[ROUTE] = plain_path
        return await _answer_health(request, plain_path, headers)
    matched = match(request.path)
    if matched is None:  # asgi.py sends only edge paths here
        raise AssertionError(f"no edge path: {request.path}")
    methods, arguments = matched
    request.scope[ROUTE] = _TEMPLATES[id(methods)]
    method = "GET" if request.method == "HEAD" else request.method
    route = methods.get(method)
    if route is None:
        allow = _allow(methods)
        if method != "OPTIONS":
            raise MethodNotAllowed(allow)
        headers.append((b"allow", allow.encode()))
        return 200, {"data": {"methods": allow.split(", ")}}
    paid = await limits.take_for_address(request.ip)
    held = HeldBody(BUDGET, request.ip)
    try:
        request.body = await read_body(receive, request.headers, held)
        if route.is_public:
            request.is_public = True
            await web_process().feed.ensure_started()
            request.may_pack = route.is_packed
            result = route.handler(request, *arguments)
            return 200, (await result if route.is_async else result)  # type: ignore[misc, return-value]
        caller, is_remembered = await find_caller(request)
        paid = limits.tighter(paid, await limits.take_for_caller(caller, request.ip))
        await web_process().feed.ensure_started()

        def call(one: Caller) -> Awaitable[Body]:
            return route.handler(request, one, *arguments)  # type: ignore[return-value]

        async def reloaded(one: Caller) -> Caller | None:
            return await _reloaded(request, one) if is_remembered else None

        return 200, await as_caller(caller, call, reloaded)
    except RateLimited:
        paid = None  # the refusal says where it stands
        raise
    finally:
        held.release()
        if paid is not None:
            headers += limits.headers(paid)


async def _answer_health(
    request: EdgeRequest, path: str, headers: list[tuple[bytes, bytes]]
) -> tuple[int, Body]:
    if request.method not in SAFE_METHODS:
        raise MethodNotAllowed("GET, HEAD, OPTIONS")
    if path in LIVE_PATHS:
        return 200, {"status": "alive"}
    status, body = await (health.get_readiness() if path in READY_PATHS else health.get_health())
    if status != 200:
        headers.append((b"retry-after", b"%d" % RETRY_AFTER_S))
    return status, body


def _allow(methods: Methods) -> str:
    names = list(methods)
    if "GET" in methods:
        names.append("HEAD")
    return ", ".join([*names, "OPTIONS"])


# --- who is asking --------------------------------------------------------------------------------


async def find_caller(request: EdgeRequest) -> tuple[Caller, bool]:
    """Return the caller, and whether from memory. Raises Unauthorized or Forbidden."""
    credentials = web_process().credentials
    token = bearer_token(request.header(b"authorization"))
    signed = read_signed([request.header(name) for name in _SIGNED_HEADERS])
    require_one_credential(token, signed)
    if signed is not None:
        return await _caller_who_signed(request, signed)
    if token is not None:
        caller, is_remembered = await credentials.of_token(token)
        return _noted(check_usable(caller, ip=request.ip), request), is_remembered
    session = session_key(request.header(b"cookie"))
    if session is not None:
        caller, is_remembered = await credentials.of_session(session)
        if caller is not None:
            if request.method not in SAFE_METHODS:
                check_csrf(django_request(request.scope))
            return caller, is_remembered
    if settings.ZAVORA_OPEN_API:
        check_local_origin(django_request(request.scope))
        caller, is_remembered = await credentials.of_open_api()
        return check_usable(caller, ip=request.ip), is_remembered
    raise Unauthorized("Log in, send a bearer token, or sign the request.")


async def _caller_who_signed(request: EdgeRequest, signed: Signed) -> tuple[Caller, bool]:
    """Return whose key signed the request, just now and for the first time."""
    process = web_process()
    key, is_remembered = await process.credentials.of_api_key(signed.key_name)
    if request.is_proven:
        # Asked once more, after its owner's accounts changed: the key may be gone meanwhile.
        caller = check_usable(None if key is None else key.caller, ip=request.ip)
        return caller, is_remembered
    text = signed_text(signed, request.method, target_of(request.scope), request.body)
    caller, mark = check_signed(key, signed, text, ip=request.ip)
    await process.replays.require_new(mark, is_write=request.method not in SAFE_METHODS)
    request.is_proven = True
    return _noted(caller, request), is_remembered


def _noted(caller: Caller, request: EdgeRequest) -> Caller:
    web_process().key_uses.note(caller, request.ip)
    return caller


async def _reloaded(request: EdgeRequest, caller: Caller) -> Caller | None:
    """Return the caller as the tables know it, None where that says nothing new."""
    web_process().credentials.forget_user(caller.user_id)
    fresh, _ = await find_caller(request)
    return fresh if fresh.accounts != caller.accounts else None
