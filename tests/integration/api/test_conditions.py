"""What few orders ask for, on a running exchange: they wait, hide, end in time, know their own."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.exchange import wait_until
from tests.integration.api.conftest import order, table_state

pytestmark = pytest.mark.usefixtures("clean_book")

BID = "85"


def market_order(account, side, **fields):
    """Return the body of an order without a price of its own."""
    body = {"user_id": account, "market": "BTC/EUR", "side": side, "order_type": "Market"}
    return {**body, "quantity": "1", **fields}


class Desk:
    """Somebody with an account of their own, beside two who trade at any price."""

    def __init__(self, alice, bob):
        self.person, self.others = alice, bob
        self.account = alice.new_account(EUR="10000", BTC="10")
        self.buyer = bob.new_account(EUR="100000", BTC="100")
        self.seller = alice.new_account(EUR="100000", BTC="100")

    def place(self, body):
        return self.person.data("POST", "/orders", json=body)["order"]

    def refusal(self, body):
        response = self.person.post("/orders", json=body)
        error = response.json()["error"]
        return response.status_code, error["code"], error["details"].get("reason")

    def trade_at(self, price):
        """Let the last price be this one."""
        self.person.data("POST", "/orders", json=order(self.seller, "sell", price, "0.02"))
        self.others.data("POST", "/orders", json=order(self.buyer, "buy", price, "0.02"))

    def bid(self, price, quantity="1", **more):
        return self.others.data(
            "POST", "/orders", json=order(self.buyer, "buy", price, quantity, **more)
        )

    def read(self, order_id):
        return self.person.data("GET", f"/orders/{order_id}")

    def listed(self, status):
        path = f"/accounts/{self.account}/orders?status={status}"
        return [one["id"] for one in self.person.data("GET", path)]

    def book(self):
        return self.person.data("GET", "/markets/BTC-EUR/order-book")

    def locked(self):
        return {
            asset: figures[1].rstrip("0").rstrip(".")
            for asset, figures in self.person.balances(self.account).items()
        }


@pytest.fixture
def desk(alice, bob):
    desk = Desk(alice, bob)
    desk.trade_at("100")
    return desk


# --- orders that wait -----------------------------------------------------------------------------

WAITING = [
    ("Stop", {"stop_price": "90"}, "90"),
    ("Stop", {"trigger_price": 90, "time_in_force": "FOK"}, "90"),
    ("StopLimit", {"stop_price": "90", "price": BID}, "90"),
    ("StopLimit", {"stop_price": "90", "price": BID, "time_in_force": "Day"}, "90"),
    ("TakeProfit", {"stop_price": "110"}, "110"),
    ("TakeProfitLimit", {"stop_price": "110", "price": BID}, "110"),
    ("TrailingStop", {"trail_price": "10"}, "90"),
    ("TrailingStop", {"trail_bps": 1000}, "90"),
    ("TrailingStop", {"trail_bps": 1000, "price": BID}, "90"),
    ("TakeProfit", {"trail_price": "10"}, "90"),
    ("TakeProfitLimit", {"trail_bps": 1000, "price": BID}, "90"),
]


@pytest.mark.parametrize(("order_type", "fields", "fires_at"), WAITING)
def test_an_order_waits_for_its_price(desk, order_type, fields, fires_at):
    desk.bid(BID)
    before = desk.book()

    placed = desk.place(market_order(desk.account, "sell", order_type=order_type, **fields))

    order_id = placed["id"]
    assert (placed["status"], placed["order_type"], placed["trigger_by"]) == (
        "Pending",
        order_type,
        "Last",
    )
    assert (desk.read(order_id), desk.book()) == (placed, before)
    assert desk.locked()["BTC"] == "1"
    for status, is_listed in (("Open", True), ("Pending", True), ("New", False), ("Filled", False)):
        assert (order_id in desk.listed(status)) == is_listed, status
    desk.trade_at("99")
    assert desk.read(order_id)["status"] == "Pending"

    desk.trade_at(fires_at)

    fired = desk.read(order_id)
    assert (fired["status"], fired["order_type"]) == ("Filled", order_type)
    assert (fired["average_fill_price"], fired["stop_price"]) == (
        "85.00000000",
        placed["stop_price"],
    )
    assert fired["triggered_at"] == fired["updated_at"] > placed["created_at"]
    assert order_id in desk.listed("Filled")
    assert desk.listed("Open,Pending,Triggered") == []
    assert desk.locked()["BTC"] == "0"


def test_a_stop_to_buy_spends_an_amount(desk):
    desk.others.data("POST", "/orders", json=order(desk.buyer, "sell", "125", "1"))
    body = market_order(
        desk.account, "buy", order_type="Stop", stop_price="120", quote_quantity="50"
    )
    body.pop("quantity")

    placed = desk.place(body)

    assert (placed["status"], placed["quantity"]) == ("Pending", None)
    assert desk.locked()["EUR"] == "50"
    desk.trade_at("120")
    fired = desk.read(placed["id"])
    assert (fired["filled_quote_quantity"], fired["filled_quantity"]) == ("50.00000000", "0.40000")


def test_a_stop_to_buy_holds_funds_above_its_trigger(desk):
    body = market_order(desk.account, "buy", order_type="Stop", stop_price="120")

    placed = desk.place(body)

    assert (placed["protection_price"], desk.locked()["EUR"]) == ("126.00", "126")
    protected = desk.place({**body, "protection_price": "121"})
    assert (protected["protection_price"], desk.locked()["EUR"]) == ("121.00", "247")


def test_the_best_price_may_be_what_is_waited_for(desk):
    best = desk.bid("95")["order"]["id"]
    desk.bid(BID)
    placed = desk.place(
        market_order(
            desk.account, "sell", order_type="Stop", stop_price="90", trigger_by="Opposite"
        )
    )
    assert (placed["status"], placed["trigger_by"]) == ("Pending", "Opposite")

    desk.others.data("DELETE", f"/orders/{best}")

    assert desk.read(placed["id"])["average_fill_price"] == "85.00000000"


def test_an_order_trails_from_a_price_on(desk):
    desk.bid(BID)
    placed = desk.place(
        market_order(
            desk.account,
            "sell",
            order_type="TrailingStop",
            trail_price="10",
            activation_price="105",
        )
    )
    assert (placed["trail_price"], placed["activation_price"]) == ("10.00", "105.00")
    desk.trade_at("89")
    for price in ("106", "120", "111"):
        desk.trade_at(price)
        assert desk.read(placed["id"])["status"] == "Pending", price

    desk.trade_at("110")

    assert desk.read(placed["id"])["status"] == "Filled"


def test_an_order_that_waits_is_amended_and_cancelled(desk):
    body = order(desk.account, "buy", "121", "1", order_type="StopLimit", stop_price="120")
    order_id = desk.place(body)["id"]
    path = f"/orders/{order_id}"

    moved = desk.person.data("PATCH", path, json={"stop_price": "130", "price": "131"})["order"]
    renamed = desk.person.data("PATCH", path, json={"trigger_price": "131"})["order"]
    smaller = desk.person.data("PATCH", path, json={"quantity": "0.5"})["order"]
    at_once = desk.person.patch(path, json={"stop_price": "90"}).json()["error"]

    assert (moved["stop_price"], moved["price"], moved["status"]) == ("130.00", "131.00", "Pending")
    assert (renamed["stop_price"], smaller["quantity"]) == ("131.00", "0.50000")
    assert (at_once["code"], at_once["details"]) == (
        "invalid_order",
        {"reason": "would_trigger_at_once"},
    )
    assert desk.locked()["EUR"] == "65.5"
    cancelled = desk.person.data("DELETE", path)
    assert (cancelled["status"], cancelled["order_type"]) == ("Cancelled", "StopLimit")
    assert (cancelled["triggered_at"], desk.locked()["EUR"]) == (None, "0")


def test_what_waits_for_no_price_of_its_own_has_none_to_change(desk):
    limit = desk.place(order(desk.account, "buy", "50", "1"))
    trailing = desk.place(
        market_order(desk.account, "sell", order_type="TrailingStop", trail_bps=100)
    )

    for one, more in ((limit, {"price": "51"}), (trailing, {})):
        response = desk.person.patch(f"/orders/{one['id']}", json={"stop_price": "80", **more})
        error = response.json()["error"]
        assert (response.status_code, error["details"]["reason"]) == (400, "not_triggerable")
        assert desk.read(one["id"]) == one


def test_waiting_orders_are_cancelled_with_all_others(desk):
    placed = [
        desk.place(market_order(desk.account, "sell", order_type="Stop", stop_price=price))["id"]
        for price in ("90", "80")
    ]

    gone = desk.person.data("POST", "/orders/cancel-all", json={"account": desk.account})

    assert [item["order"]["id"] for item in gone] == placed
    assert desk.listed("Open") == []


def test_a_batch_takes_orders_that_wait_and_a_repeat_finds_them(desk):
    items = [
        market_order(desk.account, "sell", order_type="Stop", stop_price="90"),
        market_order(desk.account, "sell", order_type="Stop"),
        order(desk.account, "sell", "200", "1", display_quantity="0.1"),
    ]
    headers = {"Idempotency-Key": f"c-{uuid4()}"}

    first = desk.person.data("POST", "/orders/batch", json=items, headers=headers)

    assert first[0]["order"]["status"] == "Pending"
    assert first[1]["error"]["details"] == {
        "stop_price": "is required for an order that waits for a price"
    }
    assert first[2]["order"]["display_quantity"] == "0.10000"
    assert desk.person.data("POST", "/orders/batch", json=items, headers=headers) == first


# --- in the book ----------------------------------------------------------------------------------


def test_an_iceberg_shows_a_part_of_itself(desk):
    placed = desk.place(order(desk.account, "sell", "105", "1", display_quantity="0.3"))
    assert (placed["remaining_quantity"], placed["display_quantity"]) == ("1.00000", "0.30000")
    assert desk.book()["asks"] == [["105.00", "0.30000"]]

    desk.bid("105", "0.4", time_in_force="IOC")

    assert desk.read(placed["id"])["remaining_quantity"] == "0.60000"
    assert desk.book()["asks"] == [["105.00", "0.20000"]]
    desk.person.data("DELETE", f"/orders/{placed['id']}")
    assert desk.book()["asks"] == []


@pytest.mark.parametrize("resting", [True, False])
def test_an_order_ends_in_time(desk, resting):
    until = datetime.now(UTC) + timedelta(seconds=1)
    more = {} if resting else {"order_type": "StopLimit", "stop_price": "120"}
    body = order(desk.account, "buy", "50", "1", time_in_force="GTD", **more)

    placed = desk.place({**body, "expires_at": until.isoformat()})

    assert (placed["status"], placed["time_in_force"]) == (
        "New" if resting else "Pending",
        "GTD",
    )
    assert datetime.fromisoformat(placed["expires_at"]) == until
    ended = wait_until(
        lambda: (one := desk.read(placed["id"]))["status"] == "Expired" and one,
        timeout_s=20,
        what="the order to end",
    )
    assert (ended["reason"], desk.locked()["EUR"]) == ("time_over", "0")


def test_a_day_ends_at_midnight(desk):
    placed = desk.place(order(desk.account, "buy", "50", "1", time_in_force="Day"))

    created = datetime.fromisoformat(placed["created_at"])
    midnight = datetime(created.year, created.month, created.day, tzinfo=UTC) + timedelta(days=1)
    assert datetime.fromisoformat(placed["expires_at"]) == midnight


def test_a_post_only_order_slides_behind_the_book(desk):
    desk.bid("99")
    crossing = order(desk.account, "sell", "90", "1", post_only=True)

    assert desk.refusal(crossing) == (400, "invalid_order", "post_only_would_cross")
    slid = desk.place({**crossing, "post_only_mode": "Slide"})

    assert (slid["price"], slid["post_only_mode"], slid["status"]) == ("99.01", "Slide", "New")


def test_a_market_order_stops_at_its_worst_price(desk):
    desk.bid("99", "0.5")
    desk.bid(BID)

    placed = desk.place(market_order(desk.account, "sell", protection_price="90"))

    assert (placed["status"], placed["reason"]) == ("Expired", "no_liquidity")
    assert (placed["filled_quantity"], placed["protection_price"]) == ("0.50000", "90.00")


# --- one's own orders -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "resting", "arriving", "prevented"),
    [
        (None, "New", ("Cancelled", "self_trade"), None),
        ("Taker", "New", ("Cancelled", "self_trade"), None),
        ("Maker", "Cancelled", ("New", None), None),
        ("Both", "Cancelled", ("Cancelled", "self_trade"), None),
        ("Decrement", "Cancelled", ("New", None), "1.00000"),
    ],
)
def test_modes_of_self_trade_prevention(desk, mode, resting, arriving, prevented):
    own = desk.place(order(desk.account, "buy", "90", "1"))
    more = {} if mode is None else {"self_trade_prevention": mode}

    placed = desk.place(order(desk.account, "sell", "90", "2", **more))

    assert (placed["status"], placed["reason"]) == arriving
    assert (placed["self_trade_prevention"], placed["prevented_quantity"]) == (mode, prevented)
    maker = desk.read(own["id"])
    assert (maker["status"], maker["prevented_quantity"]) == (resting, prevented)
    assert (maker["self_trade_prevention"], maker["filled_quantity"]) == (None, "0.00000")


def test_what_a_market_refuses_is_told_by_its_reason(desk, exchange):
    stop = market_order(desk.account, "sell", order_type="Stop", stop_price="90")
    trailing = market_order(desk.account, "sell", order_type="TrailingStop")
    limit = order(desk.account, "sell", "105", "1")
    gone = "2020-01-01T00:00:00Z"
    before = table_state(exchange)

    for body, reason in (
        ({**stop, "stop_price": "100"}, "would_trigger_at_once"),
        ({**trailing, "trail_bps": 9}, "trail_out_of_range"),
        ({**trailing, "trail_bps": 2001}, "trail_out_of_range"),
        ({**limit, "time_in_force": "GTD", "expires_at": gone}, "expiry_passed"),
        ({**limit, "display_quantity": "0.00999"}, "display_quantity"),
        ({**stop, "quantity": "11"}, "insufficient_balance"),
    ):
        code = "insufficient_balance" if reason == "insufficient_balance" else "invalid_order"
        assert desk.refusal(body) == (400, code, reason)
    for body, field in (
        ({**stop, "stop_price": "90.001"}, "stop_price"),
        ({**limit, "display_quantity": "0.000001"}, "display_quantity"),
        ({**limit, "stop_price": "90"}, "stop_price"),
    ):
        response = desk.person.post("/orders", json=body)
        assert (response.status_code, list(response.json()["error"]["details"])) == (422, [field])
    assert table_state(exchange) == before


def test_a_market_tells_its_rules(desk):
    market = desk.person.data("GET", "/markets/BTC-EUR")

    assert market["self_trade_prevention"] == "Taker"
    assert set(market["self_trade_preventions"]) >= {"Taker", "Maker", "Both", "Decrement"}
    assert (market["trigger_protection"], market["max_iceberg_parts"]) == ("0.05", 100)
    assert (market["min_trail_bps"], market["max_trail_bps"]) == (10, 2000)
    assert market["max_trigger_orders"] is None or market["max_trigger_orders"] > 0
