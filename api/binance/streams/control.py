"""What clients of a stream connection ask for, and how they are answered.

``{"method", "params", "id"}`` -> ``{"result", "id"}``, or ``{"code", "msg", "id"}``: a mistake
leaves the connection as it was.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import msgspec

from api.binance.streams.names import StreamName, parse_name
from api.binance.user_data.listen_key_streams import ListenKeyStreams
from api.binance.user_data.user_streams import is_listen_key
from api.binance.words.errors import CompatError
from api.binance.words.symbols import find_market
from api.transport.exact_json import Number, encode, is_encodable, parse, printable
from zavora.foundation.errors import BadRequest

STREAMS_MAX: Final = 1_024
ID_LENGTH_MAX: Final = 36
COMBINED: Final = "combined"
Id = str | msgspec.Raw | None


class Mistake(Exception):
    """What is wrong with a message, by the published codes of streams."""

    def __init__(self, code: int, msg: str) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg


def _invalid(msg: str) -> Mistake:
    return Mistake(2, f"Invalid request: {msg}")


class Controlled(Protocol):
    """What a connection lets itself be asked."""

    is_combined: bool
    listen_keys: ListenKeyStreams

    @property
    def subscriptions(self) -> list[str]:
        """The names of the streams that it follows."""

    def subscribe(self, names: list[StreamName]) -> None:
        """Follow streams; what is followed already stays so."""

    def unsubscribe(self, names: list[str]) -> None:
        """Follow streams no more."""


async def answer(content: str | bytes, connection: Controlled) -> str:
    """Do what a message asks for and return the text of its answer."""
    request_id: Id = None
    try:
        body = _object_of(content)
        request_id = _id_of(body.get("id"))
        method = body.get("method")
        if method is None:
            raise _invalid("missing field `method`")
        handler = METHODS.get(method) if isinstance(method, str) else None
        if handler is None:
            expected = ", ".join(f"`{name}`" for name in METHODS)
            shown = printable(str(method))
            raise _invalid(f"unknown variant `{shown}`, expected one of {expected}")
        result = await handler(connection, body.get("params"))
    except Mistake as mistake:
        return encode({"code": mistake.code, "msg": mistake.msg, "id": request_id}).decode()
    return encode({"result": result, "id": request_id}).decode()


def is_compat_call(content: str | bytes) -> bool:
    """Tell whether a first message on the shared address speaks this API: an upper-case method."""
    try:
        method = _object_of(content).get("method")
    except Mistake:
        return False
    return isinstance(method, str) and method.isupper()


def _object_of(content: str | bytes) -> dict[str, Any]:
    try:
        body = parse(content.encode() if isinstance(content, str) else content)
    except (BadRequest, UnicodeEncodeError):
        raise Mistake(3, "Invalid JSON: expected value at line 1 column 1") from None
    if not isinstance(body, dict):
        raise _invalid("expected an object")
    return body


def _id_of(value: Any) -> Id:
    """Return an id as it is echoed: an integer, a short string or null."""
    if value is None:
        return None
    if isinstance(value, Number):
        if value.lstrip("-").isdigit():
            return msgspec.Raw(value.encode())
    elif isinstance(value, str) and len(value) <= ID_LENGTH_MAX and is_encodable(value):
        return value
    raise _invalid("request ID must be an integer, a string of at most 36 characters or null")


def _names_of(params: Any) -> list[str]:
    is_list = isinstance(params, list)
    if not is_list or not all(type(name) is str for name in params):
        raise _invalid("params must be a list of stream names")
    if not params:
        raise _invalid("missing stream names in params")
    return list(params)


async def _subscribe(connection: Controlled, params: Any) -> None:
    texts = list(dict.fromkeys(_names_of(params)))
    names = [_known(text) for text in texts if not is_listen_key(text)]
    followed = set(connection.subscriptions)
    if len(followed.union(texts)) > STREAMS_MAX:
        raise _invalid(f"too many streams, at most {STREAMS_MAX} per connection")
    connection.subscribe(names)
    await connection.listen_keys.follow(filter(is_listen_key, texts))


def _known(text: str) -> StreamName:
    """Return the stream of a name, of a market that there is."""
    name = parse_name(text)
    if name is not None:
        try:
            if name.symbol is not None:
                find_market(name.symbol)
        except CompatError:
            pass
        else:
            return name
    raise _invalid(f"invalid stream `{printable(text)}`")


async def _unsubscribe(connection: Controlled, params: Any) -> None:
    connection.unsubscribe(_names_of(params))


async def _list_subscriptions(connection: Controlled, _params: Any) -> list[str]:
    return connection.subscriptions


async def _set_property(connection: Controlled, params: Any) -> None:
    if not isinstance(params, list) or len(params) != 2:
        raise _invalid("params must be a property name and its value")
    _check_property(params[0])
    if not isinstance(params[1], bool):
        raise Mistake(1, "Invalid value type: expected Boolean")
    connection.is_combined = params[1]


async def _get_property(connection: Controlled, params: Any) -> bool:
    if not isinstance(params, list) or len(params) != 1:
        raise _invalid("params must be a property name")
    _check_property(params[0])
    return connection.is_combined


def _check_property(name: Any) -> None:
    if type(name) is not str:
        raise _invalid("property name must be a string")
    if name != COMBINED:
        raise Mistake(0, "Unknown property")


METHODS: Final[dict[str, Callable[[Controlled, Any], Awaitable[Any]]]] = {
    "SUBSCRIBE": _subscribe,
    "UNSUBSCRIBE": _unsubscribe,
    "LIST_SUBSCRIPTIONS": _list_subscriptions,
    "SET_PROPERTY": _set_property,
    "GET_PROPERTY": _get_property,
}
