"""Every way in, taken from the tables that the product itself routes by."""

import re
from collections.abc import Iterator
from typing import Any, get_args

from django.conf import settings
from django.urls import URLPattern, URLResolver, get_resolver

# What stands for the variable parts of a path.
EXAMPLES = {
    "account": "00000000-0000-4000-8000-000000000000",
    "account_id": "00000000-0000-4000-8000-000000000000",
    "market": "BTC-EUR",
    "symbol": "BTC/EUR",
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# Whatever no pattern before it answers.
ANYTHING_ELSE = "<anything else>"


def django_paths() -> list[str]:
    """Return the path of every URL pattern (the admin's too), with examples for its parts."""
    return sorted({_example(text) for text, _ in _patterns(get_resolver(), "/", "")})


def _patterns(resolver: URLResolver, prefix: str, without: str) -> Iterator[tuple[str, Any]]:
    """Give every pattern's text and view, but for those of the app ``without``."""
    for entry in resolver.url_patterns:
        text = prefix + str(entry.pattern).removeprefix("^").removesuffix("$").removesuffix("\\Z")
        if isinstance(entry, URLResolver):
            if not without or entry.app_name != without:
                yield from _patterns(entry, text, without)
        elif isinstance(entry, URLPattern):
            is_rest = str(entry.pattern) == "^"
            yield text + (ANYTHING_ELSE if is_rest else ""), entry.callback


def _example(text: str) -> str:
    text = text.removesuffix(ANYTHING_ELSE)
    text = re.sub(r"<(?:\w+:)?(\w+)>", lambda part: EXAMPLES.get(part[1], "1"), text)
    return re.sub(r"\(\?P<\w+>[^)]*\)", "1", text).replace("\\", "")


# --- v1 -------------------------------------------------------------------------------------------


def v1_calls() -> list[tuple[str, str]]:
    """Return (method, pattern) of all calls of v1, its edge's and its views'."""
    return sorted({*_edge_patterns(), *_view_patterns()})


def v1_edge_paths() -> list[tuple[str, str]]:
    """Return (method, path) of what v1's edge answers, with examples in it."""
    return [(method, _example(path)) for method, path in _edge_patterns()]


def _edge_patterns() -> list[tuple[str, str]]:
    from api.v1 import app

    return [
        *((method, app.PREFIX + path) for path, methods in app.PATHS.items() for method in methods),
        *(("GET", path) for path in sorted(app.ANY_HOST_PATHS)),
    ]


def _view_patterns() -> list[tuple[str, str]]:
    found = []
    for text, callback in _patterns(get_resolver(), "/", "admin"):
        if text.startswith("/api/v1/"):
            path = re.sub(r"<(?:\w+:)?(\w+)>", r"<\1>", text).replace("<symbol>", "<market>")
            found += [(method, path) for method in _methods_of(callback)]
    return found


def _methods_of(callback: Any) -> list[str]:
    """Return the methods of a view; of one that is a function, all that there are."""
    view = getattr(callback, "view_class", None) or getattr(callback, "cls", None)
    return [name for name in METHODS if view is None or hasattr(view, name.lower())]


# --- pages ----------------------------------------------------------------------------------------


def page_paths() -> list[str]:
    """Return the pattern of every other path: pages, the API's documents, files at the root.

    What ``admin.site`` offers has a walk of its own (``tests.admin_walk``).
    """
    of_django = {text for text, _ in _patterns(get_resolver(), "/", "admin")}
    pages = {text for text in of_django if not text.startswith("/api/v1/")}
    files = {f"/{file.name}" for file in settings.WHITENOISE_ROOT.iterdir()}
    return sorted(pages | files)


# --- the compatible API ---------------------------------------------------------------------------


def compat_routes() -> list[tuple[str, str]]:
    """Return (method, path) of the Binance-compatible REST API."""
    from api.binance.rest.table import ROUTES

    return list(ROUTES)


def ws_api_methods() -> list[str]:
    """Return the methods of the compatible WebSocket API."""
    from api.binance.ws_api.methods import OWN_METHODS, REST_METHODS

    return sorted({*OWN_METHODS, *REST_METHODS})


def stream_kinds() -> list[str]:
    """Return the kinds of streams of the market."""
    from api.binance.streams.names import Kind

    return list(get_args(Kind))


def stream_methods() -> list[str]:
    """Return what clients of streams may ask for."""
    from api.binance.streams.control import METHODS as CONTROL

    return list(CONTROL)


# --- sockets --------------------------------------------------------------------------------------


def socket_paths() -> list[str]:
    """Return the addresses of WebSockets."""
    from api.sockets import PATHS

    return list(PATHS)


def socket_calls() -> list[str]:
    """Return the methods of the v1 socket, and what one may subscribe to."""
    from api.v1.socket.methods import CHANNELS
    from api.v1.socket.methods import METHODS as V1_METHODS

    return [
        *(name for name in V1_METHODS if name != "subscribe"),
        *(f"subscribe {channel}" for channel in CHANNELS),
    ]
