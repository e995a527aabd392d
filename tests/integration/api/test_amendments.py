"""What orders asked for before they were amended, on a running exchange; what accounts may have."""

from datetime import datetime

import pytest

from tests.changed_markets import change_market
from tests.integration.api.conftest import order

pytestmark = pytest.mark.usefixtures("clean_book")


@pytest.fixture
def account(alice):
    return alice.new_account(EUR="10000", BTC="10")


def amendments(person, order_id, query=""):
    response = person.get(f"/orders/{order_id}/amendments{query}")
    assert response.status_code == 200
    return response.json()


def test_each_amendment_is_told_newest_first_in_pages(alice, account):
    placed = alice.data("POST", "/orders", json=order(account, "buy", "90", "3"))["order"]
    assert amendments(alice, placed["id"]) == {"data": [], "meta": {"next": None}}
    for change in ({"quantity": "2"}, {"price": "91"}, {"quantity": "5", "price": "92"}):
        alice.data("PATCH", f"/orders/{placed['id']}", json=change)

    body = amendments(alice, placed["id"])

    figures = [
        (one["price_before"], one["price"], one["quantity_before"], one["quantity"])
        for one in body["data"]
    ]
    assert figures == [
        ("91.00", "92.00", "2.00000", "5.00000"),
        ("90.00", "91.00", "2.00000", "2.00000"),
        ("90.00", "90.00", "3.00000", "2.00000"),
    ]
    newest = body["data"][0]
    assert set(newest) == {
        *("id", "order_id", "market", "price_before", "price", "quantity_before", "quantity"),
        *("stop_price_before", "stop_price", "created_at"),
    }
    assert (newest["order_id"], newest["market"]) == (placed["id"], "BTC/EUR")
    assert newest["stop_price_before"] is newest["stop_price"] is None
    assert datetime.fromisoformat(newest["created_at"]).tzinfo is not None
    first = amendments(alice, placed["id"], "?limit=2")
    rest = amendments(alice, placed["id"], f"?limit=2&cursor={first['meta']['next']}")
    assert first["data"] + rest["data"] == body["data"]
    assert rest["meta"] == {"next": None}


def test_a_stop_price_that_moved_is_told(alice, bob, account):
    buyer = bob.new_account(EUR="10000")
    for person, where, side in ((alice, account, "sell"), (bob, buyer, "buy")):
        person.data("POST", "/orders", json=order(where, side, "100", "0.1"))
    stop = order(account, "sell", None, "1", order_type="Stop", stop_price="80", time_in_force=None)
    stop = {name: value for name, value in stop.items() if value is not None}
    placed = alice.data("POST", "/orders", json=stop)["order"]
    alice.data("PATCH", f"/orders/{placed['id']}", json={"stop_price": "79"})
    (change,) = amendments(alice, placed["id"])["data"]
    assert (change["stop_price_before"], change["stop_price"]) == ("80.00", "79.00")
    assert change["price_before"] is change["price"] is None


def test_only_ones_own(alice, bob, account):
    placed = alice.data("POST", "/orders", json=order(account, "buy", "90", "3"))["order"]
    for person, number in ((bob, placed["id"]), (alice, "1"), (alice, "x")):
        response = person.get(f"/orders/{number}/amendments")
        assert (response.status_code, response.json()["error"]["code"]) == (404, "order_not_found")
    for query, field in (("?limit=0", "limit"), ("?cursor=x", "cursor"), ("?page=1", "page")):
        response = alice.get(f"/orders/{placed['id']}/amendments{query}")
        assert (response.status_code, list(response.json()["error"]["details"])) == (422, [field])


def test_maxima_are_published_and_refuse_by_name(alice, account, exchange):
    def change(changes):
        change_market(exchange, "BTC/EUR", changes)

    before = alice.data("GET", "/markets/BTC-EUR")
    change('max_order_lists=0, max_position=Decimal("10.5"), max_messages=3')
    try:
        market = alice.data("GET", "/markets/BTC-EUR")
        maxima = ("max_order_lists", "max_position", "max_messages")
        assert [market[name] for name in maxima] == [0, "10.5", 3]
        refused = alice.post("/orders", json=order(account, "buy", "90", "0.51"))
        error = refused.json()["error"]
        assert (refused.status_code, error["code"]) == (400, "invalid_order")
        assert error["details"]["reason"] == "position_too_large"
        preview = alice.data("POST", "/orders/preview", json=order(account, "buy", "90", "0.51"))
        assert (preview["accepted"], preview["reason"]) == (False, "position_too_large")
        legs = [
            {"side": "Sell", "order_type": "Limit", "price": "900", "quantity": "1"},
            {"side": "Sell", "order_type": "Stop", "stop_price": "1", "quantity": "1"},
        ]
        placing = {"user_id": account, "market": "BTC/EUR", "kind": "OCO", "orders": legs}
        refused = alice.post("/orders/lists", json=placing)
        assert refused.json()["error"]["details"]["reason"] == "too_many_order_lists"
        answers = [alice.post("/orders", json=order(account, "buy", "90", "0.01"))]
        while answers[-1].status_code == 200 and len(answers) < 12:
            answers.append(alice.post("/orders", json=order(account, "buy", "90", "0.01")))
        error = answers[-1].json()["error"]
        assert (answers[-1].status_code, error["code"]) == (429, "rate_limit_exceeded")
        assert error["details"]["limit"] == 3
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 10
    finally:
        change(f"max_order_lists={before['max_order_lists']}, max_position=None, max_messages=None")
