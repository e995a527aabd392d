"""The REST side of the Binance-compatible API: one way through it for every request.

Count the weight, read the parameters, find the caller where the route needs one, call one handler,
answer. Whatever goes wrong is answered as ``{code, msg}``; nothing here redirects.
"""

import re
from typing import Any, Final

import structlog

from api.binance import limits
from api.binance.rest import depth_answers
from api.binance.rest.params import Params
from api.binance.rest.routes import CompatRequest, Route, Security
from api.binance.rest.signing import authenticate
from api.binance.rest.table import ROUTES
from api.binance.words import errors
from api.binance.words.errors import CompatError, render
from api.binance.words.failures import known_compat_error
from api.process import web_process
from api.transport import traced
from api.transport.bodies import ClientGone, read_body
from api.transport.compression import packed
from api.transport.errors import JSON_TYPE, NO_STORE, Headers
from api.transport.exact_json import encode
from api.transport.http import SECURITY_HEADERS, Receive, Scope, Send
from api.transport.measured import ROUTE, api_name
from api.transport.refused import note_refused
from zavora.foundation.bodies import BUDGET, HeldBody
from zavora.foundation.logs import request_id_of

# Whatever clients may ask of the API that this one is compatible with, offered or not: they read an
# error only in its form. ``/api/v1`` is our own.
_PLACES: Final = re.compile(
    r"/(?:[sfdep]api|wapi)(?:/.*)?|/api/v(?!1(?:/|$))[0-9]+(?:/.*)?", re.ASCII | re.DOTALL
)
# Where a body counts; that of any other request is read and thrown away.
BODY_METHODS: Final = frozenset({"POST", "PUT", "DELETE"})
API_KEY_HEADER: Final = b"x-mbx-apikey"
WRONG_METHOD_STATUS: Final = 405
_USED_WEIGHT: Final = b"x-mbx-used-weight-1m"
_HEAD: Final[Headers] = [JSON_TYPE, *SECURITY_HEADERS]
_EMPTY_OBJECT: Final = b"{}"

_TABLE: Final[dict[str, dict[str, Route]]] = {}
for (_method, _path), _route in ROUTES.items():
    _TABLE.setdefault(_path, {})[_method] = _route


def is_compat_path(path: str) -> bool:
    """Tell whether a path is this API's, known or not."""
    return _PLACES.fullmatch(path) is not None


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one HTTP request."""
    client = scope.get("client")
    ip: str = client[0] if client else ""
    api_name.set("binance")
    if scope["path"].rstrip("/") in _TABLE:
        scope[ROUTE] = scope["path"].rstrip("/")
    if scope["path"] == depth_answers.PATH and scope["method"] == "GET":
        answer = _answer_depth(scope, ip)
        if answer is not None:
            status, headers, content = answer
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": content})
            return
    headers = list(_HEAD)
    request = CompatRequest(
        method=scope["method"], path=scope["path"].rstrip("/"), ip=ip, headers=headers
    )
    status = 200
    try:
        result = await _answer(request, scope, receive)
        content = result if isinstance(result, bytes) else encode(result)
        if request.is_private:
            headers.append(NO_STORE)
    except ClientGone:
        return
    except Exception as error:  # the outermost edge: every failure has an answer
        known = known_compat_error(error)
        status, more, content = render(known)
        code = "method_not_allowed" if status == WRONG_METHOD_STATUS else known.code
        note_refused(code, address=ip, method=request.method, path=request.path)
        headers += more[1:]  # the first is the content type, which stands already
    if request.may_pack and status == 200:
        accepted = dict(scope["headers"]).get(b"accept-encoding")
        content = await packed(content, headers, accepted)
    headers.append((_USED_WEIGHT, b"%d" % limits.used_weight(request.ip)))
    headers.append((b"content-length", b"%d" % len(content)))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    is_head = request.method == "HEAD"
    await send({"type": "http.response.body", "body": b"" if is_head else content})


def _answer_depth(scope: Scope, ip: str) -> tuple[int, Headers, bytes] | None:
    """Return the whole answer to a plain request for a book; None: it is not that plain."""
    try:
        found = depth_answers.quick_answer(scope.get("query_string", b""), ip)
    except CompatError as error:
        status, headers, content = render(error)
        headers.append((_USED_WEIGHT, b"%d" % limits.used_weight(ip)))
        headers.append((b"content-length", b"%d" % len(content)))
        return status, headers, content
    return None if found is None else (200, *found)


async def _answer(request: CompatRequest, scope: Scope, receive: Receive) -> Any:
    """Return what a request is answered with: an object to encode, or ready JSON."""
    methods = _TABLE.get(request.path)
    if methods is None:
        await limits.take_weight(request.ip, 1)
        raise errors.unknown_path()
    method = request.method
    route = methods.get("GET" if method == "HEAD" else method)
    if route is None:
        await limits.take_weight(request.ip, 1)
        return _answer_options(request, methods)
    held = HeldBody(BUDGET, request.ip)
    try:
        return await _answer_by(route, request, scope, receive, held)
    finally:
        held.release()


async def _answer_by(
    route: Route, request: CompatRequest, scope: Scope, receive: Receive, held: HeldBody
) -> Any:
    received = dict(scope["headers"])
    query: bytes = scope.get("query_string", b"")
    body = b""
    may_have_body = request.method in BODY_METHODS
    if may_have_body or b"content-length" in received or b"transfer-encoding" in received:
        body = await read_body(receive, received, held)
        if not may_have_body:
            body = b""
    params = request.params = Params.of_request(query, body)
    weight = route.weight
    weight = request.weight = weight if isinstance(weight, int) else weight(params)
    await limits.take_weight(request.ip, weight)
    if route.security is Security.NONE:
        # A book is asked for far too often for that.
        request.may_pack = request.path != depth_answers.PATH
        params.check_repeated()
        route.check_required(params)
    else:
        request.is_private = True
        await _identify(request, route, scope, received)
    if route.needs_feed:
        await web_process().feed.ensure_started()
    result = route.handler(request)
    return await result if route.is_async else result


async def _identify(
    request: CompatRequest, route: Route, scope: Scope, received: dict[bytes, bytes]
) -> None:
    """Find out who asks, and give the request the id that follows it through the logs."""
    sent = received.get(b"x-request-id")
    request.request_id = request_id_of(None if sent is None else sent.decode("latin-1"))
    structlog.contextvars.bind_contextvars(request_id=request.request_id)
    traced.begin(scope, request.request_id, is_ours=sent is None)
    request.headers.append((b"x-request-id", request.request_id.encode()))
    sent_key = received.get(API_KEY_HEADER)
    key = None if sent_key is None else sent_key.decode("latin-1")
    request.api_key = key or ""
    request.caller, request.account_pk, request.account_id = await authenticate(
        request.params,
        key,
        request.ip,
        security=route.security,
        check_required=route.check_required,
        is_write=request.method in BODY_METHODS,
    )
    await limits.take_for_key(request.caller, request.ip, request.weight)


def _answer_options(request: CompatRequest, methods: dict[str, Route]) -> bytes:
    names = sorted(methods)
    if "GET" in methods:
        names.append("HEAD")
    allow = ", ".join([*names, "OPTIONS"])
    if request.method != "OPTIONS":
        raise errors.wrong_method(allow)
    request.headers.append((b"allow", allow.encode()))
    return _EMPTY_OBJECT
