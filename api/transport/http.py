"""Just enough HTTP over ASGI: a request, and one way to answer."""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import parse_qsl

from accounts.access.callers import Caller
from api.fields import Fields
from api.transport import exact_json
from api.transport.errors import JSON_TYPE, Headers, UnsupportedMediaType
from zavora.foundation.errors import BadRequest

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

QUERY_FIELDS_MAX: Final = 50
SECURITY_HEADERS: Final[Headers] = [(b"x-content-type-options", b"nosniff")]


class EdgeRequest:
    """One request. ``caller`` is set by the application where the route needs one.

    ``may_pack``: the answer is public and may be compressed.
    """

    __slots__ = (
        *("body", "caller", "headers", "ip", "is_public", "may_pack", "method", "path"),
        *("request_id", "scope"),
    )

    def __init__(self, scope: Scope, path: str, headers: dict[bytes, bytes]) -> None:
        self.scope = scope
        self.path = path
        self.method: str = scope["method"]
        self.headers = headers
        client = scope.get("client")
        self.ip: str = client[0] if client else ""
        self.request_id = ""
        self.body = b""
        self.caller: Caller | None = None
        # Set once it is known that the answer holds nothing of its caller.
        self.is_public = False
        self.may_pack = False

    def header(self, name: bytes) -> str | None:
        """Return a header's text, by its lower-case name."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def json(self) -> Any:
        """Return the body's value; raises BadRequest or UnsupportedMediaType."""
        kind = self.headers.get(b"content-type", b"application/json")
        if not is_json(kind):
            raise UnsupportedMediaType("Send the body as application/json.")
        return exact_json.parse(self.body)

    def json_or_empty(self) -> Any:
        """Return the body's value, an empty object where there is no body."""
        return self.json() if self.body else {}

    def query(self) -> Fields:
        """Return the query's fields; a repeated one is refused."""
        return query_fields(self.scope.get("query_string", b""))


def is_json(content_type: bytes) -> bool:
    """Tell whether a Content-Type header names JSON."""
    if content_type == b"application/json":
        return True
    kind = content_type.split(b";", 1)[0].strip().lower()
    return kind == b"application/json" or (
        kind.startswith(b"application/") and kind.endswith(b"+json")
    )


def query_fields(query_string: bytes) -> Fields:
    """Return a query string's fields. Raises BadRequest for one that repeats or is unreadable."""
    if not query_string:
        return Fields({})
    try:
        pairs = parse_qsl(
            query_string.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=QUERY_FIELDS_MAX,
        )
    except ValueError:
        raise BadRequest("The query string could not be read.") from None
    values = dict(pairs)
    if len(values) != len(pairs):
        raise BadRequest("The query string repeats a field.")
    return Fields(values)


async def send_answer(
    send: Send, *, status: int, headers: Headers, body: bytes, is_head: bool = False
) -> None:
    """Send one whole answer."""
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if is_head else body})


def json_headers() -> Headers:
    """Return the headers of a JSON answer, to be added to."""
    return [JSON_TYPE, *SECURITY_HEADERS]
