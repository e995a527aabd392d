"""Orders of one owner that meet: each mode, its answers, and the prevented matches."""

from typing import Any

import pytest

from tests.changed_markets import change_market
from tests.exchange import Exchange
from tests.integration.binance.rest.conftest import (
    OPEN_ORDERS,
    ORDER,
    SYMBOL,
    Bot,
    error_of,
    new_key,
)
from tests.own_markets import OwnMarket

PREVENTED = "/api/v3/myPreventedMatches"
pytestmark = pytest.mark.usefixtures("book")


def limit(bot: Bot, side: str, price: str, quantity: str, mode: str = "") -> Any:
    more = {"selfTradePreventionMode": mode} if mode else {}
    return bot.limit(side, price, quantity, **more)


def shown(bot: Bot, order: Any) -> Any:
    return bot.ok("GET", ORDER, symbol=SYMBOL, orderId=order["orderId"])


def of_order(bot: Bot, order: Any, **more: Any) -> Any:
    return bot.ok("GET", PREVENTED, symbol=SYMBOL, orderId=order["orderId"], **more)


@pytest.mark.parametrize(
    ("mode", "taker_state", "maker_state", "quantities"),
    [
        (
            "EXPIRE_TAKER",
            ("EXPIRED_IN_MATCH", "3.00000000"),
            ("NEW", None),
            {"takerPreventedQuantity": "3.00000000"},
        ),
        (
            "EXPIRE_MAKER",
            ("NEW", None),
            ("EXPIRED_IN_MATCH", "1.20000000"),
            {"makerPreventedQuantity": "1.20000000"},
        ),
        (
            "EXPIRE_BOTH",
            ("EXPIRED_IN_MATCH", "3.00000000"),
            ("EXPIRED_IN_MATCH", "1.20000000"),
            {"takerPreventedQuantity": "3.00000000", "makerPreventedQuantity": "1.20000000"},
        ),
        (
            "DECREMENT",
            ("NEW", "1.20000000"),
            ("EXPIRED_IN_MATCH", "1.20000000"),
            {"takerPreventedQuantity": "1.20000000", "makerPreventedQuantity": "1.20000000"},
        ),
    ],
)
def test_the_takers_mode_decides(
    ann: Bot, mode: str, taker_state: Any, maker_state: Any, quantities: dict[str, str]
) -> None:
    maker = limit(ann, "BUY", "100", "1.2")

    taker = limit(ann, "SELL", "99", "3", mode)

    (match,) = of_order(ann, taker)
    assert match == {
        "symbol": SYMBOL,
        "preventedMatchId": match["preventedMatchId"],
        "takerOrderId": taker["orderId"],
        "makerSymbol": SYMBOL,
        "makerOrderId": maker["orderId"],
        "tradeGroupId": -1,
        "selfTradePreventionMode": mode,
        "price": "100.00000000",
        **quantities,
        "transactTime": match["transactTime"],
    }
    assert of_order(ann, maker) == [match]
    number = match["preventedMatchId"]
    assert ann.ok("GET", PREVENTED, symbol=SYMBOL, preventedMatchId=number) == [match]
    for order, (status, lost) in ((taker, taker_state), (maker, maker_state)):
        answer = shown(ann, order)
        assert (answer["status"], answer.get("preventedQuantity")) == (status, lost)
        assert answer.get("preventedMatchId") == (None if lost is None else number)
        assert answer["executedQty"] == "0.00000000"
        listed = ann.ok("GET", "/api/v3/allOrders", symbol=SYMBOL, orderId=order["orderId"])
        assert listed[0] == answer
    assert taker["selfTradePreventionMode"] == mode
    assert taker["status"] == taker_state[0]
    assert taker.get("preventedQuantity") == taker_state[1]
    is_known = taker_state[1] is not None
    assert taker.get("preventedMatchId") == (number if is_known else None)
    is_open = {order["orderId"] for order in ann.ok("GET", OPEN_ORDERS, symbol=SYMBOL)}
    states = ((taker, taker_state), (maker, maker_state))
    assert is_open == {order["orderId"] for order, (status, _) in states if status == "NEW"}


def test_a_transfer_within_an_account_is_told_as_a_decrement(ann: Bot, exchange: Exchange) -> None:
    usual = "taker,maker,both,decrement"
    change_market(exchange, "BTC/EUR", f"self_trade_modes='{usual},transfer'")
    try:
        limit(ann, "BUY", "100", "1", "TRANSFER")
        taker = limit(ann, "SELL", "100", "2", "TRANSFER")
        modes = ann.ok("GET", "/api/v3/exchangeInfo", symbol=SYMBOL)["symbols"][0]
    finally:
        change_market(exchange, "BTC/EUR", f"self_trade_modes='{usual}'")
    assert (taker["status"], taker["selfTradePreventionMode"]) == ("NEW", "TRANSFER")
    (match,) = of_order(ann, taker)
    assert (match["selfTradePreventionMode"], match["takerPreventedQuantity"]) == (
        *("DECREMENT",),
        "1.00000000",
    )
    assert "TRANSFER" in modes["allowedSelfTradePreventionModes"]


def test_what_was_lost_is_free_again(ann: Bot) -> None:
    before = ann.balances()
    limit(ann, "BUY", "100", "2")
    limit(ann, "SELL", "100", "1", "DECREMENT")

    (rest,) = ann.ok("GET", OPEN_ORDERS, symbol=SYMBOL)
    assert (rest["origQty"], rest["preventedQuantity"]) == ("2.00000000", "1.00000000")
    after = ann.balances()
    assert after["BTC"] == before["BTC"]
    assert float(after["EUR"][1]) - float(before["EUR"][1]) == 100
    cancelled = ann.ok("DELETE", ORDER, symbol=SYMBOL, orderId=rest["orderId"])
    assert (cancelled["status"], cancelled["preventedQuantity"]) == ("CANCELED", "1.00000000")
    assert ann.balances() == before


def test_matches_are_listed_oldest_first_from_one_on(ann: Bot) -> None:
    makers = [limit(ann, "BUY", price, "1") for price in ("103", "102", "101")]
    taker = limit(ann, "SELL", "100", "5", "EXPIRE_MAKER")

    matches = of_order(ann, taker)

    assert [each["makerOrderId"] for each in matches] == [each["orderId"] for each in makers]
    ids = [each["preventedMatchId"] for each in matches]
    assert ids == sorted(set(ids))
    assert of_order(ann, taker, fromPreventedMatchId=ids[1]) == matches[1:]
    assert of_order(ann, taker, fromPreventedMatchId=ids[1], limit=1) == matches[1:2]
    assert of_order(ann, taker, limit=2) == matches[:2]


def test_nobody_elses_matches(ann: Bot, ben: Bot) -> None:
    maker = limit(ann, "BUY", "100", "1")
    taker = limit(ann, "SELL", "100", "1", "EXPIRE_MAKER")
    (match,) = of_order(ann, taker)
    assert of_order(ben, taker) == of_order(ben, maker) == []
    number = match["preventedMatchId"]
    assert ben.ok("GET", PREVENTED, symbol=SYMBOL, preventedMatchId=number) == []


@pytest.mark.parametrize(
    ("params", "code", "msg"),
    [
        ({"orderId": "1"}, -1102, "symbol"),
        ({"symbol": SYMBOL}, -1102, "'preventedMatchId' or 'orderId'"),
        ({"symbol": "NOPE", "orderId": "1"}, -1121, "Invalid symbol."),
        ({"symbol": SYMBOL, "orderId": "1", "preventedMatchId": "1"}, -1128, "Combination"),
        (
            {"symbol": SYMBOL, "preventedMatchId": "1", "fromPreventedMatchId": "1"},
            -1128,
            "Combination",
        ),
        ({"symbol": SYMBOL, "orderId": "abc"}, -1100, "orderId"),
    ],
)
def test_wrong_questions(ann: Bot, params: dict[str, str], code: int, msg: str) -> None:
    answer = ann.refused("GET", PREVENTED, **params)
    assert answer[0] == code
    assert msg in answer[1]


def test_a_question_weighs_by_what_it_names(ann: Bot) -> None:
    def used(**params: Any) -> int:
        answer = ann.call("GET", PREVENTED, **params)
        return int(answer.headers["x-mbx-used-weight-1m"])

    before = used(symbol=SYMBOL, preventedMatchId="1")
    by_match = used(symbol=SYMBOL, preventedMatchId="1")
    by_order = used(symbol=SYMBOL, orderId="1")
    # A minute may have begun in between.
    assert by_match in (before + 2, 2)
    assert by_order in (by_match + 20, 20)


def test_a_market_says_which_modes_there_are(exchange: Exchange, ann: Bot) -> None:
    info = ann.get("/api/v3/exchangeInfo", params={"symbol": SYMBOL}).json()["symbols"][0]
    allowed = info["allowedSelfTradePreventionModes"]
    assert info["defaultSelfTradePreventionMode"] == "EXPIRE_TAKER"
    for mode in ("NONE", *allowed):
        terms = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
        terms |= {"quantity": "1", "price": "50", "selfTradePreventionMode": mode}
        answer = ann.call("POST", f"{ORDER}/test", **terms)
        if mode in allowed:
            assert answer.json() == {}
        else:
            assert error_of(answer) == (
                -1013,
                "This symbol does not allow the specified self-trade prevention mode.",
            )


def test_accounts_of_one_owner_meet(exchange: Exchange, ann: Bot) -> None:
    made = new_key(exchange, "--email", "ann@example.com", "--account", ann.account)
    with Bot(exchange, made) as other_key:
        maker = limit(ann, "BUY", "100", "1")
        taker = limit(other_key, "SELL", "100", "1", "EXPIRE_BOTH")
        assert shown(ann, maker)["status"] == "EXPIRED_IN_MATCH"
        assert len(of_order(other_key, taker)) == 1


def test_a_market_of_other_modes(exchange: Exchange, ann: Bot) -> None:
    modes = ("--self-trade-mode", "maker", "--self-trade-modes", "none,maker")
    steps = ("--tick-size", "0.01", "--lot-size", "0.01", "--max-trigger-orders", "1")
    exchange.create_market(OwnMarket.BINANCE_PREVENTIONS, *steps, *modes)
    symbol = "USDTETH"
    info = ann.get("/api/v3/exchangeInfo", params={"symbol": symbol}).json()["symbols"][0]
    assert info["defaultSelfTradePreventionMode"] == "EXPIRE_MAKER"
    assert info["allowedSelfTradePreventionModes"] == ["NONE", "EXPIRE_MAKER"]
    order = {"symbol": symbol, "type": "LIMIT", "timeInForce": "GTC", "quantity": "10"}
    maker = ann.ok("POST", ORDER, **order, side="SELL", price="1")
    other = {"side": "BUY", "price": "1"}

    refused = ann.refused("POST", ORDER, **order, **other, selfTradePreventionMode="DECREMENT")
    taken = ann.ok("POST", ORDER, **order, **other, selfTradePreventionMode="NONE")

    assert refused[0] == -1013
    # They trade, both sides for the same account, and nothing was prevented.
    assert (taken["status"], taken["selfTradePreventionMode"]) == ("FILLED", "NONE")
    assert "preventedQuantity" not in taken
    named = {"symbol": symbol, "orderId": maker["orderId"]}
    assert ann.ok("GET", PREVENTED, **named) == []
    assert ann.ok("GET", ORDER, **named)["selfTradePreventionMode"] == "EXPIRE_MAKER"
    stop = {"symbol": symbol, "side": "SELL", "type": "STOP_LOSS", "quantity": "10"}
    ann.ok("POST", ORDER, **stop, stopPrice="0.9")
    full = ann.refused("POST", ORDER, **stop, stopPrice="0.8")
    assert full == (-1013, "Filter failure: MAX_NUM_ALGO_ORDERS")
    ann.tidy_up(symbol)
