"""Orders from the request to the answer: every type offered, every report, every refusal."""

from decimal import Decimal
from typing import Any

import pytest

from tests.exchange import Exchange, wait_until
from tests.integration.binance.rest.conftest import (
    OPEN_ORDERS,
    ORDER,
    SYMBOL,
    Bot,
    error_of,
    now_ms,
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


# --- answers --------------------------------------------------------------------------------------


def test_a_limit_order_rests_and_is_answered_in_full(ann: Bot) -> None:
    before = now_ms()
    answer = ann.limit("BUY", "100.5", "2", newClientOrderId="a-Z.0:/_9")

    assert abs(answer.pop("transactTime") - before) < 10_000
    assert abs(answer.pop("workingTime") - before) < 10_000
    assert 0 < answer.pop("orderId") < 2**53
    assert answer == {
        "symbol": SYMBOL,
        "orderListId": -1,
        "clientOrderId": "a-Z.0:/_9",
        "price": "100.50000000",
        "origQty": "2.00000000",
        "executedQty": "0.00000000",
        "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "selfTradePreventionMode": "EXPIRE_TAKER",
        "fills": [],
    }


ACK = {"symbol", "orderId", "orderListId", "clientOrderId", "transactTime"}
RESULT = ACK | {
    *("price", "origQty", "executedQty", "origQuoteOrderQty", "cummulativeQuoteQty", "status"),
    *("timeInForce", "type", "side", "workingTime", "selfTradePreventionMode"),
}


@pytest.mark.parametrize(
    ("kind", "wanted", "fields"),
    [
        ("LIMIT", None, RESULT | {"fills"}),
        ("LIMIT", "ACK", ACK),
        ("LIMIT", "RESULT", RESULT),
        ("LIMIT_MAKER", None, ACK),
        ("LIMIT_MAKER", "FULL", RESULT | {"fills"}),
    ],
)
def test_the_answer_is_as_long_as_asked(
    ann: Bot, kind: str, wanted: str | None, fields: set[str]
) -> None:
    terms = {"price": "100", "quantity": "1"} | ({} if kind != "LIMIT" else {"timeInForce": "GTC"})
    if wanted is not None:
        terms["newOrderRespType"] = wanted

    assert set(placed(ann, "BUY", kind, **terms)) == fields


def test_a_market_order_by_quantity_sweeps_from_the_best_price(ann: Bot, ben: Bot) -> None:
    for price in ("101", "100", "102"):
        ben.limit("SELL", price, "1")

    answer = placed(ann, "BUY", "MARKET", quantity="2.5")

    assert (answer["status"], answer["type"], answer["timeInForce"]) == ("FILLED", "MARKET", "GTC")
    assert answer["price"] == "0.00000000"
    assert [(fill["price"], fill["qty"]) for fill in answer["fills"]] == [
        ("100.00000000", "1.00000000"),
        ("101.00000000", "1.00000000"),
        ("102.00000000", "0.50000000"),
    ]
    assert answer["executedQty"] == "2.50000000"
    assert answer["cummulativeQuoteQty"] == "252.00000000"
    ids = [fill["tradeId"] for fill in answer["fills"]]
    assert ids == list(range(ids[0], ids[0] + 3))


def test_a_market_order_by_amount_never_spends_more(ann: Bot, ben: Bot) -> None:
    ben.limit("SELL", "33.33", "10")

    answer = placed(ann, "BUY", "MARKET", quoteOrderQty="100")

    assert answer["status"] == "FILLED"
    assert answer["origQuoteOrderQty"] == "100.00000000"
    assert answer["origQty"] == answer["executedQty"] == "3.00030000"
    spent = Decimal(answer["cummulativeQuoteQty"])
    assert spent == Decimal("99.999999")  # one lot more would cost 0.0003333 more


def test_a_market_order_without_a_counterparty_expires(ann: Bot) -> None:
    answer = placed(ann, "SELL", "MARKET", quantity="1")

    assert (answer["status"], answer["executedQty"]) == ("EXPIRED", "0.00000000")


def test_ioc_takes_what_it_can_and_fok_all_or_nothing(ann: Bot, ben: Bot) -> None:
    ben.limit("SELL", "100", "1")

    none = ann.limit("BUY", "100", "1.5", timeInForce="FOK")
    assert (none["status"], none["executedQty"], none["fills"]) == ("EXPIRED", "0.00000000", [])
    part = ann.limit("BUY", "100", "1.5", timeInForce="IOC")
    assert (part["status"], part["executedQty"]) == ("EXPIRED", "1.00000000")
    ben.limit("SELL", "100", "1")
    whole = ann.limit("BUY", "101", "1", timeInForce="FOK")
    assert (whole["status"], whole["fills"][0]["price"]) == ("FILLED", "100.00000000")
    assert ann.ok("GET", OPEN_ORDERS, symbol=SYMBOL) == []


def test_self_trade_prevention_has_a_status_of_its_own(ann: Bot) -> None:
    ann.limit("SELL", "100", "1")

    answer = ann.limit("BUY", "100", "1")

    assert (answer["status"], answer["executedQty"]) == ("EXPIRED_IN_MATCH", "0.00000000")
    assert answer["preventedQuantity"] == "1.00000000"
    assert answer["preventedMatchId"] > 0


def test_an_order_only_tested_changes_nothing(ann: Bot) -> None:
    before = ann.balances()
    terms = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}

    assert ann.ok("POST", f"{ORDER}/test", **terms, quantity="1", price="100") == {}
    assert ann.refused("POST", f"{ORDER}/test", **terms, quantity="1", price="0")[0] == -1013
    assert ann.balances() == before
    assert ann.ok("GET", OPEN_ORDERS) == []


# --- refusals -------------------------------------------------------------------------------------


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


def test_an_order_list_is_answered_as_not_offered(ann: Bot) -> None:
    legs = {"aboveType": "LIMIT_MAKER", "abovePrice": "110", "belowType": "STOP_LOSS"}
    terms = {"symbol": SYMBOL, "side": "SELL", "quantity": "1", **legs, "belowStopPrice": "90"}

    answer = ann.refused("POST", "/api/v3/orderList/oco", **terms)

    assert answer == (-2010, "OCO orders are not supported for this symbol.")


# --- cancels --------------------------------------------------------------------------------------


def test_a_cancel_is_answered_with_its_own_name_and_the_order_it_ended(ann: Bot, ben: Bot) -> None:
    order = ann.limit("BUY", "100", "2", newClientOrderId="resting")
    ben.limit("SELL", "100", "0.5")

    terms = {"symbol": SYMBOL, "orderId": order["orderId"], "newClientOrderId": "the-cancel"}
    answer = ann.ok("DELETE", ORDER, **terms)

    assert answer.pop("transactTime") >= order["transactTime"]
    assert answer == {
        "symbol": SYMBOL,
        "origClientOrderId": "resting",
        "orderId": order["orderId"],
        "orderListId": -1,
        "clientOrderId": "the-cancel",
        "price": "100.00000000",
        "origQty": "2.00000000",
        "executedQty": "0.50000000",
        "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": "50.00000000",
        "status": "CANCELED",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "BUY",
        "selfTradePreventionMode": "EXPIRE_TAKER",
    }


def test_both_ids_must_name_the_same_order(ann: Bot) -> None:
    one = ann.limit("BUY", "100", "1", newClientOrderId="one")
    ann.limit("BUY", "101", "1", newClientOrderId="two")
    both = {"symbol": SYMBOL, "orderId": one["orderId"], "origClientOrderId": "two"}

    assert ann.refused("DELETE", ORDER, **both)[0] == -2011
    assert ann.refused("GET", ORDER, **both)[0] == -2013
    both["origClientOrderId"] = "one"
    assert ann.ok("GET", ORDER, **both)["orderId"] == one["orderId"]
    assert ann.ok("DELETE", ORDER, **both)["orderId"] == one["orderId"]
    assert ann.refused("DELETE", ORDER, **both) == (-2011, "Unknown order sent.")


def test_somebody_elses_order_does_not_exist(ann: Bot, ben: Bot) -> None:
    order = ann.limit("BUY", "100", "1", newClientOrderId="private")
    by_id = {"symbol": SYMBOL, "orderId": order["orderId"]}
    by_name = {"symbol": SYMBOL, "origClientOrderId": "private"}

    for named in (by_id, by_name):
        assert ben.refused("GET", ORDER, **named) == (-2013, "Order does not exist.")
        assert ben.refused("DELETE", ORDER, **named) == (-2011, "Unknown order sent.")
    assert ben.ok("GET", OPEN_ORDERS) == []
    assert ben.refused("DELETE", OPEN_ORDERS, symbol=SYMBOL) == (-2011, "Unknown order sent.")
    elsewhere = {**by_id, "symbol": "ETHUSDT"}
    assert ann.refused("GET", ORDER, **elsewhere)[0] == -2013
    assert ann.refused("DELETE", ORDER, **elsewhere)[0] == -2011
    assert ann.ok("GET", ORDER, **by_id)["status"] == "NEW"


def test_cancelling_all_reports_each(ann: Bot) -> None:
    ids = [ann.limit("BUY", price, "1")["orderId"] for price in ("90", "91", "92")]

    reports = ann.ok("DELETE", OPEN_ORDERS, symbol=SYMBOL)

    assert sorted(report["orderId"] for report in reports) == ids
    assert {report["status"] for report in reports} == {"CANCELED"}
    assert ann.refused("DELETE", OPEN_ORDERS, symbol=SYMBOL) == (-2011, "Unknown order sent.")


NEW = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1"}
REPLACE = f"{ORDER}/cancelReplace"


def test_an_order_is_replaced_by_another(ann: Bot) -> None:
    old = ann.limit("BUY", "90", "1")
    terms = {**NEW, "price": "91", "cancelReplaceMode": "STOP_ON_FAILURE"}

    answer = ann.ok("POST", REPLACE, **terms, cancelOrderId=old["orderId"])

    assert (answer["cancelResult"], answer["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert answer["cancelResponse"]["orderId"] == old["orderId"]
    assert answer["newOrderResponse"]["price"] == "91.00000000"
    assert [one["price"] for one in ann.ok("GET", OPEN_ORDERS, symbol=SYMBOL)] == ["91.00000000"]


@pytest.mark.parametrize(
    ("mode", "price", "status", "code", "results"),
    [
        ("STOP_ON_FAILURE", "91", 400, -2022, ("FAILURE", "NOT_ATTEMPTED")),
        ("ALLOW_FAILURE", "91", 409, -2021, ("FAILURE", "SUCCESS")),
        ("ALLOW_FAILURE", "9000000", 400, -2022, ("FAILURE", "FAILURE")),
    ],
)
def test_a_replacement_that_fails_tells_both_halves(
    ann: Bot,
    mode: str,
    price: str,
    status: int,
    code: int,
    results: tuple[str, str],
) -> None:
    terms = {**NEW, "quantity": "50", "price": price, "cancelReplaceMode": mode}

    response = ann.call("POST", REPLACE, **terms, cancelOrderId=1)

    assert (response.status_code, error_of(response)[0]) == (status, code)
    data = response.json()["data"]
    assert (data["cancelResult"], data["newOrderResult"]) == results
    for result, answer in zip(
        results, (data["cancelResponse"], data["newOrderResponse"]), strict=True
    ):
        if result == "FAILURE":
            assert set(answer) == {"code", "msg"}
        assert (answer is None) == (result == "NOT_ATTEMPTED")


def test_a_replacement_with_wrong_values_cancels_nothing(ann: Bot) -> None:
    old = ann.limit("BUY", "90", "1")["orderId"]
    terms = {**NEW, "cancelReplaceMode": "ALLOW_FAILURE", "cancelOrderId": old}

    assert ann.refused("POST", REPLACE, **terms, price="0.001")[0] == -1013
    assert ann.refused("POST", REPLACE, **{**terms, "cancelReplaceMode": "X"}, price="91")[0] == (
        -1130
    )
    assert ann.refused("POST", REPLACE, **NEW, price="91", cancelOrderId=old)[0] == -1102
    assert ann.ok("GET", ORDER, symbol=SYMBOL, orderId=old)["status"] == "NEW"
