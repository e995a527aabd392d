"""Which paths the edge answers, and with what."""

import pytest

from api.transport.http import is_json
from api.v1 import app
from api.v1.fields import query_fields
from zavora.foundation.errors import BadRequest


@pytest.mark.parametrize(
    ("path", "methods", "arguments"),
    [
        ("/api/v1/orders", app.ORDERS, ()),
        ("/api/v1/orders/", app.ORDERS, ()),
        ("/api/v1/orders/batch", app.BATCH, ()),
        ("/api/v1/orders/cancel-all/", app.CANCEL_ALL, ()),
        ("/api/v1/orders/12", app.ORDER, ("12",)),
        ("/api/v1/orders/x y", app.ORDER, ("x y",)),
        ("/api/v1/orders/12/replace", app.REPLACE, ("12",)),
        ("/api/v1/orders/12/proof", app.PROOF, ("12",)),
        ("/api/v1/accounts/x/queue/BTC-USD", app.QUEUE, ("x", "BTC/USD")),
        ("/api/v1/accounts/x/queue/BTC/USD/", app.QUEUE, ("x", "BTC/USD")),
        ("/api/v1/orders/lists", app.LISTS, ()),
        ("/api/v1/orders/lists/12", app.LIST, ("12",)),
        ("/api/v1/orders/preview", app.PREVIEW, ()),
        ("/api/v1/accounts/x/protections/BTC-USD", app.PROTECTION, ("x", "BTC/USD")),
        ("/api/v1/accounts/x/protections/BTC/USD/", app.PROTECTION, ("x", "BTC/USD")),
        ("/api/v1/accounts/x/protections/BTC/USD/reset", app.RESET, ("x", "BTC/USD")),
        ("/api/v1/markets", app.MARKETS, ()),
        ("/api/v1/markets/tickers", app.TICKERS, ()),
        ("/api/v1/markets/BTC/USD/ticker", app.OF_MARKET["ticker"], ("BTC/USD",)),
        ("/api/v1/markets/BTC-USD/ticker/", app.OF_MARKET["ticker"], ("BTC/USD",)),
        ("/api/v1/markets/BTC/USD/order-book", app.OF_MARKET["order-book"], ("BTC/USD",)),
        ("/api/v1/markets/x/trades", app.OF_MARKET["trades"], ("x",)),
        ("/api/v1/markets/BTC/USD", app.MARKET, ("BTC/USD",)),
        ("/api/v1/markets/BTC-USD", app.MARKET, ("BTC/USD",)),
    ],
)
def test_edge_paths(path, methods, arguments):
    assert app.match(path) == (methods, arguments)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api/v1",
        "/api/v1/",
        "/api/v2/orders",
        "/api/v1/accounts",
        "/api/v1/orders/1/trades",
        "/api/v1/orders/lists/1/2",
        "/api/v1/accounts/x/protections",
        "/api/v1/accounts/x/protections/reset",
        "/api/v1/accounts/x/queue/BTC/USD/reset",
        "/api/v1/accounts/x/queue",
        "/api/v1/markets/BTC/USD/candles",
        "/api/v1/markets/BTC-USD/candles/",
        "/api/v1/markets/BTC/USD/nothing",
        "/orders",
    ],
)
def test_other_paths_are_djangos(path):
    assert app.match(path) is None
    assert not app.is_edge_path(path)


@pytest.mark.parametrize("path", ["/health", "/health/live", "/api/v1/health", "/api/v1/health/"])
def test_health_is_the_edges(path):
    assert app.is_edge_path(path)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (b"application/json", True),
        (b"Application/JSON; charset=utf-8", True),
        (b"application/problem+json", True),
        (b"text/plain", False),
        (b"application/x-www-form-urlencoded", False),
        (b"", False),
        (b"application/jsonp", False),
    ],
)
def test_only_json_is_json(kind, expected):
    assert is_json(kind) is expected


@pytest.mark.parametrize("query", [b"a=1&a=2", b"a=%ff", b"\xff=1", b"&".join([b"x=1"] * 60)])
def test_a_query_that_repeats_or_cannot_be_read_is_refused(query):
    with pytest.raises(BadRequest):
        query_fields(query)
