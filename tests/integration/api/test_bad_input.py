"""Every v1 route with bad input: the documented envelope and status, and nothing changed."""

import json
from uuid import UUID, uuid4

import pytest
from django.conf import settings

from tests.integration.api.conftest import order, table_state

DEEP = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
HUGE = b'{"a": "' + b"x" * 2_000_000 + b'"}'
JSON = {"content-type": "application/json"}
OUT_OF_RANGE = "1" + "0" * 40
FIGURES = (
    *("", " ", "abc", "1,5", "1_000", "+1", "0x10", "1e5", "NaN", "Infinity", "-1", "0", "0.0"),
    *("1.000000000000000000001", OUT_OF_RANGE, "1" * 5000, "١", True, [], {}, None),
)
CODES = {
    400: {"bad_request", "invalid_order", "insufficient_balance"},
    401: {"unauthorized"},
    403: {"forbidden"},
    404: {"not_found", "order_not_found", "market_not_found", "account_not_found"},
    405: {"method_not_allowed"},
    413: {"payload_too_large"},
    415: {"unsupported_media_type"},
    422: {"validation_error"},
    409: {"conflict", "order_not_open"},
}


@pytest.fixture(scope="module")
def place(exchange, alice, bob):
    """An account of each, and an open order of each, far from anything that could trade."""
    mine = alice.new_account(EUR="1000", BTC="1")
    theirs = bob.new_account(EUR="1000", BTC="1")
    own = alice.data("POST", "/orders", json=order(mine, "buy", "10", "1"))["order"]["id"]
    foreign = bob.data("POST", "/orders", json=order(theirs, "buy", "10", "1"))["order"]["id"]
    yield {"account": mine, "foreign_account": theirs, "order": own, "foreign_order": foreign}
    alice.data("POST", "/orders/cancel-all", json={"account": mine})
    bob.data("POST", "/orders/cancel-all", json={"account": theirs})


@pytest.fixture
def unchanged(exchange, place):
    """Let a test run only refusals: afterwards every table must be as it was."""
    before = table_state(exchange)
    yield
    assert table_state(exchange) == before


def routes(place):
    """Yield (method, path) of every route that takes a body."""
    account = place["account"]
    yield from (
        ("POST", "/orders"),
        ("POST", "/orders/batch"),
        ("POST", "/orders/cancel-all"),
        ("PATCH", f"/orders/{place['order']}"),
        ("POST", f"/orders/{place['order']}"),
        ("DELETE", f"/orders/{place['order']}"),
        ("POST", "/accounts"),
        ("POST", f"/accounts/{account}/deposit"),
        ("POST", f"/accounts/{account}/withdraw"),
    )


def check(response, *statuses):
    """Check status, envelope, code and request id of a refusal."""
    told = f"{response.request.method} {response.request.url} -> {response.text[:300]}"
    assert response.status_code in statuses, f"{response.status_code} {told}"
    assert response.headers["content-type"] == "application/json", told
    body = response.json()
    assert set(body) == {"error", "request_id"}, told
    assert set(body["error"]) - {"details"} == {"code", "message"}, told
    assert body["error"]["code"] in CODES[response.status_code], told
    assert str(UUID(body["request_id"])) == response.headers["x-request-id"], told
    for secret in ("Traceback", "SELECT", str(settings.BASE_DIR), ".py"):
        assert secret not in response.text, told
    return body["error"]


def test_bodies_that_cannot_be_read(alice, place, unchanged):
    for method, path in routes(place):
        for body, status in (
            (b"{", 400),
            (b'{"a": NaN}', 400),
            (b'{"a": 1, "a": 2}', 400),
            (b"\xff\xfe", 400),
            (DEEP, 400),
            (b"[" * 100_000, 400),
            (HUGE, 413),
        ):
            check(alice.request(method, path, content=body, headers=JSON), status)


def test_bodies_of_another_kind(alice, place, unchanged):
    for method, path in routes(place):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            response = alice.request(method, path, content=b"a=1", headers={"content-type": kind})
            check(response, 415)


def test_bodies_of_a_wrong_type(alice, place, unchanged):
    for method, path in routes(place):
        for body in (b"1", b'"x"', b"true", b"[1]", b"[]", b"[[]]"):
            response = alice.request(method, path, content=body, headers=JSON)
            if path == "/orders/batch" and body.startswith(b"[") and body != b"[]":
                [item] = response.json()["data"]
                assert item["error"]["code"] == "validation_error"
            else:
                check(response, 422)


def test_unknown_and_missing_fields(alice, place, unchanged):
    for method, path in routes(place):
        if path != "/orders/batch":
            error = check(alice.request(method, path, json={"surprise": 1}), 422)
            assert error["details"]["surprise"] == "is not a field of this request"
    assert set(check(alice.post("/orders", json={}), 422)["details"]) == {
        "user_id",
        "market",
        "side",
        "order_type",
    }
    for action in ("deposit", "withdraw"):
        error = check(alice.post(f"/accounts/{place['account']}/{action}", json={}), 422)
        assert set(error["details"]) == {"asset", "amount"}


@pytest.mark.parametrize("field", ["price", "quantity"])
def test_figures_of_an_order(alice, place, unchanged, field):
    for figure in FIGURES:
        body = order(place["account"], "buy", "10", "1") | {field: figure}
        assert field in check(alice.post("/orders", json=body), 422)["details"]
        if figure is not None:
            response = alice.patch(f"/orders/{place['order']}", json={field: figure})
            assert field in check(response, 422)["details"]
    for raw in ("1e999999999", "-0", "1.0000000000000000000001", "1E400", "0.000"):
        text = json.dumps(order(place["account"], "buy", "10", "1") | {field: "@"})
        body = text.replace('"@"', raw).encode()
        assert field in check(alice.post("/orders", content=body, headers=JSON), 422)["details"]


@pytest.mark.parametrize("action", ["deposit", "withdraw"])
def test_figures_of_a_movement(alice, place, unchanged, action):
    path = f"/accounts/{place['account']}/{action}"
    for figure in FIGURES:
        response = alice.post(path, json={"asset": "EUR", "amount": figure})
        assert "amount" in check(response, 422)["details"]
    for asset in ("NOPE", "", 5, None, [], "E" * 17, "é", "' OR 1=1"):
        response = alice.post(path, json={"asset": asset, "amount": "1"})
        assert "asset" in check(response, 422)["details"]


def test_more_than_there_is(alice, place, unchanged):
    account = place["account"]
    too_much = {"asset": "EUR", "amount": "1000000"}
    check(alice.post(f"/accounts/{account}/withdraw", json=too_much), 400)
    check(alice.post("/orders", json=order(account, "buy", "20000", "1")), 400)
    check(alice.post("/orders", json=order(account, "sell", "20000", "2")), 400)
    check(alice.post("/orders", json=order(account, "buy", "9" * 12, "1")), 400)
    check(alice.post("/orders", json=order(account, "buy", "9" * 19, "1")), 400)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("side", "hold"),
        ("side", 1),
        ("order_type", "iceberg"),
        ("time_in_force", "GTX"),
        ("post_only", "true"),
        ("client_order_id", "x" * 65),
        ("client_order_id", 7),
        ("client_order_id", "a\u0000b"),
        ("market", 5),
        ("market", "x" * 40),
        ("user_id", "me"),
        ("user_id", 1),
        ("quote_quantity", "5"),
    ],
)
def test_words_of_an_order(alice, place, unchanged, field, value):
    body = order(place["account"], "buy", "10", "1") | {field: value}

    assert field in check(alice.post("/orders", json=body), 422)["details"]


def test_unknown_markets(alice, place, unchanged):
    body = order(place["account"], "buy", "10", "1") | {"market": "NOPE/USD"}
    assert check(alice.post("/orders", json=body), 404)["code"] == "market_not_found"
    for what in ("order-book", "ticker", "trades", "candles"):
        for market in ("NOPE/USD", "NOPE-USD", "btc-usd", "%00", "a/b/c", "é"):
            response = alice.get(f"/markets/{market}/{what}")
            assert check(response, 404)["code"] == "market_not_found", market
    body = {"account": place["account"], "market": "NOPE/USD"}
    assert check(alice.post("/orders/cancel-all", json=body), 404)["code"] == "market_not_found"
    path = f"/accounts/{place['account']}/orders?market=NOPE/USD"
    assert check(alice.get(path), 404)["code"] == "market_not_found"


def test_somebody_elses_account_is_not_there(alice, place, unchanged):
    for account in (place["foreign_account"], str(uuid4()), "1", "x", "%00", "' OR 1=1"):
        for what in ("", "/balances", "/orders", "/trades", "/ledger"):
            error = check(alice.get(f"/accounts/{account}{what}"), 404)
            assert error["code"] == "account_not_found"
        for action in ("deposit", "withdraw"):
            body = {"asset": "EUR", "amount": "1"}
            error = check(alice.post(f"/accounts/{account}/{action}", json=body), 404)
            assert error["code"] == "account_not_found"
    for account in (place["foreign_account"], str(uuid4())):
        body = order(account, "buy", "10", "1")
        assert check(alice.post("/orders", json=body), 404)["code"] == "account_not_found"
        response = alice.post("/orders/cancel-all", json={"account": account})
        assert check(response, 404)["code"] == "account_not_found"


def test_somebody_elses_order_is_not_there(alice, place, unchanged):
    for order_id in (place["foreign_order"], "1", "999999999999999", "x", "-1", "9" * 40, "%00"):
        path = f"/orders/{order_id}"
        assert check(alice.get(path), 404)["code"] == "order_not_found"
        assert check(alice.delete(path), 404)["code"] == "order_not_found"
        assert check(alice.post(path), 404)["code"] == "order_not_found"
        assert check(alice.patch(path, json={"price": "11"}), 404)["code"] == "order_not_found"


def test_queries(alice, place, unchanged):
    account = f"/accounts/{place['account']}"
    for path, query, field in (
        ("/markets/BTC-EUR/order-book", "depth=0", "depth"),
        ("/markets/BTC-EUR/order-book", "depth=x", "depth"),
        ("/markets/BTC-EUR/order-book", "depth=100000", "depth"),
        ("/markets/BTC-EUR/trades", "limit=0", "limit"),
        ("/markets/BTC-EUR/trades", "cursor=garbage", "cursor"),
        ("/markets/BTC-EUR/candles", "interval=7m", "interval"),
        ("/markets/BTC-EUR/candles", "interval=", "interval"),
        ("/markets/BTC-EUR/candles", "start=yesterday", "start"),
        ("/markets/BTC-EUR/candles", "limit=99999", "limit"),
        (f"{account}/orders", "status=odd", "status"),
        (f"{account}/orders", "limit=-1", "limit"),
        (f"{account}/orders", "cursor=eA", "cursor"),
        (f"{account}/orders", "surprise=1", "surprise"),
        (f"{account}/trades", "limit=501", "limit"),
        (f"{account}/ledger", "asset=%F0%9F%92%B0", "asset"),
        ("/markets", "surprise=1", "surprise"),
        ("/markets/tickers", "surprise=1", "surprise"),
        ("/markets/BTC-EUR/ticker", "surprise=1", "surprise"),
    ):
        error = check(alice.get(f"{path}?{query}"), 422)
        assert list(error["details"]) == [field]
    for path in ("/markets/BTC-EUR/trades", f"{account}/orders", "/markets/BTC-EUR/candles"):
        check(alice.get(f"{path}?limit=1&limit=2"), 400)
        check(alice.get(f"{path}?limit=%ff"), 400)


def test_headers(alice, place, unchanged):
    body = order(place["account"], "buy", "10", "1")
    for key in ("", "x" * 129, "a\tb"):
        response = alice.post("/orders", json=body, headers={"Idempotency-Key": key})
        assert list(check(response, 422)["details"]) == ["Idempotency-Key"]
    path = f"/accounts/{place['account']}/deposit"
    body = {"asset": "EUR", "amount": "1"}
    response = alice.post(path, json=body, headers={"Idempotency-Key": "x" * 129})
    assert list(check(response, 422)["details"]) == ["Idempotency-Key"]


def test_without_a_valid_credential(alice, exchange, place, unchanged):
    for headers in (
        {},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "Bearer " + "x" * 5000},
        {"Cookie": "sessionid=nonsense"},
    ):
        for method, path in (
            *routes(place),
            ("GET", "/accounts"),
            ("GET", f"/orders/{place['order']}"),
        ):
            request = alice.build_request(method, path, json={} if method != "GET" else None)
            request.headers.pop("authorization")
            request.headers.update(headers)
            response = alice.send(request)
            assert check(response, 401)["code"] == "unauthorized"


def test_methods_and_paths_that_are_not_there(alice, place, unchanged):
    for method, path, allow in (
        ("PUT", "/orders", "POST, OPTIONS"),
        ("GET", "/orders", "POST, OPTIONS"),
        ("PUT", f"/orders/{place['order']}", "GET, POST, PATCH, DELETE, HEAD, OPTIONS"),
        ("POST", "/markets", "GET, HEAD, OPTIONS"),
        ("DELETE", "/markets/BTC-EUR/ticker", "GET, HEAD, OPTIONS"),
        ("PATCH", "/accounts", "GET, POST, HEAD, OPTIONS"),
        ("DELETE", f"/accounts/{place['account']}/deposit", "POST, OPTIONS"),
        ("POST", "/markets/BTC-EUR/candles", "GET, HEAD, OPTIONS"),
        ("POST", "/health", "GET, HEAD, OPTIONS"),
    ):
        response = alice.request(method, path, json={})
        check(response, 405)
        assert response.headers["allow"] == allow
    for path in (
        "/nothing",
        "/accounts/x/nothing",
        "/orders/1/nothing",
        "/markets/A/B/nothing",
        "/",
    ):
        check(alice.get(path), 404)
        check(alice.post(path, json={}), 404)


def test_a_batch_refuses_item_by_item(alice, place, unchanged):
    good = order(place["foreign_account"], "buy", "10", "1")
    items = [good, {}, 5, good | {"user_id": place["account"], "price": "-1"}]

    results = alice.data("POST", "/orders/batch", json=items)

    assert [item["error"]["code"] for item in results] == [
        "account_not_found",
        *["validation_error"] * 3,
    ]
    check(alice.post("/orders/batch", json=[good] * 101), 422)
