"""Orders that wait for a price: from placing to entering the market, and every refusal."""

from typing import Any

import pytest

from tests.exchange import wait_until
from tests.integration.binance.rest.conftest import (
    OPEN_ORDERS,
    ORDER,
    SYMBOL,
    Bot,
    error_of,
    now_ms,
)

TRIGGERS = (-2010, "Stop price would trigger immediately.")
pytestmark = pytest.mark.usefixtures("book")


def stop(bot: Bot, side: str, kind: str, **terms: Any) -> Any:
    """Place an order that waits; answered in full."""
    if kind.endswith("_LIMIT"):
        terms = {"timeInForce": "GTC", **terms}
    terms = {"quantity": "1", "newOrderRespType": "FULL", **terms}
    return bot.ok("POST", ORDER, symbol=SYMBOL, side=side, type=kind, **terms)


def refused(bot: Bot, side: str, kind: str, **terms: Any) -> tuple[int, str]:
    if kind.endswith("_LIMIT"):
        terms = {"timeInForce": "GTC", **terms}
    terms = {"symbol": SYMBOL, "side": side, "type": kind, "quantity": "1", **terms}
    return bot.refused("POST", ORDER, **terms)


def shown(bot: Bot, order: Any) -> Any:
    return bot.ok("GET", ORDER, symbol=SYMBOL, orderId=order["orderId"])


def trade_at(ann: Bot, ben: Bot, *prices: str) -> None:
    """Let the last price be each of these, one after the other; nothing is left of it."""
    for price in prices:
        ben.limit("SELL", price, "0.1")
        taken = ann.limit("BUY", price, "0.1")
        assert taken["status"] == "FILLED"
        wait_until(
            lambda price=price: _last_price(ann) == f"{price}.00000000",
            timeout_s=10,
            what="the trade to be seen",
        )


def _last_price(bot: Bot) -> str:
    shown: str = bot.get("/api/v3/ticker/price", params={"symbol": SYMBOL}).json()["price"]
    return shown


@pytest.fixture(autouse=True)
def last_price(book: None, ann: Bot, ben: Bot) -> None:
    """The last price is 100."""
    trade_at(ann, ben, "100")


# --- from placing to the market -------------------------------------------------------------------


def test_a_stop_waits_out_of_sight_and_holds_what_it_needs(ann: Bot) -> None:
    free_before, locked_before = ann.balances()["BTC"]
    order = stop(ann, "SELL", "STOP_LOSS_LIMIT", stopPrice="90", price="89", quantity="2")

    expected = {
        "price": "89.00000000",
        "stopPrice": "90.00000000",
        "status": "NEW",
        "type": "STOP_LOSS_LIMIT",
        "timeInForce": "GTC",
        "workingTime": -1,
    }
    assert {**expected, "fills": []}.items() <= order.items()
    assert {**expected, "isWorking": False, "icebergQty": "0.00000000"}.items() <= shown(
        ann, order
    ).items()
    assert ann.ok("GET", OPEN_ORDERS, symbol=SYMBOL) == [shown(ann, order)]
    depth = ann.get("/api/v3/depth", params={"symbol": SYMBOL}).json()
    assert (depth["bids"], depth["asks"]) == ([], [])
    free, locked = ann.balances()["BTC"]
    assert float(free_before) - float(free) == 2
    assert float(locked) - float(locked_before) == 2
    cancelled = ann.ok("DELETE", ORDER, symbol=SYMBOL, orderId=order["orderId"])
    expected.pop("workingTime")
    assert {**expected, "status": "CANCELED"}.items() <= cancelled.items()
    assert ann.balances()["BTC"] == (free_before, locked_before)


@pytest.mark.parametrize(
    ("side", "kind", "stop_price", "limit", "prices"),
    [
        ("SELL", "STOP_LOSS", "95", None, ("97", "95")),
        ("BUY", "STOP_LOSS", "105", None, ("103", "105")),
        ("SELL", "TAKE_PROFIT", "105", None, ("103", "106")),
        ("BUY", "TAKE_PROFIT", "95", None, ("97", "94")),
        ("SELL", "STOP_LOSS_LIMIT", "95", "120", ("97", "95")),
        ("BUY", "TAKE_PROFIT_LIMIT", "95", "80", ("97", "95")),
    ],
)
def test_the_last_trade_lets_it_enter(
    ann: Bot, ben: Bot, side: str, kind: str, stop_price: str, limit: str | None, prices: Any
) -> None:
    terms = {} if limit is None else {"price": limit}
    order = stop(ann, side, kind, stopPrice=stop_price, **terms)
    trade_at(ann, ben, prices[0])
    waiting = shown(ann, order)
    assert (waiting["status"], waiting["isWorking"], waiting["workingTime"]) == ("NEW", False, -1)
    before = now_ms()

    trade_at(ann, ben, prices[1])

    entered = shown(ann, order)
    assert entered["isWorking"] is True
    assert abs(entered["workingTime"] - before) < 10_000
    assert entered["time"] < entered["workingTime"] <= entered["updateTime"]
    assert (entered["type"], entered["stopPrice"]) == (kind, f"{stop_price}.00000000")
    # Nothing stands on the other side: a market order ends, a limit order rests.
    assert entered["status"] == ("EXPIRED" if limit is None else "NEW")
    if limit is not None:
        wait_until(lambda: _best(ann, side), timeout_s=10, what="the order in the book")
        assert _best(ann, side) == [f"{limit}.00000000", "1.00000000"]


def _best(bot: Bot, side: str) -> Any:
    depth = bot.get("/api/v3/depth", params={"symbol": SYMBOL}).json()
    levels = depth["bids" if side == "BUY" else "asks"]
    return levels[0] if levels else None


def test_a_market_order_that_enters_takes_what_there_is(ann: Bot, ben: Bot) -> None:
    order = stop(ben, "SELL", "STOP_LOSS", stopPrice="95", quantity="1.5")
    ann.limit("BUY", "90", "1")
    ann.limit("BUY", "89", "2")
    ben.limit("SELL", "95", "0.1")
    ann.limit("BUY", "95", "0.1")

    entered = shown(ben, order)
    assert (entered["status"], entered["executedQty"]) == ("FILLED", "1.50000000")
    assert entered["cummulativeQuoteQty"] == "134.50000000"
    trades = ben.ok("GET", "/api/v3/myTrades", symbol=SYMBOL, orderId=order["orderId"])
    assert [(each["price"], each["isMaker"]) for each in trades] == [
        ("90.00000000", False),
        ("89.00000000", False),
    ]


@pytest.mark.parametrize("kind", ["STOP_LOSS", "TAKE_PROFIT"])
def test_a_trailing_order_turns_with_the_market(ann: Bot, ben: Bot, kind: str) -> None:
    order = stop(ann, "SELL", kind, trailingDelta="1000")
    assert (order["type"], order["trailingDelta"]) == (kind, 1_000)
    assert order["trailingTime"] == order["transactTime"]
    assert order["workingTime"] == -1
    assert "stopPrice" not in order
    # 10% below the highest that there was: 120 x 0.9 = 108.
    trade_at(ann, ben, "120", "109")
    assert shown(ann, order)["isWorking"] is False
    trade_at(ann, ben, "108")
    assert shown(ann, order)["isWorking"] is True


@pytest.mark.parametrize(
    ("side", "kind", "stop_price", "before", "then"),
    [
        ("SELL", "TAKE_PROFIT", "110", ("90", "109"), ("110", "120", "108")),
        ("SELL", "STOP_LOSS", "95", ("120", "96"), ("95", "99", "89")),
        ("BUY", "STOP_LOSS", "105", ("80", "104"), ("105", "100", "110")),
        ("BUY", "TAKE_PROFIT", "95", ("120", "96"), ("95", "90", "99")),
    ],
)
def test_a_stop_price_says_from_where_on_it_trails(
    ann: Bot, ben: Bot, side: str, kind: str, stop_price: str, before: Any, then: Any
) -> None:
    order = stop(ann, side, kind, trailingDelta="1000", stopPrice=stop_price)
    assert (order["type"], order["stopPrice"]) == (kind, f"{stop_price}.00000000")
    assert order["trailingTime"] == -1
    trade_at(ann, ben, *before)
    assert shown(ann, order)["trailingTime"] == -1
    trade_at(ann, ben, *then[:-1])
    trailing = shown(ann, order)
    assert "trailingTime" not in trailing  # when it began is not kept
    assert trailing["isWorking"] is False

    trade_at(ann, ben, then[-1])

    assert shown(ann, order)["isWorking"] is True


def test_a_stop_may_be_an_iceberg_once_it_rests(ann: Bot, ben: Bot) -> None:
    order = stop(
        ann, "SELL", "STOP_LOSS_LIMIT", stopPrice="95", price="130", quantity="3", icebergQty="1"
    )
    assert order["icebergQty"] == "1.00000000"
    trade_at(ann, ben, "95")
    wait_until(lambda: _best(ann, "SELL"), timeout_s=10, what="the order in the book")
    assert _best(ann, "SELL") == ["130.00000000", "1.00000000"]
    assert shown(ann, order)["origQty"] == "3.00000000"


def test_a_replacement_may_wait(ann: Bot) -> None:
    first = stop(ann, "SELL", "STOP_LOSS_LIMIT", stopPrice="95", price="94")
    answer = ann.ok(
        "POST",
        f"{ORDER}/cancelReplace",
        symbol=SYMBOL,
        side="SELL",
        type="STOP_LOSS",
        quantity="1",
        stopPrice="93",
        cancelReplaceMode="STOP_ON_FAILURE",
        cancelOrderId=first["orderId"],
        newOrderRespType="RESULT",
    )
    assert answer["cancelResponse"]["stopPrice"] == "95.00000000"
    assert answer["newOrderResponse"]["stopPrice"] == "93.00000000"
    failed = ann.call(
        "POST",
        f"{ORDER}/cancelReplace",
        symbol=SYMBOL,
        side="SELL",
        type="STOP_LOSS",
        quantity="1",
        stopPrice="101",
        cancelReplaceMode="STOP_ON_FAILURE",
        cancelOrderId=answer["newOrderResponse"]["orderId"],
    )
    # What only the prices of the moment can tell comes after the cancel.
    assert (failed.status_code, error_of(failed)[0]) == (409, -2021)
    data = failed.json()["data"]
    assert (data["cancelResult"], data["newOrderResult"]) == ("SUCCESS", "FAILURE")
    assert data["newOrderResponse"] == {"code": TRIGGERS[0], "msg": TRIGGERS[1]}


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "kind", "terms"),
    [
        ("SELL", "STOP_LOSS", {"stopPrice": "100"}),
        ("SELL", "STOP_LOSS", {"stopPrice": "101"}),
        ("BUY", "STOP_LOSS", {"stopPrice": "99"}),
        ("SELL", "TAKE_PROFIT", {"stopPrice": "99"}),
        ("BUY", "TAKE_PROFIT_LIMIT", {"stopPrice": "101", "price": "90"}),
        ("SELL", "STOP_LOSS", {"stopPrice": "101", "trailingDelta": "100"}),
        ("SELL", "TAKE_PROFIT", {"stopPrice": "100", "trailingDelta": "100"}),
        ("BUY", "STOP_LOSS", {"stopPrice": "99", "trailingDelta": "100"}),
    ],
)
def test_what_would_enter_at_once_is_refused(
    ann: Bot, side: str, kind: str, terms: dict[str, str]
) -> None:
    before = ann.balances()
    assert refused(ann, side, kind, **terms) == TRIGGERS
    assert ann.balances() == before
    assert ann.ok("GET", OPEN_ORDERS, symbol=SYMBOL) == []


def test_a_tested_stop_changes_nothing(ann: Bot) -> None:
    terms = {"symbol": SYMBOL, "side": "SELL", "type": "STOP_LOSS", "quantity": "1"}
    assert ann.ok("POST", f"{ORDER}/test", **terms, stopPrice="95") == {}
    assert ann.ok("POST", f"{ORDER}/test", **terms, trailingDelta="50") == {}
    assert ann.refused("POST", f"{ORDER}/test", **terms, trailingDelta="1")[0] == -1013
    assert ann.ok("GET", OPEN_ORDERS, symbol=SYMBOL) == []
