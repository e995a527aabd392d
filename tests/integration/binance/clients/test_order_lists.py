"""Lists of orders by real clients: each call by at least two of them, unmodified."""

from typing import Any

import ccxt
import pytest
from binance.exceptions import BinanceAPIException
from binance_common.errors import BadRequestError

from tests.integration.binance.clients.accounts import MARKET, SYMBOL
from tests.integration.binance.clients.test_conditions import plain as plain
from tests.integration.binance.clients.test_conditions import sdk as sdk
from tests.integration.binance.clients.test_conditions import trade as trade

OCO: dict[str, Any] = {
    "symbol": SYMBOL, "side": "SELL", "quantity": "0.1",
    "aboveType": "LIMIT_MAKER", "abovePrice": "2100",
    "belowType": "STOP_LOSS_LIMIT", "belowStopPrice": "1900", "belowPrice": "1890",
    "belowTimeInForce": "GTC",
}  # fmt: skip
OTO: dict[str, Any] = {
    "symbol": SYMBOL, "workingType": "LIMIT", "workingSide": "SELL", "workingPrice": "2100",
    "workingQuantity": "0.1", "workingTimeInForce": "GTC", "pendingType": "LIMIT_MAKER",
    "pendingSide": "BUY", "pendingPrice": "1900", "pendingQuantity": "0.1",
}  # fmt: skip
OTOCO: dict[str, Any] = {
    "symbol": SYMBOL, "workingType": "LIMIT", "workingSide": "SELL", "workingPrice": "2100",
    "workingQuantity": "0.1", "workingTimeInForce": "GTC", "pendingSide": "BUY",
    "pendingQuantity": "0.09", "pendingAboveType": "STOP_LOSS", "pendingAboveStopPrice": "2200",
    "pendingBelowType": "LIMIT_MAKER", "pendingBelowPrice": "1900",
}  # fmt: skip
RELATION = "The relationship of the prices for the orders is not correct."
pytestmark = pytest.mark.usefixtures("trade")


def test_an_oco_by_ccxt(sweeper: ccxt.binance, bob: ccxt.binance) -> None:
    placed = sweeper.private_post_orderlist_oco(OCO)
    assert placed["listStatusType"] == "EXEC_STARTED"
    open_orders = sweeper.fetch_open_orders(MARKET)
    assert [each["info"]["orderListId"] for each in open_orders] == [placed["orderListId"]] * 2
    (waiting,) = sweeper.private_get_openorderlist()
    assert waiting["orderListId"] == placed["orderListId"]
    bob.create_order(MARKET, "limit", "buy", 0.1, 2100)
    stop, limit = (sweeper.fetch_order(each["orderId"], MARKET) for each in placed["orders"])
    assert (stop["status"], limit["status"]) == ("expired", "closed")
    done = sweeper.private_get_orderlist({"orderListId": placed["orderListId"]})
    assert done["listOrderStatus"] == "ALL_DONE"


def test_a_cancel_of_a_list_by_ccxt(sweeper: ccxt.binance) -> None:
    old = sweeper.private_post_order_oco(
        {"symbol": SYMBOL, "side": "SELL", "quantity": "0.1", "price": "2100"}
        | {"stopPrice": "1900", "stopLimitPrice": "1890", "stopLimitTimeInForce": "GTC"}
    )
    gone = sweeper.private_delete_orderlist({"symbol": SYMBOL, "orderListId": old["orderListId"]})
    assert [each["status"] for each in gone["orderReports"]] == ["CANCELED", "CANCELED"]
    for place, terms in (("oto", OTO), ("otoco", OTOCO)):
        placed = getattr(sweeper, f"private_post_orderlist_{place}")(terms)
        assert placed["contingencyType"] == "OTO"
        pending = sweeper.fetch_order(placed["orders"][1]["orderId"], MARKET)
        assert pending["info"]["status"] == "PENDING_NEW"
        working = placed["orders"][0]["orderId"]
        assert sweeper.cancel_order(working, MARKET)["status"] == "canceled"
    listed = sweeper.private_get_allorderlist({"limit": 3})
    assert [each["listOrderStatus"] for each in listed] == ["ALL_DONE"] * 3
    sweeper.private_post_orderlist_oco(OCO)
    assert sweeper.cancel_all_orders(MARKET)
    assert sweeper.fetch_open_orders(MARKET) == []


def test_lists_by_python_binance(plain: Any, bob: ccxt.binance) -> None:
    placed = plain.create_oco_order(**OCO, newOrderRespType="FULL")
    assert [each["fills"] for each in placed["orderReports"]] == [[], []]
    (waiting,) = plain.get_open_oco_orders()
    assert waiting["orders"] == placed["orders"]
    cancelled = plain.cancel_order(symbol=SYMBOL, orderId=placed["orders"][0]["orderId"])
    assert cancelled["orderListId"] == placed["orderListId"]
    oto = plain.v3_post_order_list_oto(**OTO)
    bob.create_order(MARKET, "limit", "buy", 0.1, 2100)
    orders = [plain.get_order(symbol=SYMBOL, orderId=each["orderId"]) for each in oto["orders"]]
    assert [(each["status"], each["orderListId"]) for each in orders] == [
        ("FILLED", oto["orderListId"]),
        ("NEW", oto["orderListId"]),
    ]
    otoco = plain.v3_post_order_list_otoco(**OTOCO)
    assert [each["status"] for each in otoco["orderReports"]] == [
        "NEW",
        "PENDING_NEW",
        "PENDING_NEW",
    ]
    found = plain.v3_get_order_list(orderListId=otoco["orderListId"])
    assert found["listOrderStatus"] == "EXECUTING"
    assert plain.v3_get_all_order_list(limit=1) == [found]
    gone = plain.v3_delete_order_list(symbol=SYMBOL, orderListId=otoco["orderListId"])
    assert gone["listStatusType"] == "ALL_DONE"
    trades = plain.get_my_trades(symbol=SYMBOL, orderId=oto["orders"][0]["orderId"])
    assert {each["orderListId"] for each in trades} == {oto["orderListId"]}


def test_lists_by_the_vendors_sdk(sdk: Any, bob: ccxt.binance) -> None:
    placed = sdk.order_list_oco(
        SYMBOL, "SELL", 0.1, "LIMIT_MAKER", "STOP_LOSS_LIMIT", above_price=2100,
        below_stop_price=1900, below_price=1890, below_time_in_force="GTC",
        list_client_order_id="by-the-sdk",
    ).data()  # fmt: skip
    assert placed.list_client_order_id == "by-the-sdk"
    assert [each.type for each in placed.order_reports] == ["STOP_LOSS_LIMIT", "LIMIT_MAKER"]
    found = sdk.get_order_list(orig_client_order_id="by-the-sdk").data()
    assert found.order_list_id == placed.order_list_id
    assert [each.order_list_id for each in sdk.open_order_list().data()] == [found.order_list_id]
    gone = sdk.delete_order_list(SYMBOL, list_client_order_id="by-the-sdk").data()
    assert {each.status for each in gone.order_reports} == {"CANCELED"}
    oto = sdk.order_list_oto(
        SYMBOL, "LIMIT", "SELL", 2100, 0.1, "LIMIT_MAKER", "BUY", 0.1,
        working_time_in_force="GTC", pending_price=1900,
    ).data()  # fmt: skip
    assert [each.status for each in oto.order_reports] == ["NEW", "PENDING_NEW"]
    otoco = sdk.order_list_otoco(
        SYMBOL, "LIMIT", "SELL", 2101, 0.1, "BUY", 0.05, "STOP_LOSS",
        working_time_in_force="GTC", pending_above_stop_price=2200,
        pending_below_type="LIMIT_MAKER", pending_below_price=1900,
    ).data()  # fmt: skip
    assert len(otoco.order_reports) == 3
    old = sdk.order_oco(
        SYMBOL, "SELL", 0.1, 2150, 1900, stop_limit_price=1890, stop_limit_time_in_force="GTC"
    ).data()
    newest = sdk.all_order_list(limit=3).data()
    assert [each.order_list_id for each in newest] == [
        each.order_list_id for each in (oto, otoco, old)
    ]
    ended = sdk.delete_open_orders(SYMBOL).data()
    assert len(ended) == 3


def test_refusals_arrive_as_what_clients_make_of_them(
    sdk: Any, plain: Any, sweeper: ccxt.binance
) -> None:
    wrong = OCO | {"abovePrice": "1950"}
    with pytest.raises(BinanceAPIException) as told:
        plain.create_oco_order(**wrong)
    assert (told.value.code, told.value.message) == (-2010, RELATION)
    with pytest.raises(ccxt.InvalidOrder):
        sweeper.private_post_orderlist_oco(wrong)
    misplaced = OCO | {"side": "BUY"}
    with pytest.raises(BinanceAPIException) as told:
        plain.create_oco_order(**misplaced)
    assert told.value.code == -1165
    with pytest.raises(ccxt.ExchangeError):
        sweeper.private_post_orderlist_oco(misplaced)
    with pytest.raises(BadRequestError) as refused:
        sdk.order_list_oco(SYMBOL, "SELL", 0.1, "LIMIT_MAKER", "LIMIT_MAKER", above_price=2100,
                           below_price=1900)  # fmt: skip
    assert refused.value.status_code == -1168
    with pytest.raises(ccxt.OrderNotFound):
        sweeper.private_get_orderlist({"orderListId": 1})
    with pytest.raises(BadRequestError) as unknown:
        sdk.delete_order_list(SYMBOL, order_list_id=1)
    assert unknown.value.status_code == -2011
    assert sweeper.fetch_open_orders(MARKET) == []


def test_lists_over_the_websocket_api_by_python_binance(plain: Any) -> None:
    placed = plain.ws_create_oco_order(**OCO)
    assert placed["contingencyType"] == "OCO"
    found = plain.ws_get_oco_order(orderListId=placed["orderListId"])
    assert plain.ws_get_oco_open_orders() == [found]
    gone = plain.ws_cancel_oco_order(symbol=SYMBOL, orderListId=placed["orderListId"])
    assert [each["status"] for each in gone["orderReports"]] == ["CANCELED", "CANCELED"]
    oto, otoco = plain.ws_create_oto_order(**OTO), plain.ws_create_otoco_order(**OTOCO)
    assert [each["status"] for each in oto["orderReports"]] == ["NEW", "PENDING_NEW"]
    assert len(otoco["orders"]) == 3
    with pytest.raises(BinanceAPIException) as told:
        plain.ws_create_oco_order(**(OCO | {"abovePrice": "1950"}))
    assert told.value.code == -2010
