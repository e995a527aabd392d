"""What others on the way may keep: public market data, and nothing else.

The routes are taken from the tables that answer them, so a new one is asked, too.
"""

import re
from uuid import uuid4

import httpx
import pytest
from django.urls import URLPattern

from api.binance.rest.routes import Security
from api.binance.rest.table import ROUTES
from api.v1 import app as edge
from api.v1.urls import urlpatterns as django_routes

PUBLIC_OF_DJANGO = {
    "/api/v1/markets/BTC-EUR/candles", "/api/v1/liabilities", "/api/schema", "/api/docs",
}  # fmt: skip
_NUMBERED = ("address", "alert", "key", "report", "snapshot", "withdrawal")
_PARTS = {f"str:{name}": "1" for name in _NUMBERED} | {
    "str:account": str(uuid4()),
    "path:symbol": "BTC-EUR",
}

EDGE_PATHS = {
    "/api/v1/orders": edge.ORDERS,
    "/api/v1/orders/batch": edge.BATCH,
    "/api/v1/orders/cancel-all": edge.CANCEL_ALL,
    "/api/v1/orders/preview": edge.PREVIEW,
    "/api/v1/orders/lists": edge.LISTS,
    "/api/v1/orders/lists/1": edge.LIST,
    "/api/v1/orders/1": edge.ORDER,
    "/api/v1/orders/1/amendments": edge.AMENDMENTS,
    "/api/v1/orders/1/proof": edge.PROOF,
    "/api/v1/orders/1/replace": edge.REPLACE,
    f"/api/v1/accounts/{_PARTS['str:account']}/queue/BTC-EUR": edge.QUEUE,
    f"/api/v1/accounts/{_PARTS['str:account']}/protections/BTC-EUR": edge.PROTECTION,
    f"/api/v1/accounts/{_PARTS['str:account']}/protections/BTC-EUR/reset": edge.RESET,
    "/api/v1/markets": edge.MARKETS,
    "/api/v1/markets/tickers": edge.TICKERS,
    "/api/v1/markets/BTC-EUR": edge.MARKET,
    **{f"/api/v1/markets/BTC-EUR/{name}": methods for name, methods in edge.OF_MARKET.items()},
}


def _django_paths():
    for route in django_routes:
        assert isinstance(route, URLPattern)  # an include would hide routes from the walk
        text = str(route.pattern)
        if text != "^":
            yield "/api/" + re.sub(r"<(.+?)>", lambda part: _PARTS[part[1]], text)


def asked():
    """Return (method, path, whether its successes may be kept) of every route of all APIs."""
    found = [("GET", path, path in PUBLIC_OF_DJANGO) for path in _django_paths()]
    found += [("POST", path, False) for path in _django_paths()]
    for path, methods in EDGE_PATHS.items():
        found += [(method, path, route.is_public) for method, route in methods.items()]
    found += [("GET", path, False) for path in sorted(edge.ANY_HOST_PATHS)]
    for (method, path), route in ROUTES.items():
        found.append((method, path, route.security is Security.NONE))
    found += [("GET", path, False) for path in ("/api/v1/nothing", "/api/v3/nothing", "/nothing")]
    found += [("GET", path, False) for path in ("/login", "/signup", "/admin/", "/account", "/")]
    return found


def test_every_method_of_the_edge_is_asked():
    tables = [value for value in vars(edge).values() if _is_table(value)]
    assert len(tables) > 5
    assert all(any(table is asked for asked in EDGE_PATHS.values()) for table in tables)


def _is_table(value):
    return (
        isinstance(value, dict)
        and bool(value)
        and all(isinstance(route, edge.Route) for route in value.values())
    )


@pytest.mark.parametrize("who", ["anonymous", "caller"])
def test_nothing_private_and_no_refusal_may_be_kept(exchange, alice, who):
    headers = {"Authorization": f"Bearer {alice.token}"} if who == "caller" else {}
    wrong = []
    with httpx.Client(base_url=exchange.base_url, headers=headers, timeout=30) as client:
        for method, path, may_keep in asked():
            answer = client.request(method, path)
            kept = "no-store" not in answer.headers.get("cache-control", "")
            expected = may_keep and answer.status_code == 200
            if kept is not expected:
                wrong.append((method, path, answer.status_code, answer.headers))
            assert len(answer.headers.get_list("cache-control")) <= 1, (method, path)
    assert wrong == []


def test_a_callers_own_answers_are_not_kept(exchange, alice):
    account = alice.new_account(EUR="100")
    for path in ("", "/balances", "/orders", "/trades", "/ledger"):
        answer = alice.get(f"/accounts/{account}{path}")
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    body = {"user_id": account, "market": "BTC/EUR", "side": "buy", "order_type": "Limit"}
    placed = alice.post("/orders", json=body | {"price": "10", "quantity": "1"})
    assert (placed.status_code, placed.headers["cache-control"]) == (200, "no-store")
    order = placed.json()["data"]["order"]["id"]
    assert alice.delete(f"/orders/{order}").headers["cache-control"] == "no-store"
