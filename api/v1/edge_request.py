"""A request of v1 at the edge, before and after it is known who asks."""

from typing import Any

from api.transport import exact_json
from api.transport.errors import UnsupportedMediaType
from api.transport.http import Scope, is_json
from api.v1.fields import Fields, query_fields


class EdgeRequest:
    """One request. ``may_pack``: the answer is public and may be compressed."""

    __slots__ = (
        *("body", "headers", "ip", "is_proven", "is_public", "may_pack", "method", "path"),
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
        # Set once the request's signature was found good: it counts once, and is not asked again.
        self.is_proven = False
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
