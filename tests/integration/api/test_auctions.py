"""An auction on a running exchange: what is told of it while it is held, and after."""

import json
from decimal import Decimal

import pytest
from websockets.sync.client import connect

from tests.exchange import wait_until
from tests.integration.api.conftest import order
from tests.own_markets import OwnMarket

SYMBOL = OwnMarket.API_AUCTIONS
PATH = "/markets/USDT-USD"
SET_PHASE = """
from accounts.access.actor import Actor
from matching.services import set_market_phase
by = Actor.system("a test")
set_market_phase(by=by, symbol="USDT/USD", phase="{}", auction_s={})
"""


@pytest.fixture(scope="module")
def market(exchange):
    exchange.create_market(SYMBOL, "--tick-size", "0.01", "--lot-size", "0.01")


@pytest.fixture
def auction(market, exchange, alice):
    """Hold an auction; afterwards the market trades, with nothing of it left."""
    exchange.manage("shell", "-c", SET_PHASE.format("auction", 3600))
    wait_until(lambda: state(alice) == "Auction", timeout_s=10, what="an auction")
    yield
    exchange.manage("shell", "-c", SET_PHASE.format("continuous", 0))


def state(person):
    return person.data("GET", PATH)["state"]


def body(account, side, price, quantity, **more):
    return order(account, side, price, quantity, market=SYMBOL, **more)


def test_it_is_told_while_it_is_held_and_its_trades_after(auction, exchange, alice, bob):
    buyer, seller = alice.new_account(USD="1000"), bob.new_account(USDT="1000")
    with connect(f"{exchange.ws_url}/ws") as socket:
        for channel in ("ticker", "trades", "markets"):
            params = {"channel": channel, "market": SYMBOL}
            socket.send(json.dumps({"id": 1, "method": "subscribe", "params": params}))
        told = alice.data("GET", PATH)["auction"]
        assert (told["price"], Decimal(told["quantity"])) == (None, 0)
        assert told["ends_at"] > "2026"
        alice.data("POST", "/orders", json=body(buyer, "buy", "102", "8"))
        bob.data("POST", "/orders", json=body(seller, "sell", "100", "5"))

        expected = {"price": "102.00", "quantity": "5.00", "surplus": "3.00"}

        def seen(path):
            told = alice.data("GET", path)["auction"]
            return told and {name: told[name] for name in expected} == expected

        for path in (PATH, f"{PATH}/order-book", f"{PATH}/ticker"):
            wait_until(lambda path=path: seen(path), timeout_s=10, what=f"the auction in {path}")
        pushed = next_push(socket, "ticker", lambda data: (data["auction"] or {}).get("price"))
        assert {name: pushed["auction"][name] for name in expected} == expected

        exchange.manage("shell", "-c", SET_PHASE.format("continuous", 0))

        trade = next_push(socket, "trades", lambda data: True)
        assert (trade["price"], trade["quantity"], trade["auction"]) == ("102.00", "5.00", True)
        opened = next_push(socket, "markets", lambda data: data["state"] == "Continuous")
        assert opened["auction"] is None
    (fill,) = alice.data("GET", f"/accounts/{buyer}/trades")
    assert fill["liquidity"] == "Auction"
    listed = alice.data("GET", f"{PATH}/trades")["trades"][0]
    assert listed["auction"]
    for person in (alice, bob):
        for account in (buyer,) if person is alice else (seller,):
            person.data("POST", "/orders/cancel-all", json={"account": account})


def next_push(socket, method, is_meant):
    while True:
        push = json.loads(socket.recv(timeout=20))
        if push.get("method") == method and is_meant(push["params"]["data"]):
            return push["params"]["data"]


@pytest.mark.parametrize(
    "fields",
    [{"time_in_force": "IOC"}, {"post_only": True}, {"order_type": "Market", "price": None}],
    ids=str,
)
def test_what_cannot_rest_is_refused_and_previewed_so(auction, alice, fields):
    asked = body(alice.new_account(USD="1000"), "buy", "100", "1") | fields
    error = alice.post("/orders", json=asked).json()["error"]
    assert (error["code"], error["details"]["reason"]) == ("market_halted", "market_auction")
    told = alice.data("POST", "/orders/preview", json=asked)
    assert (told["accepted"], told["code"], told["reason"]) == (
        False,
        error["code"],
        "market_auction",
    )


def test_lists_are_told_on_the_channel_of_orders(exchange, alice, clean_book):
    account = alice.new_account(EUR="1000")
    with connect(f"{exchange.ws_url}/ws") as socket:
        for method, params in (
            ("authenticate", {"token": alice.token}),
            ("subscribe", {"channel": "orders", "market": "BTC/EUR"}),
        ):
            socket.send(json.dumps({"id": 1, "method": method, "params": params}))
            while json.loads(socket.recv(timeout=10)).get("id") != 1:
                pass
        bought = {"side": "Buy", "order_type": "Limit", "price": "10", "quantity": "1"}
        orders = [bought, bought | {"side": "Sell", "price": "1000"}]
        asked = {"user_id": account, "market": "BTC/EUR", "kind": "OTO", "orders": orders}
        made = alice.data("POST", "/orders/lists", json=asked)["list"]

        told = [json.loads(socket.recv(timeout=10)) for _ in range(3)]

        assert [one["method"] for one in told] == ["orderLists", "orders", "orders"]
        assert told[0]["params"]["data"] == made
        assert [one["params"]["data"]["list_id"] for one in told[1:]] == [made["id"]] * 2
        alice.data("DELETE", f"/orders/lists/{made['id']}")
        assert next_push(socket, "orderLists", bool) == made | {"status": "Done"}
