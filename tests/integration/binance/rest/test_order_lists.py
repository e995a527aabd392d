"""Lists of orders: placed, followed through to their ends, cancelled, looked up."""

from typing import Any

import pytest

from tests.exchange import wait_until
from tests.integration.binance.rest.conftest import OPEN_ORDERS, ORDER, SYMBOL, Bot
from tests.integration.binance.rest.test_stops import shown, trade_at

LIST = "/api/v3/orderList"
ALL_LISTS = "/api/v3/allOrderList"
OPEN_LISTS = "/api/v3/openOrderList"
RELATION = (-2010, "The relationship of the prices for the orders is not correct.")
OCO: dict[str, Any] = {
    "symbol": SYMBOL, "side": "SELL", "quantity": "2",
    "aboveType": "LIMIT_MAKER", "abovePrice": "110",
    "belowType": "STOP_LOSS_LIMIT", "belowStopPrice": "90", "belowPrice": "89",
    "belowTimeInForce": "GTC",
}  # fmt: skip
OTO: dict[str, Any] = {
    "symbol": SYMBOL, "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "99",
    "workingQuantity": "2", "workingTimeInForce": "GTC", "pendingType": "LIMIT",
    "pendingSide": "SELL", "pendingPrice": "110", "pendingQuantity": "2",
    "pendingTimeInForce": "GTC",
}  # fmt: skip
OTOCO: dict[str, Any] = {
    "symbol": SYMBOL, "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "99",
    "workingQuantity": "2", "workingTimeInForce": "GTC", "pendingSide": "SELL",
    "pendingQuantity": "2", "pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "110",
    "pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "90",
}  # fmt: skip
pytestmark = pytest.mark.usefixtures("book")


@pytest.fixture(autouse=True)
def last_price(book: None, ann: Bot, ben: Bot) -> None:
    """The last price is 100."""
    trade_at(ann, ben, "100")


def statuses(bot: Bot, placed: Any) -> list[str]:
    return [shown(bot, order)["status"] for order in placed["orders"]]


def the_list(bot: Bot, placed: Any) -> Any:
    return bot.ok("GET", LIST, orderListId=placed["orderListId"])


def head(placed: Any) -> dict[str, Any]:
    return {name: placed[name] for name in placed if name not in ("orderReports", "orders")}


def test_an_oco_holds_once_and_is_one_thing(ann: Bot) -> None:
    free_before, locked_before = ann.balances()["BTC"]

    placed = ann.ok("POST", f"{LIST}/oco", **OCO, listClientOrderId="pair-1")

    list_id = placed["orderListId"]
    stop, limit = placed["orders"]
    assert head(placed) == {
        "orderListId": list_id,
        "contingencyType": "OCO",
        "listStatusType": "EXEC_STARTED",
        "listOrderStatus": "EXECUTING",
        "listClientOrderId": "pair-1",
        "transactionTime": placed["orderReports"][0]["transactTime"],
        "symbol": SYMBOL,
    }
    reports = placed["orderReports"]
    assert [
        (each["type"], each["price"], each.get("stopPrice"), each["status"], each["workingTime"])
        for each in reports
    ] == [
        ("STOP_LOSS_LIMIT", "89.00000000", "90.00000000", "NEW", -1),
        ("LIMIT_MAKER", "110.00000000", None, "NEW", reports[1]["workingTime"]),
    ]
    assert {each["orderListId"] for each in reports} == {list_id}
    assert [(each["orderId"], each["clientOrderId"]) for each in reports] == [
        (each["orderId"], each["clientOrderId"]) for each in (stop, limit)
    ]
    free, locked = ann.balances()["BTC"]
    assert (float(free_before) - float(free), float(locked) - float(locked_before)) == (2, 2)
    open_orders = ann.ok("GET", OPEN_ORDERS, symbol=SYMBOL)
    assert {each["orderListId"] for each in open_orders} == {list_id}
    expected = {name: placed[name] for name in placed if name != "orderReports"}
    assert the_list(ann, placed) == expected
    assert ann.ok("GET", LIST, origClientOrderId="pair-1") == expected
    assert ann.ok("GET", OPEN_LISTS) == [expected]
    assert expected in ann.ok("GET", ALL_LISTS)


def test_a_fill_of_one_ends_the_other(ann: Bot, ben: Bot) -> None:
    placed = ann.ok("POST", f"{LIST}/oco", **OCO)
    ben.limit("BUY", "110", "0.5")
    assert statuses(ann, placed) == ["EXPIRED", "PARTIALLY_FILLED"]
    assert the_list(ann, placed)["listOrderStatus"] == "EXECUTING"
    ben.limit("BUY", "110", "1.5")
    assert statuses(ann, placed) == ["EXPIRED", "FILLED"]
    done = the_list(ann, placed)
    assert (done["listStatusType"], done["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")
    assert ann.ok("GET", OPEN_LISTS) == []
    trades = ann.ok("GET", "/api/v3/myTrades", symbol=SYMBOL)
    assert [each["orderListId"] for each in trades[-2:]] == [placed["orderListId"]] * 2
    assert trades[-3]["orderListId"] == -1


def test_a_trigger_of_one_ends_the_other(ann: Bot, ben: Bot) -> None:
    placed = ann.ok("POST", f"{LIST}/oco", **OCO)
    trade_at(ann, ben, "90")
    assert statuses(ann, placed) == ["NEW", "EXPIRED"]
    assert shown(ann, placed["orders"][0])["isWorking"] is True


@pytest.mark.parametrize("leg", [0, 1])
def test_a_cancel_of_one_ends_both_and_frees_the_hold(ann: Bot, leg: int) -> None:
    before = ann.balances()
    placed = ann.ok("POST", f"{LIST}/oco", **OCO)
    order_id = placed["orders"][leg]["orderId"]
    cancelled = ann.ok("DELETE", ORDER, symbol=SYMBOL, orderId=order_id)
    assert (cancelled["status"], cancelled["orderListId"]) == ("CANCELED", placed["orderListId"])
    assert statuses(ann, placed) == ["CANCELED", "CANCELED"]
    assert ann.balances() == before


@pytest.mark.parametrize("by", ["orderListId", "listClientOrderId"])
def test_a_list_is_cancelled(ann: Bot, by: str) -> None:
    before = ann.balances()
    placed = ann.ok("POST", f"{LIST}/oco", **OCO)
    gone = ann.ok("DELETE", LIST, symbol=SYMBOL, newClientOrderId="bye", **{by: placed[by]})
    assert head(gone) == {
        **head(placed),
        "listStatusType": "ALL_DONE",
        "listOrderStatus": "ALL_DONE",
        "transactionTime": gone["orderReports"][0]["transactTime"],
    }
    assert gone["orders"] == placed["orders"]
    assert [
        (each["origClientOrderId"], each["clientOrderId"], each["status"])
        for each in gone["orderReports"]
    ] == [(each["clientOrderId"], "bye", "CANCELED") for each in placed["orders"]]
    assert ann.balances() == before
    again = ann.refused("DELETE", LIST, symbol=SYMBOL, **{by: placed[by]})
    assert again == (-2011, "Unknown order sent.")


def test_a_cancel_of_all_tells_lists_as_such(ann: Bot) -> None:
    placed = ann.ok("POST", f"{LIST}/oto", **OTO)
    alone = ann.limit("BUY", "50", "1")
    listed, other = ann.ok("DELETE", OPEN_ORDERS, symbol=SYMBOL)
    assert (listed["orderListId"], listed["listOrderStatus"]) == (
        placed["orderListId"],
        "ALL_DONE",
    )
    assert [each["status"] for each in listed["orderReports"]] == ["CANCELED", "CANCELED"]
    assert other["orderId"] == alone["orderId"]


def test_an_order_follows_another_that_is_filled(ann: Bot, ben: Bot) -> None:
    placed = ann.ok("POST", f"{LIST}/oto", **OTO, newOrderRespType="FULL")
    assert placed["contingencyType"] == "OTO"
    working, pending = placed["orderReports"]
    assert (working["status"], working["fills"]) == ("NEW", [])
    assert (pending["status"], pending["workingTime"]) == ("PENDING_NEW", -1)
    assert (pending["type"], pending["fills"]) == ("LIMIT", [])
    assert shown(ann, pending)["isWorking"] is False
    ben.limit("SELL", "99", "1")
    assert statuses(ann, placed) == ["PARTIALLY_FILLED", "PENDING_NEW"]
    ben.limit("SELL", "99", "1")
    assert statuses(ann, placed) == ["FILLED", "NEW"]
    follows = shown(ann, pending)
    assert follows["isWorking"] is True
    assert follows["workingTime"] > follows["time"]


def test_a_pair_follows_another_that_is_filled(ann: Bot, ben: Bot) -> None:
    placed = ann.ok("POST", f"{LIST}/otoco", **OTOCO)
    assert placed["contingencyType"] == "OTO"
    assert [(each["type"], each["status"]) for each in placed["orderReports"]] == [
        ("LIMIT", "NEW"),
        ("STOP_LOSS", "PENDING_NEW"),
        ("LIMIT_MAKER", "PENDING_NEW"),
    ]
    ben.limit("SELL", "99", "2")
    assert statuses(ann, placed) == ["FILLED", "NEW", "NEW"]
    ben.limit("BUY", "110", "2")
    assert statuses(ann, placed) == ["FILLED", "EXPIRED", "FILLED"]
    assert the_list(ann, placed)["listOrderStatus"] == "ALL_DONE"


def test_a_working_order_that_ends_takes_its_list_with_it(ann: Bot) -> None:
    placed = ann.ok("POST", f"{LIST}/oto", **{**OTO, "workingTimeInForce": "IOC"})
    assert [each["status"] for each in placed["orderReports"]] == ["EXPIRED", "EXPIRED"]
    assert (placed["listStatusType"], placed["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")


def test_the_former_call_places_the_same(ann: Bot) -> None:
    terms = {"symbol": SYMBOL, "quantity": "1", "listClientOrderId": "old"}
    sell = ann.ok(
        "POST", f"{ORDER}/oco", **terms, side="SELL", price="110", stopPrice="90",
        stopLimitPrice="89", stopLimitTimeInForce="GTC", limitClientOrderId="l",
        stopClientOrderId="s",
    )  # fmt: skip
    assert [(each["type"], each["clientOrderId"]) for each in sell["orderReports"]] == [
        ("STOP_LOSS_LIMIT", "s"),
        ("LIMIT_MAKER", "l"),
    ]
    ann.ok("DELETE", LIST, symbol=SYMBOL, listClientOrderId="old")
    buy = ann.ok("POST", f"{ORDER}/oco", **terms, side="BUY", price="90", stopPrice="110")
    assert [each["type"] for each in buy["orderReports"]] == ["STOP_LOSS", "LIMIT_MAKER"]
    missing = ann.refused("POST", f"{ORDER}/oco", **terms, side="BUY", price="90")
    assert missing == (
        -1102,
        "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!",
    )


def test_an_oco_of_two_that_wait(ann: Bot, ben: Bot) -> None:
    terms = {**OCO, "aboveType": "TAKE_PROFIT", "aboveStopPrice": "110"}
    del terms["abovePrice"]
    placed = ann.ok("POST", f"{LIST}/oco", **terms, belowTrailingDelta="500")
    assert [each["type"] for each in placed["orderReports"]] == ["STOP_LOSS_LIMIT", "TAKE_PROFIT"]
    assert placed["orderReports"][0]["trailingDelta"] == 500
    trade_at(ann, ben, "110")
    assert statuses(ann, placed) == ["EXPIRED", "EXPIRED"]  # nobody buys: it ends


def test_each_order_counts(ann: Bot) -> None:
    answer = ann.call("POST", f"{LIST}/oco", **OCO)
    before = int(answer.headers["x-mbx-order-count-1d"])
    ann.tidy_up()
    after = ann.call("POST", f"{LIST}/otoco", **OTOCO)
    assert int(after.headers["x-mbx-order-count-1d"]) == before + 3
    ann.refused("POST", f"{LIST}/oco", **{**OCO, "quantity": "100000"})
    limits = ann.ok("GET", "/api/v3/rateLimit/order")
    assert limits[-1]["count"] == before + 3  # the refused ones do not


def test_lists_are_found_by_id_and_time(ann: Bot) -> None:
    first = ann.ok("POST", f"{LIST}/oco", **OCO)
    ann.tidy_up()
    second = ann.ok("POST", f"{LIST}/oto", **OTO)

    def ids(**asked: Any) -> list[int]:
        return [each["orderListId"] for each in ann.ok("GET", ALL_LISTS, **asked)]

    mine = [first["orderListId"], second["orderListId"]]
    assert ids(fromId=mine[0]) == mine
    assert ids(fromId=mine[0], limit=1) == mine[:1]
    assert ids(limit=1) == mine[1:]
    assert ids(startTime=second["transactionTime"]) == mine[1:]
    assert mine[1] not in ids(endTime=second["transactionTime"] - 1)
    assert ann.refused("GET", ALL_LISTS, fromId=1, startTime=1)[0] == -1128


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"abovePrice": "100"}, RELATION),
        ({"belowStopPrice": "100"}, RELATION),
        ({"belowStopPrice": "120", "belowPrice": "89"}, RELATION),
        (
            {"aboveType": "LIMIT"},
            (-1102, "Mandatory parameter 'aboveTimeInForce' was not sent, was empty/null, or malformed."),  # noqa: E501
        ),
        ({"aboveType": "MARKET"}, (-1158, "Order type not supported in OCO.")),
        ({"aboveType": "NONE"}, (-1158, "Order type not supported in OCO.")),
        (
            {"belowType": "LIMIT_MAKER"},
            (-1168, "At least one OCO order must be contingent."),
        ),
        ({"side": "BUY"}, (-1165, "A limit order in a buy OCO must be below.")),
        (
            {"belowType": "TAKE_PROFIT_LIMIT"},
            (-1199, "A take profit order in a sell OCO must be above."),
        ),
        ({"side": "BOTH"}, (-1117, "Invalid side.")),
        ({"abovePrice": "110.001"}, (-1013, "Filter failure: PRICE_FILTER")),
        ({"quantity": "0.000001"}, (-1013, "Filter failure: LOT_SIZE")),
        ({"belowPrice": ""}, (-1102, "Mandatory parameter 'belowPrice' was not sent, was empty/null, or malformed.")),  # noqa: E501
        ({"belowPrice": "1e3"}, (-1100, "Illegal characters found in parameter 'belowPrice'; legal range is '^([0-9]{1,20})(\\.[0-9]{1,20})?$'.")),  # noqa: E501
        ({"aboveStopPrice": "110"}, (-1106, "Parameter 'aboveStopPrice' sent when not required.")),
        (
            {"belowTimeInForce": "IOC", "belowIcebergQty": "1"},
            (-1160, "Parameter 'belowIcebergQty' is not supported if 'belowTimeInForce' is not GTC."),  # noqa: E501
        ),
        (
            {"aboveClientOrderId": "x", "belowClientOrderId": "x"},
            (-2010, "Duplicate order sent."),
        ),
        (
            {"quantity": "100000"},
            (-2010, "Account has insufficient balance for requested action."),
        ),
    ],
)  # fmt: skip
def test_what_is_no_oco_is_refused(ann: Bot, changes: Any, expected: tuple[int, str]) -> None:
    before = ann.balances()
    assert ann.refused("POST", f"{LIST}/oco", **{**OCO, **changes}) == expected
    assert ann.balances() == before
    assert ann.ok("GET", OPEN_ORDERS, symbol=SYMBOL) == []
    assert ann.ok("GET", OPEN_LISTS) == []


@pytest.mark.parametrize(
    ("call", "terms", "expected"),
    [
        ("oto", {**OTO, "workingType": "STOP_LOSS", "workingStopPrice": "9"},
         (-1130, "Data sent for parameter 'workingType' is not valid.")),
        ("oto", {**OTO, "workingType": "NONE"}, (-1116, "Invalid orderType.")),
        ("oto", {**OTO, "pendingType": "NONE"}, (-1116, "Invalid orderType.")),
        ("oto", {**OTO, "pendingSide": "NONE"}, (-1117, "Invalid side.")),
        ("oto", {**OTO, "pendingSide": "BUY", "pendingType": "MARKET", "pendingPrice": ""},
         (-1105, "Parameter 'pendingPrice' was empty.")),
        ("otoco", {**OTOCO, "pendingBelowStopPrice": "120"}, RELATION),
        ("otoco", {**OTOCO, "pendingBelowType": ""},
         (-1102, "Mandatory parameter 'pendingBelowType' was not sent, was empty/null, or malformed.")),  # noqa: E501
    ],
)  # fmt: skip
def test_what_is_no_list_is_refused(
    ann: Bot, call: str, terms: Any, expected: tuple[int, str]
) -> None:
    assert ann.refused("POST", f"{LIST}/{call}", **terms) == expected
    assert ann.ok("GET", OPEN_LISTS) == []


def test_a_limit_order_of_an_oco_that_would_take_is_refused(ann: Bot, ben: Bot) -> None:
    ben.limit("BUY", "112", "1")
    refused = ann.refused("POST", f"{LIST}/oco", **OCO)
    assert refused == (-2010, "Order would immediately match and take.")


def test_a_name_of_an_open_list_is_taken(ann: Bot) -> None:
    ann.ok("POST", f"{LIST}/oco", **OCO, listClientOrderId="mine")
    twice = ann.refused("POST", f"{LIST}/oco", **OCO, listClientOrderId="mine")
    assert twice == (-2010, "Duplicate order sent.")
    ann.tidy_up()
    ann.ok("POST", f"{LIST}/oco", **OCO, listClientOrderId="mine")


def test_lists_of_others_are_unknown(ann: Bot, ben: Bot) -> None:
    placed = ann.ok("POST", f"{LIST}/oco", **OCO, listClientOrderId="hers")
    for name in ({"orderListId": placed["orderListId"]}, {"origClientOrderId": "hers"}):
        assert ben.refused("GET", LIST, **name) == (-2013, "Order list does not exist.")
    cancel = {"symbol": SYMBOL, "orderListId": placed["orderListId"]}
    assert ben.refused("DELETE", LIST, **cancel) == (-2011, "Unknown order sent.")
    both = {"orderListId": placed["orderListId"], "origClientOrderId": "not hers"}
    assert ann.refused("GET", LIST, **both)[0] == -2013
    assert ann.refused("GET", LIST) == (
        -1102,
        "Param 'origClientOrderId' or 'orderListId' must be sent, but both were empty/null!",
    )
    assert statuses(ann, placed) == ["NEW", "NEW"]


def test_an_order_of_a_list_is_not_amended(ann: Bot) -> None:
    placed = ann.ok("POST", f"{LIST}/oco", **OCO)
    asked = {"symbol": SYMBOL, "orderId": placed["orders"][1]["orderId"], "newQty": "1"}
    assert ann.refused("PUT", f"{ORDER}/amend/keepPriority", **asked) == (
        -2038,
        "Order amend (order of an order list) is not supported.",
    )


def test_an_order_of_a_list_is_replaced_with_all_of_it(ann: Bot) -> None:
    placed = ann.ok("POST", f"{LIST}/oco", **OCO)
    answer = ann.ok(
        "POST", f"{ORDER}/cancelReplace", symbol=SYMBOL, side="SELL", type="LIMIT",
        timeInForce="GTC", price="120", quantity="2", cancelReplaceMode="STOP_ON_FAILURE",
        cancelOrderId=placed["orders"][0]["orderId"],
    )  # fmt: skip
    assert answer["newOrderResponse"]["status"] == "NEW"
    assert statuses(ann, placed) == ["CANCELED", "CANCELED"]
    wait_until(
        lambda: len(ann.ok("GET", OPEN_ORDERS, symbol=SYMBOL)) == 1,
        timeout_s=10,
        what="the new order alone",
    )
