"""Orders from the request to the answer: every type offered, every report, every refusal."""

from decimal import Decimal
from typing import Any

import pytest

from tests.integration.binance.rest.conftest import (
    OPEN_ORDERS,
    ORDER,
    SYMBOL,
    Bot,
    error_of,
    now_ms,
)

pytestmark = pytest.mark.usefixtures("book")


def placed(bot: Bot, side: str, kind: str, **terms: Any) -> Any:
    return bot.ok("POST", ORDER, symbol=SYMBOL, side=side, type=kind, **terms)


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
