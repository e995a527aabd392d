"""Lists of orders and trades: where they begin and end, and who sees what in them."""

from decimal import Decimal
from typing import Any

import httpx
import psycopg
import pytest

from tests.exchange import Exchange
from tests.integration.binance.rest.conftest import OPEN_ORDERS, ORDER, SYMBOL, Bot, now_ms

ALL_ORDERS, TRADES = "/api/v3/allOrders", "/api/v3/myTrades"
pytestmark = pytest.mark.usefixtures("book")


def test_lists_of_orders_go_up_from_where_they_are_asked(ann: Bot) -> None:
    start = now_ms()
    ids = [ann.limit("BUY", str(80 + n), "1")["orderId"] for n in range(5)]
    ann.ok("DELETE", ORDER, symbol=SYMBOL, orderId=ids[1])

    def listed(**params: Any) -> list[int]:
        rows = ann.ok("GET", ALL_ORDERS, symbol=SYMBOL, **params)
        return [row["orderId"] for row in rows]

    assert listed(limit=3) == ids[2:]
    assert listed(orderId=ids[1], limit=2) == ids[1:3]
    assert listed(startTime=start, limit=2) == ids[:2]
    assert listed(startTime=start, endTime=now_ms()) == ids
    assert listed(orderId=ids[-1] + 1) == []
    assert listed(endTime=start - 3_600_000) == []
    assert listed(startTime=start, orderId=ids[3]) == ids[3:]
    still_open = ann.ok("GET", OPEN_ORDERS)
    assert [row["orderId"] for row in still_open] == [ids[0], *ids[2:]]
    cancelled = ann.ok("GET", ALL_ORDERS, symbol=SYMBOL, orderId=ids[1], limit=1)[0]
    assert (cancelled["status"], cancelled["isWorking"]) == ("CANCELED", True)
    assert cancelled["updateTime"] >= cancelled["time"] == cancelled["workingTime"]


def test_fees_of_each_symbol_are_those_that_it_says_alone(ann: Bot, exchange: Exchange) -> None:
    with psycopg.connect(exchange.database_url, autocommit=True) as tables:
        tables.execute(
            "UPDATE accounts_account SET maker_fee_ppm = -25 WHERE public_id = %s", [ann.account]
        )
        try:
            listed = ann.ok("GET", "/sapi/v1/asset/tradeFee")
            one = ann.ok("GET", "/sapi/v1/asset/tradeFee", symbol="BTCUSD")
            alone = ann.ok("GET", "/api/v3/account/commission", symbol="BTCUSD")
            state = ann.ok("GET", "/api/v3/account")
        finally:
            tables.execute(
                "UPDATE accounts_account SET maker_fee_ppm = NULL WHERE public_id = %s",
                [ann.account],
            )
    symbols = {row["symbol"] for row in ann.ok("GET", "/api/v3/exchangeInfo")["symbols"]}
    assert {row["symbol"] for row in listed} == symbols
    assert one == [row for row in listed if row["symbol"] == "BTCUSD"]
    rates = alone["standardCommission"]
    assert (one[0]["makerCommission"], one[0]["takerCommission"]) == (
        rates["maker"], rates["taker"],
    )  # fmt: skip
    assert rates["maker"] == state["commissionRates"]["maker"] == "-0.00002500"
    assert Decimal(rates["taker"]) > 0


def test_both_parties_see_a_trade_by_the_same_id(ann: Bot, ben: Bot) -> None:
    start = now_ms()
    sold = ann.limit("SELL", "100", "3")
    fills = [
        ben.ok("POST", ORDER, symbol=SYMBOL, side="BUY", type="MARKET", quantity=quantity)
        for quantity in ("1", "2")
    ]
    ids = [answer["fills"][0]["tradeId"] for answer in fills]

    mine = ann.ok("GET", TRADES, symbol=SYMBOL, fromId=ids[0])
    theirs = ben.ok("GET", TRADES, symbol=SYMBOL, startTime=start)
    assert [row["id"] for row in mine] == [row["id"] for row in theirs] == ids
    assert mine[1] == {
        "symbol": SYMBOL,
        "id": ids[1],
        "orderId": sold["orderId"],
        "orderListId": -1,
        "price": "100.00000000",
        "qty": "2.00000000",
        "quoteQty": "200.00000000",
        "commission": "0.00000000",
        "commissionAsset": "EUR",
        "time": fills[1]["transactTime"],
        "isBuyer": False,
        "isMaker": True,
        "isBestMatch": True,
    }
    assert (theirs[1]["isBuyer"], theirs[1]["isMaker"]) == (True, False)
    assert theirs[1]["commissionAsset"] == "BTC"

    def listed(bot: Bot, **params: Any) -> list[int]:
        return [row["id"] for row in bot.ok("GET", TRADES, symbol=SYMBOL, **params)]

    assert listed(ann, limit=1) == ids[1:]
    assert listed(ann, fromId=ids[0], limit=1) == ids[:1]
    assert listed(ann, orderId=sold["orderId"]) == ids
    assert listed(ben, orderId=fills[0]["orderId"]) == ids[:1]
    assert listed(ben, orderId=sold["orderId"]) == []
    assert listed(ann, fromId=ids[1] + 1) == []
    assert listed(ann, endTime=start - 3_600_000, orderId=sold["orderId"]) == []


def test_orders_of_v1_are_seen_here_and_the_other_way_round(ann: Bot, exchange: Exchange) -> None:
    token = exchange.create_token("ann@example.com")
    body = {
        "user_id": ann.account,
        "market": "BTC/EUR",
        "side": "Buy",
        "order_type": "Limit",
        "price": "50",
        "quantity": "1",
    }
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=exchange.base_url, headers=headers) as v1:
        number = int(v1.post("/api/v1/orders", json=body).json()["data"]["order"]["id"])
        here = ann.ok("GET", ORDER, symbol=SYMBOL, orderId=number)
        assert (here["price"], here["clientOrderId"]) == ("50.00000000", "")
        placed_here = ann.limit("BUY", "51", "1", newClientOrderId="x-1")["orderId"]
        there = v1.get(f"/api/v1/orders/{placed_here}").json()["data"]
        assert (there["price"], there["client_order_id"]) == ("51.00", "x-1")
