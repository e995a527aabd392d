"""Calendars and the end of a market on a running exchange, as everybody is told of them."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from websockets.sync.client import connect

from tests.changed_markets import change_market
from tests.exchange import wait_until
from tests.integration.api.conftest import order
from tests.own_markets import OwnMarket

SYMBOL = OwnMarket.API_CALENDARS
PATH = "/markets/EUR-ETH"
TOMORROW = datetime.now(UTC).date() + timedelta(days=1)


@pytest.fixture(scope="module")
def market(exchange):
    steps = ("--tick-size", "0.01", "--lot-size", "0.01")
    calendar = ("--schedule", f"{TOMORROW} 09:00 closed", "--time-zone", "Asia/Tokyo")
    exchange.create_market(SYMBOL, *steps, *calendar)


def body(account, side, price, quantity):
    return order(account, side, price, quantity, market=SYMBOL)


def told(person, *names):
    found = person.data("GET", PATH)
    return [found[name] for name in names]


def on_the_compatible_api(exchange, path, **params):
    return httpx.get(f"{exchange.base_url}/api/v3/{path}", params={"symbol": "EURETH", **params})


def test_a_market_says_what_the_clock_makes_of_it(market, exchange, alice):
    at = f"{TOMORROW}T00:00:00.000000Z"  # nine o'clock in Tokyo
    assert told(alice, "schedule", "time_zone", "next_phase", "delists_at", "state") == [
        f"{TOMORROW} 09:00 closed", "Asia/Tokyo", {"state": "Closed", "at": at}, None, "Continuous",
    ]  # fmt: skip
    exchange.manage("halt_market", SYMBOL)
    wait_until(lambda: told(alice, "state") == ["Halted"], timeout_s=10, what="the halt")
    assert told(alice, "next_phase") == [None]  # no clock ends an operator's halt
    exchange.manage("halt_market", SYMBOL, "--resume")
    wait_until(lambda: told(alice, "state") == ["Continuous"], timeout_s=10, what="trading")


def test_a_market_without_a_calendar_has_none(alice):
    found = alice.data("GET", "/markets/BTC-EUR")
    assert [found[name] for name in ("schedule", "time_zone", "next_phase", "delists_at")] == [
        None, "UTC", None, None,
    ]  # fmt: skip


def test_a_market_ends_before_everybodys_eyes_and_its_past_stays(market, exchange, alice, bob):
    buyer, seller = alice.new_account(ETH="1000"), bob.new_account(EUR="1000")
    alice.data("POST", "/orders", json=body(buyer, "buy", "2.00", "8"))
    bob.data("POST", "/orders", json=body(seller, "sell", "2.00", "5"))
    exchange.manage("delist_market", SYMBOL, "--at", "2100-01-01T12:00Z", "--reason", "a test")
    end = "2100-01-01T12:00:00.000000Z"
    wait_until(lambda: told(alice, "delists_at") == [end], timeout_s=10, what="the announcement")
    assert told(alice, "trading_enabled") == [True]

    with connect(f"{exchange.ws_url}/ws") as socket:
        params = {"channel": "markets", "market": SYMBOL}
        socket.send(json.dumps({"id": 1, "method": "subscribe", "params": params}))
        change_market(exchange, SYMBOL, "delists_at=datetime.now(UTC) + timedelta(seconds=2)")
        pushes = []
        while not pushes or pushes[-1]["state"] != "Delisted":
            push = json.loads(socket.recv(timeout=10))
            pushes += [push["params"]["data"]] if push.get("method") == "markets" else []
    announced = [push for push in pushes if push["state"] == "Continuous"][-1]
    assert announced["next_phase"] == {"state": "Delisted", "at": announced["delists_at"]}

    assert told(alice, "state", "trading_enabled", "next_phase") == ["Delisted", False, None]
    assert SYMBOL in {each["symbol"] for each in alice.data("GET", "/markets")}
    (left,) = alice.data("GET", f"/accounts/{buyer}/orders")
    assert (left["status"], left["filled_quantity"]) == ("Cancelled", "5.00")
    assert alice.balances(buyer)["ETH"] == ("990.00000000", "0.00000000", "990.00000000")
    assert len(alice.data("GET", f"{PATH}/trades")["trades"]) == 1
    refused = alice.post("/orders", json=body(buyer, "buy", "2.00", "1"))
    assert refused.status_code == 409
    error = refused.json()["error"]
    assert (error["code"], error["details"]["reason"]) == ("market_halted", "market_delisted")
    assert error["message"] == "The market was delisted: it has ended for good."

    (symbol,) = on_the_compatible_api(exchange, "exchangeInfo").json()["symbols"]
    assert (symbol["status"], symbol["isSpotTradingAllowed"]) == ("BREAK", False)
    assert len(on_the_compatible_api(exchange, "trades").json()) == 1
    for again in ("--resume", "--phase=continuous"):
        done = exchange.try_manage("halt_market", SYMBOL, again)
        assert done.returncode != 0
        assert "was delisted: nothing of it changes" in done.stderr
