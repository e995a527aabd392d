"""How requests and answers of the WebSocket API look: ``{id, method, params}`` and back."""

from typing import Any, Final

import msgspec

from api.binance.rest.params import Params
from api.binance.words import errors
from api.binance.words.errors import CompatError
from api.transport.exact_json import Number, encode, is_encodable, parse, printable
from zavora.foundation.errors import BadRequest
from zavora.foundation.times import now_ms

ID_LENGTH_MAX: Final = 36
METHOD_LENGTH_MAX: Final = 64
# Statuses of answers that say when to ask again.
WAIT_STATUSES: Final = frozenset({418, 429})

Id = str | msgspec.Raw | None


class Request(msgspec.Struct):
    """One request as it was understood."""

    id: Id
    method: str
    params: dict[str, Any]


def bad_json() -> CompatError:
    """The message is no JSON object."""
    return CompatError(-1135, "Invalid JSON Request")


def unknown_method(name: str) -> CompatError:
    """There is no such method."""
    return CompatError(errors.CODE_UNKNOWN, f"There is no method '{printable(name)}'.")


def read_body(content: str | bytes) -> dict[str, Any]:
    """Return a message as an object, numbers as the texts they were. Raises -1135 or -1101."""
    try:
        body = parse(content.encode() if isinstance(content, str) else content)
    except UnicodeEncodeError:
        raise bad_json() from None
    except BadRequest as error:
        if "key" in error.details:
            raise errors.repeated(str(error.details["key"])) from None
        raise bad_json() from None
    if not isinstance(body, dict):
        raise bad_json()
    return body


def read_id(body: dict[str, Any]) -> Id:
    """Return a request's id as it is echoed: an integer, a short text or null. Raises -1100."""
    value = body.get("id")
    if value is None:
        return None
    if isinstance(value, Number):
        if len(value) <= ID_LENGTH_MAX and value.removeprefix("-").isdecimal():
            return msgspec.Raw(value.encode())
    elif isinstance(value, str) and len(value) <= ID_LENGTH_MAX and is_encodable(value):
        return value
    raise errors.illegal("id", r"^[a-zA-Z0-9-_]{1,36}$")


def read_request(body: dict[str, Any], request_id: Id) -> Request:
    """Return method and params of a message. Raises -1102 or -1135."""
    method = body.get("method")
    if method is None or method == "":
        raise errors.mandatory("method")
    if type(method) is not str:
        raise bad_json()
    params = body.get("params")
    if params is None:
        params = {}
    if not isinstance(params, dict):
        raise bad_json()
    return Request(request_id, method, params)


def params_of(request: Request) -> Params:
    """Return a request's parameters. Raises -1135 for half a surrogate pair, which is no text."""
    try:
        return Params.of_object(request.params)
    except UnicodeEncodeError:
        raise bad_json() from None


def answer(request_id: Id, result: Any, *, rate_limits: list[dict[str, Any]] | None) -> str:
    """Return the answer to a request that succeeded; ``result`` may be ready bytes of JSON."""
    shown = msgspec.Raw(result) if isinstance(result, bytes) else result
    return _text({"id": request_id, "status": 200, "result": shown}, rate_limits)


def failure(request_id: Id, error: CompatError, *, rate_limits: list[dict[str, Any]] | None) -> str:
    """Return the answer to a request that failed."""
    shown = error.body()
    if error.status in WAIT_STATUSES and error.retry_after_s is not None:
        now = now_ms()
        shown["data"] = {"serverTime": now, "retryAfter": now + error.retry_after_s * 1_000}
    return _text({"id": request_id, "status": error.status, "error": shown}, rate_limits)


def _text(body: dict[str, Any], rate_limits: list[dict[str, Any]] | None) -> str:
    if rate_limits is not None:
        body["rateLimits"] = rate_limits
    return encode(body).decode()
