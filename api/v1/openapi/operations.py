"""What the OpenAPI document says of operations: credentials, queries, envelopes, a decorator.

Views are found by drf-spectacular; the edge's routes are added to the same document.
"""

import re
from collections.abc import Callable
from typing import Any, Final, TypeVar

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.utils import OpenApiParameter, extend_schema

from api.access.signatures import KEY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER
from marketdata.candles.intervals import INTERVALS

View = TypeVar("View", bound=Callable[..., Any])

QUERY: Final[dict[str, dict[str, Any]]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": 500, "default": 100},
    "cursor": {"type": "string", "description": "`meta.next` of the page before."},
    "market": {"type": "string", "examples": ["BTC/USD"]},
    "asset": {"type": "string", "examples": ["BTC"]},
    "account": {"type": "string", "format": "uuid"},
    "side": {"type": "string", "enum": ["Buy", "Sell"]},
    "status": {"type": "string", "examples": ["Open", "Pending", "Filled,Cancelled"]},
    "list_status": {"type": "string", "enum": ["Executing", "Done"]},
    "client_order_id": {"type": "string", "maxLength": 64},
    "interval": {"type": "string", "enum": list(INTERVALS), "default": "1m"},
    "currency": {
        "type": "string",
        "description": "The asset to value in; else the one chosen in the preferences.",
        "examples": ["USD"],
    },
    "portfolio_interval": {"type": "string", "enum": ["1h", "1d"], "default": "1d"},
    "portfolio_limit": {"type": "integer", "minimum": 1, "maximum": 1500, "default": 400},
    "start": {"type": "string", "format": "date-time"},
    "end": {"type": "string", "format": "date-time"},
    "depth": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 10},
}
# Names here of what is called the same and means something else.
_OTHERWISE: Final = re.compile("^(list|portfolio)_")
KEY_DESCRIPTION: Final = "Repeat a request with the same key and it takes effect once."
BEARER: Final = "bearer"
SESSION: Final = "session"
# All three come with a signed request.
SIGNED: Final = {
    "signing_key": KEY_HEADER,
    "timestamp": TIMESTAMP_HEADER,
    "signature": SIGNATURE_HEADER,
}
SECURITY: Final[list[dict[str, list[str]]]] = [
    {BEARER: []},
    {name: [] for name in SIGNED},
    {SESSION: []},
]
# Its own declaration knows names alone, and hands on what it is given.
SESSION_ONLY: Final[list[Any]] = [{SESSION: []}]


def reference(name: str) -> dict[str, str]:
    """Return a reference to a shape."""
    return {"$ref": f"#/components/schemas/{name}"}


def envelope_schema(name: str, *, is_list: bool = False, is_paged: bool = False) -> dict[str, Any]:
    """Return the schema of a success."""
    data: dict[str, Any] = reference(name)
    if is_list:
        data = {"type": "array", "items": data}
    properties: dict[str, Any] = {"data": data}
    if is_paged:
        cursor = {"type": ["string", "null"], "description": "The next page's cursor."}
        properties["meta"] = {"type": "object", "properties": {"next": cursor}}
    return {"type": "object", "properties": properties, "required": list(properties)}


def documented(
    operation: str,
    name: str,
    *,
    is_list: bool = False,
    is_paged: bool = False,
    body: str | None = None,
    has_key: bool = False,
    query: tuple[str, ...] = (),
    is_public: bool = False,
    is_for_sessions: bool = False,
    tag: str = "Accounts",
) -> Callable[[View], View]:
    """Describe a view's method for the document: its operation's id, and the shape it returns."""
    names = (*query, "limit", "cursor") if is_paged else query
    parameters = [
        OpenApiParameter(
            one.removeprefix("list_").removeprefix("portfolio_"), QUERY[one], OpenApiParameter.QUERY
        )
        for one in names
    ]
    if has_key:
        parameters.append(
            OpenApiParameter(
                "Idempotency-Key",
                {"type": "string", "maxLength": 128},
                OpenApiParameter.HEADER,
                description=KEY_DESCRIPTION,
            )
        )
    success = envelope_schema(name, is_list=is_list, is_paged=is_paged)
    decorate: Callable[[View], View] = extend_schema(
        operation_id=operation,
        request={"application/json": reference(body)} if body else None,
        responses={
            (200, "application/json"): success,
            ("default", "application/json"): reference("Error"),
        },
        parameters=parameters,
        auth=[] if is_public else SESSION_ONLY if is_for_sessions else None,
        tags=["Markets" if is_public else tag],
    )
    return decorate


class CallerAuthenticationScheme(OpenApiAuthenticationExtension):
    """Names the credentials: a bearer token, a signature, or a browser session."""

    target_class = "api.access.auth.CallerAuthentication"
    name = [BEARER, *SIGNED, SESSION]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[str]]]:
        """Return what a request comes with: one of these."""
        return SECURITY

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        """Return the schemes, in the order of ``name``."""
        return [
            {"type": "http", "scheme": "bearer"},
            *({"type": "apiKey", "in": "header", "name": header} for header in SIGNED.values()),
            {
                "type": "apiKey",
                "in": "cookie",
                "name": settings.SESSION_COOKIE_NAME,
                "description": "Unsafe methods also need the X-CSRFToken header.",
            },
        ]
