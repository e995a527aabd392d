"""Lists of orders on a running exchange: OCO, OTO, OTOCO, and the protection of quotes."""

import json

import pytest
from websockets.sync.client import connect

from tests.integration.api.conftest import order, table_state

pytestmark = pytest.mark.usefixtures("clean_book")

LISTS = "/orders/lists"


class Desk:
    """Somebody with an account of their own; the last price is 100, and nothing is in the book."""

    def __init__(self, alice, bob):
        self.person, self.others = alice, bob
        self.account = alice.new_account(EUR="10000", BTC="10")
        self.buyer = bob.new_account(EUR="100000", BTC="100")
        self.seller = alice.new_account(EUR="100000", BTC="100")
        self.trade_at("100")

    def trade_at(self, price, quantity="0.02"):
        self.person.data("POST", "/orders", json=order(self.seller, "sell", price, quantity))
        self.others.data("POST", "/orders", json=order(self.buyer, "buy", price, quantity))

    def body(self, kind, *orders, **more):
        return {
            "user_id": self.account,
            "market": "BTC/EUR",
            "kind": kind,
            "orders": list(orders),
            **more,
        }

    def place(self, kind, *orders, **more):
        return self.person.data("POST", LISTS, json=self.body(kind, *orders, **more))

    def statuses(self, list_id):
        found = self.person.data("GET", f"{LISTS}/{list_id}")
        assert [one["id"] for one in found["orders"]] == found["list"]["order_ids"]
        return found["list"]["status"], [one["status"] for one in found["orders"]]


@pytest.fixture
def desk(alice, bob):
    return Desk(alice, bob)


def leg(side, order_type="Limit", quantity="1", **fields):
    return {"side": side, "order_type": order_type, "quantity": quantity, **fields}


TAKING = leg("Sell", price="110")
STOPPING = leg("Sell", "Stop", stop_price="90")
ENTRY = leg("Buy", price="99")


def test_one_cancels_the_other(desk):
    placed = desk.place("OCO", TAKING, STOPPING)

    made = placed["list"]
    assert made["user_id"] == desk.account
    assert (made["kind"], made["status"], made["market"]) == ("OCO", "Executing", "BTC/EUR")
    assert [one["id"] for one in placed["orders"]] == made["order_ids"]
    assert [(one["list_id"], one["leg"]) for one in placed["orders"]] == [(made["id"], "One")] * 2
    # Held once for both.
    assert desk.person.balances(desk.account)["BTC"][1].startswith("1.")
    desk.others.data("POST", "/orders", json=order(desk.buyer, "buy", "110", "1"))
    assert desk.statuses(made["id"]) == ("Done", ["Filled", "Expired"])


def test_orders_follow_the_one_that_fills(desk):
    placed = desk.place("OTOCO", ENTRY, TAKING, STOPPING, client_list_id="bracket")
    made = placed["list"]
    assert made["client_list_id"] == "bracket"
    assert [one["leg"] for one in placed["orders"]] == ["Working", "Pending", "Pending"]
    assert [one["status"] for one in placed["orders"]] == ["New", "Pending", "Pending"]

    desk.others.data("POST", "/orders", json=order(desk.buyer, "sell", "99", "1"))

    assert desk.statuses(made["id"]) == ("Executing", ["Filled", "New", "Pending"])
    cancelled = desk.person.data("DELETE", f"{LISTS}/{made['id']}")
    assert cancelled["list"]["status"] == "Done"
    assert [one["status"] for one in cancelled["orders"]] == ["Filled", "Cancelled", "Cancelled"]
    again = desk.person.delete(f"{LISTS}/{made['id']}")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "order_not_open")


def test_cancelling_one_order_cancels_its_list(desk):
    placed = desk.place("OTO", ENTRY, TAKING)
    desk.person.data("DELETE", f"/orders/{placed['orders'][1]['id']}")
    assert desk.statuses(placed["list"]["id"]) == ("Done", ["Cancelled", "Cancelled"])


def test_a_name_places_one_list(desk):
    first = desk.place("OCO", TAKING, STOPPING, client_list_id="once")
    again = desk.place("OCO", TAKING, STOPPING, client_list_id="once")
    assert again["list"]["id"] == first["list"]["id"]
    other = desk.body("OCO", TAKING | {"price": "111"}, STOPPING, client_list_id="once")
    refused = desk.person.post(LISTS, json=other)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
    # An order may be called the same.
    named = order(desk.account, "buy", "50", "1", client_order_id="once")
    desk.person.data("POST", "/orders", json=named)


def test_lists_are_listed(desk):
    first = desk.place("OCO", TAKING, STOPPING)["list"]
    second = desk.place("OTO", ENTRY, TAKING)["list"]
    desk.person.data("DELETE", f"{LISTS}/{first['id']}")
    path = f"/accounts/{desk.account}/order-lists"

    def ids(query=""):
        return [one["id"] for one in desk.person.data("GET", path + query)]

    assert ids() == [second["id"], first["id"]]
    assert ids("?status=Executing") == [second["id"]]
    assert ids("?status=done&market=BTC-EUR") == [first["id"]]
    page = desk.person.get(f"{path}?limit=1").json()
    assert ids(f"?limit=1&cursor={page['meta']['next']}") == [first["id"]]


WRONG = [
    ({"kind": "XYZ"}, "kind"),
    ({"kind": "OTOCO"}, "orders"),
    ({"orders": []}, "orders"),
    ({"orders": "two"}, "orders"),
    ({"orders": [TAKING, 3]}, "orders[1]"),
    ({"orders": [TAKING, STOPPING | {"stop_price": None}]}, "orders[1].stop_price"),
    ({"orders": [TAKING | {"price": "-1"}, STOPPING]}, "orders[0].price"),
    ({"orders": [TAKING, STOPPING | {"user_id": "x"}]}, "orders[1].user_id"),
    ({"orders": [TAKING, STOPPING | {"quote_quantity": "5"}]}, "orders[1].quote_quantity"),
    ({"orders": [TAKING | {"price": "110.001"}, STOPPING]}, "orders[0].price"),
    ({"surprise": 1}, "surprise"),
]


@pytest.mark.parametrize(("changes", "field"), WRONG, ids=str)
def test_the_field_at_fault_is_named(desk, exchange, changes, field):
    before = table_state(exchange)
    answer = desk.person.post(LISTS, json=desk.body("OCO", TAKING, STOPPING) | changes)
    assert answer.status_code == 422
    assert field in answer.json()["error"]["details"]
    assert table_state(exchange) == before


@pytest.mark.parametrize(
    ("kind", "orders", "reason"),
    [
        ("OCO", [TAKING, STOPPING | {"quantity": "2"}], "list_not_possible"),
        ("OCO", [TAKING, STOPPING | {"stop_price": "100"}], "would_trigger_at_once"),
        (
            "OCO",
            [TAKING | {"quantity": "11"}, STOPPING | {"quantity": "11"}],
            "insufficient_balance",
        ),
        ("OTO", [ENTRY | {"quantity": "1000"}, TAKING], "insufficient_balance"),
    ],
)
def test_a_list_is_refused_whole(desk, exchange, kind, orders, reason):
    before = table_state(exchange)
    answer = desk.person.post(LISTS, json=desk.body(kind, *orders))
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["reason"] == reason
    assert {**table_state(exchange), "matching_orderkey": 0} == {**before, "matching_orderkey": 0}


def test_an_order_of_a_list_is_not_amended(desk):
    placed = desk.place("OCO", TAKING, STOPPING)
    answer = desk.person.patch(f"/orders/{placed['orders'][0]['id']}", json={"quantity": "0.5"})
    assert answer.json()["error"]["details"]["reason"] == "order_in_list"


def test_others_lists_are_not_there(desk, bob):
    made = desk.place("OCO", TAKING, STOPPING)["list"]
    for method in ("GET", "DELETE"):
        for list_id in (made["id"], "1", "x"):
            answer = bob.request(method, f"{LISTS}/{list_id}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "order_not_found")


def test_over_a_socket(desk, exchange):
    with connect(f"{exchange.ws_url}/ws") as socket:

        def ask(method, **params):
            socket.send(json.dumps({"id": 1, "method": method, "params": params}))
            while True:
                answer = json.loads(socket.recv(timeout=10))
                if answer.get("id") == 1:
                    return answer["result"]

        ask("authenticate", token=desk.person.token)
        made = ask("placeOrderList", **desk.body("OCO", TAKING, STOPPING))["list"]
        gone = ask("cancelOrderList", list_id=made["id"])
        assert gone["list"] == made | {"status": "Done"}
        assert [one["status"] for one in gone["orders"]] == ["Cancelled", "Cancelled"]


# --- the protection of quotes ---------------------------------------------------------------------


def protection_of(desk):
    return f"/accounts/{desk.account}/protections/BTC-EUR"


def test_quotes_end_when_too_much_happens_to_them(desk):
    path = protection_of(desk)
    nothing = {"max_fills": None, "max_quantity": None, "window_ms": None, "tripped": False}
    place = {"user_id": desk.account, "market": "BTC/EUR"}
    assert desk.person.data("GET", path) == place | nothing
    asked = {"max_fills": 1, "max_quantity": "5", "window_ms": 60_000}
    told = desk.person.data("PUT", path, json=asked)
    assert told["max_quantity"].startswith("5.")
    assert told == place | asked | {"max_quantity": told["max_quantity"], "tripped": False}
    quotes = [order(desk.account, "sell", "110", "1"), order(desk.account, "buy", "90", "1")]
    made = [desk.person.data("POST", "/orders", json=one)["order"] for one in quotes]

    desk.others.data("POST", "/orders", json=order(desk.buyer, "buy", "110", "0.5"))

    for one in made:
        found = desk.person.data("GET", f"/orders/{one['id']}")
        assert (found["status"], found["reason"]) == ("Cancelled", "protection")
    assert desk.person.data("GET", path)["tripped"]
    refused = desk.person.post("/orders", json=quotes[0]).json()["error"]
    assert refused["details"]["reason"] == "protection"
    told = desk.person.data("POST", "/orders/preview", json=quotes[0])
    assert (told["accepted"], told["reason"]) == (False, "protection")
    assert not desk.person.data("POST", f"{path}/reset")["tripped"]
    desk.person.data("POST", "/orders", json=quotes[0])
    assert desk.person.data("DELETE", path) == place | nothing
    assert desk.person.data("GET", path) == place | nothing


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "window_ms"),
        ({"window_ms": 1}, "max_fills"),
        ({"window_ms": 0, "max_fills": 1}, "window_ms"),
        ({"window_ms": 86_400_001, "max_fills": 1}, "window_ms"),
        ({"window_ms": 1, "max_fills": 0}, "max_fills"),
        ({"window_ms": 1, "max_quantity": "0.0000000001"}, "max_quantity"),
        ({"window_ms": 1, "max_fills": 1, "more": 1}, "more"),
    ],
    ids=str,
)
def test_a_wrong_protection_is_refused_by_name(desk, body, field):
    answer = desk.person.put(protection_of(desk), json=body)
    assert answer.status_code == 422
    assert field in answer.json()["error"]["details"]
