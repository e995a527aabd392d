"""The preview of an order, on a running exchange: what it says, and that it does nothing."""

from decimal import Decimal

import psycopg
import pytest
import redis

from tests.integration.api.conftest import order, table_state

pytestmark = pytest.mark.usefixtures("clean_book")

PREVIEW = "/orders/preview"
# What a preview says of an order, and the order of itself once it is placed.
SAME = {
    "status": "status",
    "reason": "reason",
    "average_price": "average_fill_price",
    "filled_quantity": "filled_quantity",
    "amount": "filled_quote_quantity",
}


class Desk:
    """Somebody with an account of their own, before a book of somebody else's."""

    def __init__(self, alice, bob):
        self.person = alice
        self.account = alice.new_account(EUR="10000", BTC="10")
        self.others = bob.new_account(EUR="100000", BTC="100")
        for side, price, quantity in (
            ("sell", "101", "1"),
            ("sell", "102", "2"),
            ("buy", "99", "1"),
            ("buy", "98", "2"),
        ):
            bob.data("POST", "/orders", json=order(self.others, side, price, quantity))

    def preview(self, body):
        return self.person.data("POST", PREVIEW, json=body)

    def place(self, body):
        return self.person.post("/orders", json=body).json()


@pytest.fixture
def desk(alice, bob):
    return Desk(alice, bob)


def body(desk, side="Buy", **fields):
    return {"user_id": desk.account, "market": "BTC/EUR", "side": side, **fields}


AT_LIMIT, AT_MARKET = {"order_type": "Limit"}, {"order_type": "Market"}
CASES = [
    {**AT_LIMIT, "price": "100", "quantity": "1"},
    {**AT_LIMIT, "price": "101", "quantity": "3"},
    {**AT_LIMIT, "price": "102", "quantity": "3", "time_in_force": "FOK"},
    {**AT_LIMIT, "price": "101", "quantity": "3", "time_in_force": "FOK"},
    {**AT_LIMIT, "price": "101", "quantity": "3", "time_in_force": "IOC"},
    {**AT_LIMIT, "price": "101", "quantity": "1", "post_only": True},
    {**AT_LIMIT, "price": "101", "quantity": "1", "post_only": True, "post_only_mode": "Slide"},
    {**AT_LIMIT, "price": "101", "quantity": "3", "display_quantity": "0.5"},
    {**AT_LIMIT, "price": "101", "quantity": "300"},
    {**AT_MARKET, "quantity": "2"},
    {**AT_MARKET, "quantity": "9"},
    {**AT_MARKET, "quantity": "9", "protection_price": "101"},
    {**AT_MARKET, "quote_quantity": "250"},
    {"order_type": "Stop", "stop_price": "120", "quantity": "1"},
    {"order_type": "StopLimit", "stop_price": "120", "price": "121", "quantity": "1"},
    {"order_type": "TakeProfit", "stop_price": "1", "quantity": "1"},
    {**AT_LIMIT, "side": "Sell", "price": "98", "quantity": "2"},
    {**AT_MARKET, "side": "Sell", "quantity": "2"},
    {**AT_MARKET, "side": "Sell", "quote_quantity": "150"},
    {**AT_MARKET, "side": "Sell", "quantity": "11"},
]


@pytest.mark.parametrize("fields", CASES, ids=str)
def test_it_says_what_then_happens(desk, fields):
    asked = body(desk, **fields)
    available = desk.person.balances(desk.account)

    told = desk.preview(asked)
    placed = desk.place(asked)

    if "error" in placed:
        error = placed["error"]
        assert not told["accepted"]
        assert (told["code"], told["reason"], told["message"]) == (
            error["code"],
            error["details"]["reason"],
            error["message"],
        )
        return
    assert told["accepted"]
    made = placed["data"]["order"]
    assert {name: told[name] for name in SAME} == {name: made[its] for name, its in SAME.items()}
    is_open = made["status"] in ("New", "PartiallyFilled", "Pending")
    rests = made["remaining_quantity"] if is_open else "0"
    assert Decimal(told["resting_quantity"]) == Decimal(rests)
    prices = [trade["price"] for trade in placed["data"]["trades"]]
    assert told["worst_price"] == (prices[-1] if prices else None)
    fills = desk.person.data("GET", f"/accounts/{desk.account}/trades")
    assert {fill["fee_asset"] for fill in fills} <= {told["fee_asset"]}
    if len(fills) < 2:
        assert told["fee"] == (fills[0]["fee"] if fills else told["fee"])
    if not fills:
        locked = desk.person.balances(desk.account)[told["hold_asset"]][1]
        assert locked == told["hold"] or not is_open
    assert available != desk.person.balances(desk.account) or not (fills or is_open)


@pytest.mark.parametrize("mode", ["Taker", "Maker", "Both", "Decrement"])
def test_own_orders_in_the_book_count_where_they_stand(desk, mode, bob):
    own = order(desk.account, "sell", "101", "1")
    desk.person.data("POST", "/orders", json=own)
    bob.data("POST", "/orders", json=order(desk.others, "sell", "101", "1"))
    asked = body(desk, order_type="Limit", price="102", quantity="3", self_trade_prevention=mode)

    told = desk.preview(asked)
    made = desk.place(asked)["data"]["order"]

    assert {name: told[name] for name in SAME} == {name: made[its] for name, its in SAME.items()}


def test_nothing_is_written_or_queued(desk, exchange):
    with redis.Redis.from_url(exchange.redis_url) as client:
        before = table_state(exchange), journal(exchange), client.xinfo_stream("commands:{0}")
        for fields in CASES:
            desk.preview(body(desk, **fields, client_order_id="once"))
        assert (
            table_state(exchange),
            journal(exchange),
            client.xinfo_stream("commands:{0}"),
        ) == before
    # The name is free: no key was bound to it.
    named = body(desk, **CASES[0], client_order_id="once")
    assert "data" in desk.place(named)


def journal(exchange):
    with psycopg.connect(exchange.database_url) as connection:
        return connection.execute("SELECT count(*) FROM matching_command").fetchone()


def test_wrong_bodies_are_refused_as_orders_are(desk):
    for wrong in ({}, body(desk), body(desk, **CASES[0]) | {"price": "0.001"}):
        told = desk.person.post(PREVIEW, json=wrong)
        placed = desk.person.post("/orders", json=wrong)
        assert told.status_code == placed.status_code == 422
        assert told.json()["error"] == placed.json()["error"]


def test_others_accounts_are_not_there(desk, bob):
    answer = bob.post(PREVIEW, json=body(desk, **CASES[0]))
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "account_not_found"
