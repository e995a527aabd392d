"""Markets in each phase: what they are called, what an auction takes, and its trades."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.exchange import Exchange, wait_until
from tests.integration.binance.rest.conftest import OPEN_ORDERS, ORDER, SYMBOL, Bot
from tests.integration.binance.rest.test_stops import shown, trade_at

MARKET = "BTC/EUR"
CLOSED = (-2010, "Market is closed.")
SetPhase = Callable[..., Any]
pytestmark = pytest.mark.usefixtures("book")


@pytest.fixture
def phase(exchange: Exchange, ann: Bot, ben: Bot) -> Iterator[SetPhase]:
    """Move the market to a phase, seen by who asks for it; in the end it trades again."""
    trade_at(ann, ben, "100")

    def move(name: str, status: str = "TRADING") -> Any:
        exchange.manage("halt_market", MARKET, "--phase", name)
        wait_until(lambda: info(ann)["status"] == status, timeout_s=10, what=name)
        return info(ann)

    yield move
    ann.tidy_up()
    ben.tidy_up()
    move("continuous")


def info(bot: Bot) -> Any:
    answer = bot.get("/api/v3/exchangeInfo", params={"symbol": SYMBOL})
    return answer.json()["symbols"][0]


def order(side: str, **terms: Any) -> dict[str, Any]:
    given = {"symbol": SYMBOL, "side": side, "type": "LIMIT", "quantity": "1", "price": "100"}
    return given | {"timeInForce": "GTC"} | terms


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("pre_open", "BREAK"),
        ("auction", "AUCTION_MATCH"),
        ("post_only", "TRADING"),
        ("cancel_only", "HALT"),
        ("halted", "HALT"),
        ("closed", "BREAK"),
    ],
)
def test_each_phase_has_a_published_word(ann: Bot, phase: SetPhase, name: str, status: str) -> None:
    exchange_info = phase(name, status)
    assert exchange_info["status"] == status
    found = ann.get("/api/v3/exchangeInfo", params={"symbolStatus": status}).json()["symbols"]
    assert SYMBOL in {each["symbol"] for each in found}


def test_an_auction_gathers_orders_and_trades_at_one_price(
    ann: Bot, ben: Bot, phase: SetPhase
) -> None:
    types = phase("auction", "AUCTION_MATCH")["orderTypes"]
    assert types == [*("LIMIT", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")]
    for refused in (
        {"symbol": SYMBOL, "side": "BUY", "type": "MARKET", "quantity": "1"},
        order("BUY", timeInForce="IOC"),
        order("BUY", timeInForce="FOK"),
        {**order("BUY", type="LIMIT_MAKER"), "timeInForce": "GTC"},
    ):
        assert ann.refused("POST", ORDER, **refused) == CLOSED
    waiting = ann.ok("POST", ORDER, symbol=SYMBOL, side="SELL", type="STOP_LOSS", quantity="1",
                     stopPrice="50", newOrderRespType="RESULT")  # fmt: skip
    bought = ann.ok("POST", ORDER, **order("BUY", price="102", quantity="2"))
    sold = ben.ok("POST", ORDER, **order("SELL", price="101", quantity="3"))
    assert [(each["status"], each["fills"]) for each in (bought, sold)] == [("NEW", [])] * 2

    def book() -> Any:
        shown = ann.get("/api/v3/depth", params={"symbol": SYMBOL}).json()
        return shown["bids"], shown["asks"]

    # Nothing trades: the book crosses, and is shown as it is.
    crossed = [["102.00000000", "2.00000000"]], [["101.00000000", "3.00000000"]]
    wait_until(lambda: book() == crossed, timeout_s=10, what="the crossed book")
    best = ann.get("/api/v3/ticker/bookTicker", params={"symbol": SYMBOL}).json()
    assert (best["bidPrice"], best["askPrice"]) == ("102.00000000", "101.00000000")

    phase("continuous")

    assert [shown(ann, bought)["status"], shown(ben, sold)["status"]] == [
        "FILLED",
        "PARTIALLY_FILLED",
    ]
    assert shown(ann, waiting)["status"] == "NEW"
    (mine,) = ann.ok("GET", "/api/v3/myTrades", symbol=SYMBOL, orderId=bought["orderId"])
    (theirs,) = ben.ok("GET", "/api/v3/myTrades", symbol=SYMBOL, orderId=sold["orderId"])
    assert (mine["price"], mine["qty"]) == ("101.00000000", "2.00000000")
    assert mine["id"] == theirs["id"]
    # The younger order is called the taker.
    assert (mine["isMaker"], theirs["isMaker"]) == (True, False)
    wait_until(lambda: last_trade(ann)["id"] == mine["id"], timeout_s=10, what="the trade")
    assert (last_trade(ann)["price"], last_trade(ann)["isBuyerMaker"]) == ("101.00000000", True)
    aggregate = ann.get("/api/v3/aggTrades", params={"symbol": SYMBOL, "limit": 1}).json()[0]
    assert (aggregate["l"], aggregate["p"], aggregate["q"]) == (
        mine["id"],
        "101.00000000",
        "2.00000000",
    )
    assert book() == ([], [["101.00000000", "1.00000000"]])


def last_trade(bot: Bot) -> Any:
    return bot.get("/api/v3/trades", params={"symbol": SYMBOL, "limit": 1}).json()[0]


def test_lists_in_an_auction_wait_for_its_end(ann: Bot, ben: Bot, phase: SetPhase) -> None:
    phase("auction", "AUCTION_MATCH")
    terms: dict[str, Any] = {
        "symbol": SYMBOL, "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "102",
        "workingQuantity": "1", "workingTimeInForce": "GTC", "pendingType": "LIMIT",
        "pendingSide": "SELL", "pendingPrice": "110", "pendingQuantity": "1",
        "pendingTimeInForce": "GTC",
    }  # fmt: skip
    placed = ann.ok("POST", "/api/v3/orderList/oto", **terms)
    ben.ok("POST", ORDER, **order("SELL", price="101"))
    assert len(ann.ok("GET", OPEN_ORDERS, symbol=SYMBOL)) == 2
    phase("continuous")
    states = [shown(ann, each)["status"] for each in placed["orders"]]
    assert states == ["FILLED", "NEW"]
