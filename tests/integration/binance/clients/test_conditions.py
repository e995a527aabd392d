"""Stops, trailing orders, icebergs, modes of self-trade prevention and amendments, by real clients.

Each by at least two of them, unmodified: ccxt, python-binance and the vendor's own SDK, whose
models take every answer.
"""

import logging
from collections.abc import Iterator
from typing import Any

import ccxt
import pytest
from binance.exceptions import BinanceAPIException
from binance_common.errors import BadRequestError

from tests.exchange import Exchange, wait_until
from tests.integration.binance.clients.accounts import MARKET, SYMBOL, Keys
from tests.integration.binance.clients.test_official_sdk import MISFITS, rest
from tests.integration.binance.clients.test_python_binance import HereClient, point_at

TYPES = [
    *("LIMIT", "LIMIT_MAKER", "MARKET"),
    *("STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"),
]
TRIGGERS = (-2010, "Stop price would trigger immediately.")


@pytest.fixture
def sdk(
    exchange: Exchange, alice_keys: Keys, own_market: str, caplog: pytest.LogCaptureFixture
) -> Iterator[Any]:
    """The vendor's SDK. Any answer that its models cannot take fails the test."""
    with caplog.at_level(logging.WARNING):
        yield rest(exchange, api_key=alice_keys.key, api_secret=alice_keys.secret)
    misfits = [r.getMessage() for r in caplog.records if any(w in r.getMessage() for w in MISFITS)]
    assert misfits == []


@pytest.fixture(scope="module")
def plain(exchange: Exchange, alice_keys: Keys, own_market: str) -> Iterator[Any]:
    """python-binance."""
    point_at(exchange)
    client = HereClient(alice_keys.key, alice_keys.secret)
    yield client
    client.close_connection()


@pytest.fixture
def trade(bob: ccxt.binance, sweeper: ccxt.binance) -> Any:
    """Let the last price be another; nothing is left of it. It is 2000 to begin with."""

    def at(price: float) -> None:
        bob.create_order(MARKET, "limit", "sell", 0.01, price)
        sweeper.create_order(MARKET, "limit", "buy", 0.01, price)
        wait_until(
            lambda: bob.fetch_ticker(MARKET)["last"] == price, timeout_s=10, what="the trade"
        )

    at(2000)
    return at


def stop(kind: str, **more: Any) -> dict[str, Any]:
    """Return python-binance's arguments of an order to sell."""
    order = {"symbol": SYMBOL, "side": "SELL", "type": kind, "quantity": "0.1"}
    if kind.endswith("_LIMIT"):
        order |= {"timeInForce": "GTC"}
    return {**order, "newOrderRespType": "RESULT", **more}


# --- what is offered ------------------------------------------------------------------------------


def test_every_client_reads_what_a_market_takes(
    sdk: Any, plain: Any, sweeper: ccxt.binance
) -> None:
    (listed,) = sdk.exchange_info(symbol=SYMBOL).data().symbols
    assert listed.order_types == TYPES
    assert (listed.iceberg_allowed, listed.allow_trailing_stop) == (True, True)
    assert listed.amend_allowed is True
    assert listed.default_self_trade_prevention_mode == "EXPIRE_TAKER"
    filters = {type(each.actual_instance).__name__ for each in listed.filters}
    assert filters >= {"IcebergPartsFilter", "TrailingDeltaFilter", "MaxNumAlgoOrdersFilter"}
    shown = plain.get_symbol_info(SYMBOL)
    assert shown["orderTypes"] == TYPES
    names = {each["filterType"] for each in shown["filters"]}
    assert {"ICEBERG_PARTS", "TRAILING_DELTA", "MAX_NUM_ORDERS", "MAX_NUM_ALGO_ORDERS"} <= names
    sweeper.load_markets(reload=True)
    assert sweeper.markets[MARKET]["info"]["orderTypes"] == TYPES


# --- stops ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "params", "expected", "reached"),
    [
        ("limit", {"triggerPrice": 1900}, "STOP_LOSS_LIMIT", 1900),
        ("market", {"triggerPrice": 1900}, "STOP_LOSS", 1900),
        ("limit", {"stopLossPrice": 1900}, "STOP_LOSS_LIMIT", 1899),
        ("market", {"stopLossPrice": 1900}, "STOP_LOSS", 1899),
        ("limit", {"takeProfitPrice": 2100}, "TAKE_PROFIT_LIMIT", 2100),
        ("market", {"takeProfitPrice": 2100}, "TAKE_PROFIT", 2101),
    ],
)
def test_ccxt_trigger_orders(
    sweeper: ccxt.binance, trade: Any, kind: str, params: Any, expected: str, reached: float
) -> None:
    price = 2500 if kind == "limit" else None
    placed = sweeper.create_order(MARKET, kind, "sell", 0.1, price, params)
    assert (placed["status"], placed["info"]["type"]) == ("open", expected)
    found = sweeper.fetch_order(placed["id"], MARKET)
    assert found["triggerPrice"] == next(iter(params.values()))
    assert found["info"]["isWorking"] is False
    assert [each["id"] for each in sweeper.fetch_open_orders(MARKET)] == [placed["id"]]

    trade(reached)

    entered = sweeper.fetch_order(placed["id"], MARKET)
    assert entered["info"]["isWorking"] is True
    # Nobody buys: a market order ends, a limit order rests.
    assert entered["status"] == ("open" if kind == "limit" else "expired")


@pytest.mark.parametrize(("kind", "which"), [("limit", "stopLoss"), ("market", "takeProfit")])
def test_ccxt_trailing_orders(sweeper: ccxt.binance, trade: Any, kind: str, which: str) -> None:
    price = 2500 if kind == "limit" else None
    params = {"trailingPercent": 5, "stopLossOrTakeProfit": which}
    placed = sweeper.create_order(MARKET, kind, "sell", 0.1, price, params)
    assert placed["info"]["trailingDelta"] == 500
    trade(1960)
    assert sweeper.fetch_order(placed["id"], MARKET)["info"]["isWorking"] is False
    # 5 % below 2000 is 1900.
    trade(1900)
    assert sweeper.fetch_order(placed["id"], MARKET)["info"]["isWorking"] is True


def test_ccxt_orders_that_trail_from_a_price_on(sweeper: ccxt.binance, trade: Any) -> None:
    params = {"trailingPercent": 5, "stopLossOrTakeProfit": "takeProfit"}
    params["trailingTriggerPrice"] = 2100
    placed = sweeper.create_order(MARKET, "market", "sell", 0.1, None, params)
    assert sweeper.fetch_order(placed["id"], MARKET)["triggerPrice"] == 2100
    trade(1900)
    assert sweeper.fetch_order(placed["id"], MARKET)["info"]["trailingTime"] == -1
    trade(2200)
    trade(2090)
    assert sweeper.fetch_order(placed["id"], MARKET)["info"]["isWorking"] is True


def test_stops_of_python_binance(plain: Any, trade: Any) -> None:
    placed = plain.create_order(**stop("STOP_LOSS_LIMIT", stopPrice="1900", price="1890"))
    assert (placed["stopPrice"], placed["workingTime"]) == ("1900.00000000", -1)
    trailing = plain.create_order(**stop("TAKE_PROFIT", trailingDelta=300, stopPrice="2100"))
    assert (trailing["trailingDelta"], trailing["trailingTime"]) == (300, -1)
    plain.create_test_order(**stop("STOP_LOSS", stopPrice="1900"))
    market = plain.create_order(**stop("STOP_LOSS", stopPrice="1950"))
    waiting = plain.get_open_orders(symbol=SYMBOL)
    assert {order["orderId"] for order in waiting} == {
        placed["orderId"],
        trailing["orderId"],
        market["orderId"],
    }
    assert {order["isWorking"] for order in waiting} == {False}
    cancelled = plain.cancel_order(symbol=SYMBOL, orderId=trailing["orderId"])
    assert (cancelled["status"], cancelled["trailingDelta"]) == ("CANCELED", 300)
    trade(1900)
    assert plain.get_order(symbol=SYMBOL, orderId=placed["orderId"])["isWorking"] is True
    ended = plain.get_order(symbol=SYMBOL, orderId=market["orderId"])
    assert (ended["status"], ended["type"]) == ("EXPIRED", "STOP_LOSS")


def test_stops_of_the_vendors_sdk(sdk: Any, trade: Any) -> None:
    placed = sdk.new_order(
        SYMBOL, "BUY", "STOP_LOSS_LIMIT", time_in_force="GTC", quantity=0.1, price=1500,
        stop_price=2100, new_order_resp_type="FULL",
    ).data()  # fmt: skip
    assert (placed.status, placed.working_time, placed.fills) == ("NEW", -1, [])
    trailing = sdk.new_order(
        SYMBOL, "SELL", "STOP_LOSS", quantity=0.1, trailing_delta=250, stop_price=1900
    ).data()
    found = sdk.get_order(SYMBOL, order_id=trailing.order_id).data()
    assert (found.trailing_delta, found.trailing_time, found.is_working) == (250, -1, False)
    assert found.stop_price == "1900.00000000"
    assert len(sdk.get_open_orders(symbol=SYMBOL).data()) == 2
    replaced = sdk.order_cancel_replace(
        SYMBOL, "SELL", "TAKE_PROFIT", "STOP_ON_FAILURE", quantity=0.1, stop_price=2200,
        cancel_order_id=trailing.order_id, new_order_resp_type="RESULT",
    ).data()  # fmt: skip
    assert replaced.new_order_response.type == "TAKE_PROFIT"
    trade(2100)
    assert sdk.get_order(SYMBOL, order_id=placed.order_id).data().is_working is True
    reports = sdk.delete_open_orders(SYMBOL).data()
    assert {getattr(each, "actual_instance", each).status for each in reports} == {"CANCELED"}


# --- icebergs and amendments ----------------------------------------------------------------------


def test_icebergs_show_a_part(
    sdk: Any, plain: Any, sweeper: ccxt.binance, bob: ccxt.binance
) -> None:
    ours = sweeper.create_order(MARKET, "limit", "sell", 0.5, 2100, {"icebergQty": 0.1})
    assert ours["info"]["icebergQty"] == "0.10000000"
    theirs = sdk.new_order(
        SYMBOL, "SELL", "LIMIT_MAKER", quantity=0.4, price=2101, iceberg_qty=0.2
    ).data()
    plain.create_order(
        symbol=SYMBOL, side="SELL", type="LIMIT", timeInForce="GTC", quantity="0.3",
        price="2102", icebergQty="0.1",
    )  # fmt: skip
    expected = [[2100, 0.1], [2101, 0.2], [2102, 0.1]]
    wait_until(
        lambda: bob.fetch_order_book(MARKET)["asks"] == expected,
        timeout_s=10,
        what="parts in the book",
    )
    assert sdk.get_order(SYMBOL, order_id=theirs.order_id).data().iceberg_qty == "0.20000000"
    taken = bob.create_order(MARKET, "limit", "buy", 0.25, 2100)
    assert taken["filled"] == 0.25
    assert sweeper.fetch_order(ours["id"], MARKET)["remaining"] == 0.25


def test_less_of_an_order_in_its_place(sdk: Any, plain: Any, bob: ccxt.binance) -> None:
    placed = sdk.new_order(
        SYMBOL, "SELL", "LIMIT", time_in_force="GTC", quantity=0.5, price=2100
    ).data()
    bob.create_order(MARKET, "limit", "sell", 0.5, 2100)
    amended = sdk.order_amend_keep_priority(SYMBOL, 0.3, order_id=placed.order_id).data()
    assert amended.amended_order.qty == "0.30000000"
    assert amended.amended_order.client_order_id == placed.client_order_id
    # python-binance has no method of its own for it yet.
    again = plain._put(
        "order/amend/keepPriority",
        True,
        data={"symbol": SYMBOL, "orderId": placed.order_id, "newQty": "0.2"},
        version="v3",
    )
    assert again["amendedOrder"]["qty"] == "0.20000000"
    with pytest.raises(BadRequestError) as caught:
        sdk.order_amend_keep_priority(SYMBOL, 0.4, order_id=placed.order_id)
    assert caught.value.status_code == -2038


# --- self-trade prevention ------------------------------------------------------------------------


def test_orders_of_one_owner_that_meet(
    sdk: Any, plain: Any, sweeper: ccxt.binance, bob: Any
) -> None:
    maker = sdk.new_order(
        SYMBOL, "SELL", "LIMIT", time_in_force="GTC", quantity=0.5, price=2100
    ).data()
    taker = sdk.new_order(
        SYMBOL, "BUY", "LIMIT", time_in_force="GTC", quantity=0.2, price=2100,
        self_trade_prevention_mode="DECREMENT",
    ).data()  # fmt: skip
    assert (taker.status, taker.self_trade_prevention_mode) == ("EXPIRED_IN_MATCH", "DECREMENT")
    (match,) = sdk.my_prevented_matches(SYMBOL, order_id=maker.order_id).data()
    assert (match.taker_order_id, match.maker_order_id) == (taker.order_id, maker.order_id)
    assert match.maker_prevented_quantity == "0.20000000"
    shown = sdk.get_order(SYMBOL, order_id=maker.order_id).data()
    assert (shown.prevented_quantity, shown.prevented_match_id) == (
        "0.20000000",
        match.prevented_match_id,
    )
    found = plain.get_prevented_matches(symbol=SYMBOL, preventedMatchId=match.prevented_match_id)
    assert [each["selfTradePreventionMode"] for each in found] == ["DECREMENT"]
    asked = {"symbol": SYMBOL, "orderId": taker.order_id}
    assert len(sweeper.private_get_mypreventedmatches(asked)) == 1
    ours = sweeper.create_order(
        MARKET, "limit", "buy", 0.1, 2100, {"selfTradePreventionMode": "EXPIRE_MAKER"}
    )
    assert ours["status"] == "open"
    gone = sweeper.fetch_order(str(maker.order_id), MARKET)
    assert gone["info"]["status"] == "EXPIRED_IN_MATCH"


# --- refusals -------------------------------------------------------------------------------------

MISSING = "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!"
LIMIT = {
    "symbol": SYMBOL, "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.1",
    "price": "2100",
}  # fmt: skip
REFUSED = [
    (stop("STOP_LOSS", stopPrice="2001"), *TRIGGERS, ccxt.OrderImmediatelyFillable),
    (stop("TAKE_PROFIT", stopPrice="1999"), *TRIGGERS, ccxt.OrderImmediatelyFillable),
    (stop("STOP_LOSS"), -1102, MISSING, ccxt.BadRequest),
    (
        stop("STOP_LOSS", stopPrice="1900", price="1"),
        -1106,
        "Parameter 'price' sent when not required.",
        ccxt.BadRequest,
    ),
    (
        stop("STOP_LOSS", stopPrice="1900.001"),
        -1013,
        "Filter failure: PRICE_FILTER",
        ccxt.InvalidOrder,
    ),
    (
        stop("STOP_LOSS", trailingDelta="5"),
        -1013,
        "Filter failure: TRAILING_DELTA",
        ccxt.BadRequest,
    ),
    (
        LIMIT | {"icebergQty": "0.0001"},
        -1013,
        "Filter failure: ICEBERG_PARTS",
        ccxt.BadRequest,
    ),
    (LIMIT | {"icebergQty": "0.2"}, -1013, "IcebergQty exceeds QTY.", ccxt.BadRequest),
    (
        LIMIT | {"icebergQty": "0.05", "timeInForce": "IOC"},
        -1014,
        "Unsupported order combination.",
        ccxt.InvalidOrder,
    ),
    (
        LIMIT | {"selfTradePreventionMode": "TRANSFER"},
        -1013,
        "This symbol does not allow the specified self-trade prevention mode.",
        ccxt.BadRequest,
    ),
]


@pytest.mark.parametrize(("order", "code", "msg", "error"), REFUSED)
def test_refusals_arrive_as_what_clients_make_of_them(
    plain: Any,
    sweeper: ccxt.binance,
    trade: Any,
    order: dict[str, Any],
    code: int,
    msg: str,
    error: Any,
) -> None:
    with pytest.raises(BinanceAPIException) as told:
        plain.create_order(**order)
    assert (told.value.code, told.value.message) == (code, msg)
    with pytest.raises(error) as caught:
        sweeper.privatePostOrder(order)
    assert type(caught.value) is error
    assert plain.get_open_orders(symbol=SYMBOL) == []


def test_too_many_that_wait(
    exchange: Exchange, plain: Any, sweeper: ccxt.binance, trade: Any
) -> None:
    info = plain.get_symbol_info(SYMBOL)["filters"]
    most = next(
        each["maxNumAlgoOrders"] for each in info if each["filterType"] == "MAX_NUM_ALGO_ORDERS"
    )
    order = stop("STOP_LOSS", stopPrice="1900") | {"quantity": "0.01"}
    for _ in range(most):
        plain.create_order(**order)
    with pytest.raises(BinanceAPIException, match="Filter failure: MAX_NUM_ALGO_ORDERS"):
        plain.create_order(**order)
    with pytest.raises(ccxt.BadRequest, match="MAX_NUM_ALGO_ORDERS"):
        sweeper.privatePostOrder(order)
    # Others do not count.
    plain.create_order(**LIMIT)
