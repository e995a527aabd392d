"""Orders that are refused: each by its published code and text, and nothing changes."""

from typing import Any

import pytest

from tests.exchange import Exchange, wait_until
from tests.integration.binance.rest.conftest import (
    OPEN_ORDERS,
    ORDER,
    SYMBOL,
    Bot,
    error_of,
)

BALANCE = "Account has insufficient balance for requested action."
WOULD_TAKE = "Order would immediately match and take."
pytestmark = pytest.mark.usefixtures("book")


def placed(bot: Bot, side: str, kind: str, **terms: Any) -> Any:
    return bot.ok("POST", ORDER, symbol=SYMBOL, side=side, type=kind, **terms)


def refused(bot: Bot, side: str, kind: str, **terms: Any) -> tuple[int, str]:
    """Return the refusal of an order that leaves no trace."""
    before = bot.balances(), bot.ok("GET", OPEN_ORDERS, symbol=SYMBOL)
    response = bot.call("POST", ORDER, symbol=SYMBOL, side=side, type=kind, **terms)
    assert response.status_code == 400, response.text
    assert (bot.balances(), bot.ok("GET", OPEN_ORDERS, symbol=SYMBOL)) == before
    return error_of(response)


GTC = {"timeInForce": "GTC"}


@pytest.mark.parametrize(
    ("kind", "terms", "code", "msg"),
    [
        ("LIMIT", {"price": "100.001", "quantity": "1", **GTC}, -1013, "PRICE_FILTER"),
        ("LIMIT", {"price": "0", "quantity": "1", **GTC}, -1013, "PRICE_FILTER"),
        ("LIMIT", {"price": "9" * 19, "quantity": "1", **GTC}, -1013, "PRICE_FILTER"),
        ("LIMIT", {"price": "100", "quantity": "0.000001", **GTC}, -1013, "LOT_SIZE"),
        ("LIMIT", {"price": "100", "quantity": "0", **GTC}, -1013, "LOT_SIZE"),
        ("MARKET", {"quantity": "9" * 19}, -1013, "LOT_SIZE"),
        ("LIMIT", {"price": "0.01", "quantity": "0.00001", **GTC}, -1013, "NOTIONAL"),
        ("MARKET", {"quoteOrderQty": "0.5"}, -1013, "NOTIONAL"),
        ("MARKET", {"quoteOrderQty": "0"}, -1013, "NOTIONAL"),
        ("LIMIT", {"price": "100", "quantity": "0.000000001", **GTC}, -1111, "quantity"),
        ("LIMIT", {"price": "100.000000001", "quantity": "1", **GTC}, -1111, "price"),
        ("LIMIT", {"price": "1e2", "quantity": "1", **GTC}, -1100, "price"),
        ("LIMIT", {"price": "100", "quantity": "-1", **GTC}, -1100, "quantity"),
        ("LIMIT", {"price": "100", "quantity": "1", "timeInForce": "GTD"}, -1115, "timeInForce"),
        ("LIMIT", {"price": "100", "quantity": "1"}, -1102, "timeInForce"),
        ("LIMIT", {"quantity": "1", **GTC}, -1102, "price"),
        ("MARKET", {}, -1102, "quantity"),
        ("MARKET", {"quantity": "1", "quoteOrderQty": "1"}, -1106, "quoteOrderQty"),
        ("MARKET", {"quantity": "1", "price": "100"}, -1106, "price"),
        (
            "LIMIT_MAKER",
            {"price": "1", "quantity": "1", "timeInForce": "IOC"},
            -1106,
            "timeInForce",
        ),
        ("LIMITED", {"price": "100", "quantity": "1"}, -1116, "Invalid orderType."),
        ("TAKE_PROFIT", {"quantity": "1"}, -1102, "'stopPrice' or 'trailingDelta'"),
        ("STOP_LOSS", {"quantity": "1", "stopPrice": "1", "price": "1"}, -1106, "price"),
        ("STOP_LOSS", {"quantity": "1", "stopPrice": "1.001"}, -1013, "PRICE_FILTER"),
        ("STOP_LOSS", {"quantity": "1", "trailingDelta": "9"}, -1013, "TRAILING_DELTA"),
        (
            "LIMIT",
            {"price": "100", "quantity": "1", "icebergQty": "0.005", **GTC},
            -1013,
            "Filter failure: ICEBERG_PARTS",
        ),
        (
            "LIMIT",
            {"price": "100", "quantity": "1", "icebergQty": "1.1", **GTC},
            -1013,
            "IcebergQty exceeds QTY.",
        ),
        (
            "LIMIT",
            {"price": "100", "quantity": "1", "icebergQty": "0.5", "timeInForce": "IOC"},
            -1014,
            "Unsupported order combination.",
        ),
        ("LIMIT", {"price": "9000000", "quantity": "90", **GTC}, -2010, BALANCE),
        (
            "LIMIT",
            {"price": "100", "quantity": "1", "newClientOrderId": "no spaces", **GTC},
            -1100,
            "newClientOrderId",
        ),
        (
            "LIMIT",
            {"price": "100", "quantity": "1", "newClientOrderId": "x" * 37, **GTC},
            -1100,
            "newClientOrderId",
        ),
        (
            "LIMIT",
            {"price": "100", "quantity": "1", "selfTradePreventionMode": "TRANSFER", **GTC},
            -1013,
            "This symbol does not allow the specified self-trade prevention mode.",
        ),
        (
            "LIMIT",
            {"price": "100", "quantity": "1", "selfTradePreventionMode": "KEEP", **GTC},
            -1130,
            "selfTradePreventionMode",
        ),
        (
            "LIMIT",
            {"price": "100", "quantity": "1", "newOrderRespType": "ALL", **GTC},
            -1130,
            "Resp",
        ),
    ],
)
def test_a_refused_order_changes_nothing(
    ann: Bot, kind: str, terms: dict[str, str], code: int, msg: str
) -> None:
    answer = refused(ann, "BUY", kind, **terms)

    assert answer[0] == code
    assert msg in answer[1]


def test_a_post_only_order_that_would_take_is_refused(ann: Bot, ben: Bot) -> None:
    ben.limit("SELL", "100", "1")

    terms = {"price": "100", "quantity": "1"}
    assert refused(ann, "BUY", "LIMIT_MAKER", **terms) == (-2010, WOULD_TAKE)
    rested = placed(ann, "BUY", "LIMIT_MAKER", price="99.99", quantity="1")
    shown = ann.ok("GET", ORDER, symbol=SYMBOL, orderId=rested["orderId"])
    assert (shown["type"], shown["status"]) == ("LIMIT_MAKER", "NEW")


def test_a_market_order_is_worth_the_minimum_at_the_last_price(ann: Bot, ben: Bot) -> None:
    ben.limit("SELL", "100", "1")
    placed(ann, "BUY", "MARKET", quantity="1")

    def last_price() -> Any:
        return ann.get("/api/v3/ticker/price", params={"symbol": SYMBOL}).json()["price"]

    # The market data of a web process follows a moment after the answer.
    wait_until(lambda: last_price() == "100.00000000", timeout_s=5, what="the last price")
    assert refused(ann, "BUY", "MARKET", quantity="0.00999") == (
        -1013,
        "Filter failure: NOTIONAL",
    )


def test_a_client_order_id_is_unique_among_open_orders_only(ann: Bot) -> None:
    first = ann.limit("BUY", "100", "1", newClientOrderId="mine")

    terms = {"price": "100", "quantity": "1", "timeInForce": "GTC"}
    duplicate = refused(ann, "BUY", "LIMIT", newClientOrderId="mine", **terms)
    assert duplicate == (-2010, "Duplicate order sent.")
    ann.ok("DELETE", ORDER, symbol=SYMBOL, origClientOrderId="mine")
    second = ann.limit("BUY", "100", "2", newClientOrderId="mine")
    assert second["orderId"] > first["orderId"]
    found = ann.ok("GET", ORDER, symbol=SYMBOL, origClientOrderId="mine")
    assert found["orderId"] == second["orderId"]
    ann.ok("DELETE", ORDER, symbol=SYMBOL, orderId=second["orderId"])
    newest = ann.ok("GET", ORDER, symbol=SYMBOL, origClientOrderId="mine")
    assert (newest["orderId"], newest["status"]) == (second["orderId"], "CANCELED")


def test_a_price_far_from_the_last_one_is_refused_by_its_filter(ann: Bot, ben: Bot) -> None:
    terms = {"symbol": "ETHUSDT", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1"}
    ann.ok("POST", ORDER, **terms, side="SELL", price="3000")
    taken = ben.ok("POST", ORDER, **terms, side="BUY", price="3100")
    assert taken["status"] == "FILLED"

    for price in ("4500.01", "1499.99"):
        far = ben.refused("POST", ORDER, **terms, side="BUY", price=price)
        assert far == (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE")
    near = ben.ok("POST", ORDER, **terms, side="BUY", price="1500")
    ben.ok("DELETE", ORDER, symbol="ETHUSDT", orderId=near["orderId"])


def test_a_halted_market_is_closed_but_lets_orders_go(ann: Bot, exchange: Exchange) -> None:
    order = ann.limit("BUY", "100", "1")
    exchange.manage("halt_market", "BTC/EUR")
    try:
        terms = {"price": "100", "quantity": "1", "timeInForce": "GTC"}
        assert refused(ann, "BUY", "LIMIT", **terms) == (-2010, "Market is closed.")
        gone = ann.ok("DELETE", ORDER, symbol=SYMBOL, orderId=order["orderId"])
        assert gone["status"] == "CANCELED"
    finally:
        exchange.manage("halt_market", "BTC/EUR", "--resume")
    assert ann.limit("BUY", "100", "1")["status"] == "NEW"
