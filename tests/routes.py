"""Every way in, taken from the tables that the product itself routes by."""

import re
from collections.abc import Iterator

from django.urls import URLPattern, URLResolver, get_resolver

# What stands for the variable parts of a path.
EXAMPLES = {"account": "00000000-0000-4000-8000-000000000000", "symbol": "BTC/EUR"}


def django_paths() -> list[str]:
    """Return the path of every URL pattern (the admin's too), with examples for its parts."""
    return sorted({_example(text) for text in _patterns(get_resolver(), "/")})


def _patterns(resolver: URLResolver, prefix: str) -> Iterator[str]:
    for entry in resolver.url_patterns:
        text = prefix + str(entry.pattern).removeprefix("^").removesuffix("$").removesuffix("\\Z")
        if isinstance(entry, URLResolver):
            yield from _patterns(entry, text)
        elif isinstance(entry, URLPattern):
            yield text


def _example(text: str) -> str:
    text = re.sub(r"<(?:\w+:)?(\w+)>", lambda part: EXAMPLES.get(part[1], "1"), text)
    return re.sub(r"\(\?P<\w+>[^)]*\)", "1", text).replace("\\", "")


def v1_edge_paths() -> list[tuple[str, str]]:
    """Return (method, path) of what v1's edge answers."""
    from api.edge import app

    order, market = "/api/v1/orders/1", "/api/v1/markets/BTC-EUR"
    tables = {
        "/api/v1/orders": app.ORDERS,
        "/api/v1/orders/batch": app.BATCH,
        "/api/v1/orders/cancel-all": app.CANCEL_ALL,
        order: app.ORDER,
        "/api/v1/markets": app.MARKETS,
        "/api/v1/markets/tickers": app.TICKERS,
        market: app.MARKET,
        **{f"{market}/{name}": methods for name, methods in app.OF_MARKET.items()},
    }
    return [
        *((method, path) for path, methods in tables.items() for method in methods),
        *(("GET", path) for path in sorted(app.HEALTH_PATHS)),
    ]


def compat_routes() -> list[tuple[str, str]]:
    """Return (method, path) of the Binance-compatible REST API."""
    from api.binance.table import ROUTES

    return list(ROUTES)
