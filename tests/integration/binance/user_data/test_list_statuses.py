"""What a stream says of lists of orders: ``listStatus`` beside the reports of their orders."""

from collections.abc import Callable
from typing import Any

import pytest_asyncio

from tests.integration.binance.user_data.conftest import Bot, Socket

Keep = Callable[[Socket], Socket]
OCO = {
    "symbol": "EURUSDT", "side": "SELL", "quantity": "10", "listClientOrderId": "the-pair",
    "aboveType": "LIMIT_MAKER", "abovePrice": "1.5", "aboveClientOrderId": "above",
    "belowType": "STOP_LOSS", "belowStopPrice": "0.5", "belowClientOrderId": "below",
}  # fmt: skip
OTO = {
    "symbol": "EURUSDT", "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "0.9",
    "workingQuantity": "10", "workingTimeInForce": "GTC", "workingClientOrderId": "first",
    "pendingType": "LIMIT", "pendingSide": "SELL", "pendingPrice": "1.5",
    "pendingQuantity": "10", "pendingTimeInForce": "GTC", "pendingClientOrderId": "then",
}  # fmt: skip


@pytest_asyncio.fixture(autouse=True)
async def _last_price(alice: Bot, bob: Bot) -> None:
    """The last price is 1."""
    await alice.order("sell 1 @ 1")
    assert (await bob.order("buy 1 @ 1")).json()["status"] == "FILLED"


async def place(bot: Bot, kind: str, **terms: Any) -> Any:
    answer = await bot.rest("POST", f"orderList/{kind}", **terms)
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(socket: Socket) -> list[tuple[Any, ...]]:
    """Return what was told but balances: steps of orders, and statuses of lists."""
    shown: list[tuple[Any, ...]] = []
    for event in socket.events:
        if event["e"] == "executionReport":
            shown.append((event["c"], event["x"], event["X"], event["g"]))
        elif event["e"] == "listStatus":
            shown.append((event["C"], event["l"], event["L"], event["g"]))
    return shown


async def test_an_oco_is_placed_and_cancelled(alice: Bot, bob: Bot, sockets: Keep) -> None:
    mine, other = sockets(await alice.subscribe()), sockets(await bob.subscribe())
    placed = await place(alice, "oco", **OCO)
    list_id = placed["orderListId"]
    cancelled = await alice.rest(
        "DELETE", "orderList", symbol="EURUSDT", orderListId=list_id, newClientOrderId="bye"
    )
    assert cancelled.status_code == 200, cancelled.text
    await mine.until(lambda: len(told(mine)) == 6)

    assert told(mine) == [
        ("below", "NEW", "NEW", list_id),
        ("above", "NEW", "NEW", list_id),
        ("the-pair", "EXEC_STARTED", "EXECUTING", list_id),
        ("bye", "CANCELED", "CANCELED", list_id),
        ("above", "CANCELED", "CANCELED", list_id),
        ("the-pair", "ALL_DONE", "ALL_DONE", list_id),
    ]
    started, done = mine.of("listStatus")
    assert started == {
        "e": "listStatus",
        "E": started["T"],
        "s": "EURUSDT",
        "g": list_id,
        "c": "OCO",
        "l": "EXEC_STARTED",
        "L": "EXECUTING",
        "r": "NONE",
        "C": "the-pair",
        "T": placed["transactionTime"],
        "O": [
            {"s": "EURUSDT", "i": placed["orders"][0]["orderId"], "c": "below"},
            {"s": "EURUSDT", "i": placed["orders"][1]["orderId"], "c": "above"},
        ],
    }
    assert done["O"] == started["O"]
    # The position has the last word of a commit.
    assert [event["e"] for event in mine.events[2:5]] == [
        "listStatus",
        "outboundAccountPosition",
        "executionReport",
    ]
    assert other.messages == []


async def test_an_order_follows_and_the_list_is_done_with_it(
    alice: Bot, bob: Bot, sockets: Keep
) -> None:
    mine = sockets(await alice.follow())
    placed = await place(alice, "oto", **OTO)
    list_id = placed["orderListId"]
    await bob.order("sell 10 @ 0.9")
    await bob.order("buy 10 @ 1.5")
    await mine.until(lambda: len(told(mine)) == 8)
    name = placed["listClientOrderId"]
    assert told(mine) == [
        ("first", "NEW", "NEW", list_id),
        ("then", "NEW", "PENDING_NEW", list_id),
        (name, "EXEC_STARTED", "EXECUTING", list_id),
        ("first", "TRADE", "FILLED", list_id),
        # The fee of the first leaves it less.
        ("then", "REPLACED", "NEW", list_id),
        ("then", "NEW", "NEW", list_id),
        ("then", "TRADE", "FILLED", list_id),
        (name, "ALL_DONE", "ALL_DONE", list_id),
    ]
    started, done = mine.of("listStatus")
    assert (started["c"], done["c"]) == ("OTO", "OTO")
    waiting, _, entered, _ = (
        event for event in mine.events if event["e"] == "executionReport" and event["c"] == "then"
    )
    assert (waiting["w"], "W" in waiting, waiting["q"]) == (False, False, "10.00000000")
    assert (entered["w"], entered["q"]) == (True, "9.99000000")
    assert entered["W"] > waiting["O"]


async def test_a_stream_knows_the_names_of_lists_from_before(
    alice: Bot, bob: Bot, sockets: Keep
) -> None:
    placed = await place(alice, "oco", **OCO)
    mine = sockets(await alice.subscribe())
    await bob.order("buy 10 @ 1.5")
    await mine.until(lambda: len(told(mine)) == 3)
    assert told(mine)[-1] == ("the-pair", "ALL_DONE", "ALL_DONE", placed["orderListId"])
    (done,) = mine.of("listStatus")
    assert [each["c"] for each in done["O"]] == ["below", "above"]


async def test_lists_over_the_websocket_api(alice: Bot, sockets: Keep) -> None:
    api = sockets(await Socket.open(f"{alice.exchange.ws_url}/ws-api/v3"))

    async def result(method: str, **params: Any) -> Any:
        answer = await api.call(method, alice.signed(**params))
        assert answer["status"] == 200, answer
        return answer["result"]

    oco = await result("orderList.place.oco", **OCO)
    oto = await result("orderList.place.oto", **OTO)
    shown = await result("orderList.status", origClientOrderId="the-pair")
    assert shown["orderListId"] == oco["orderListId"]
    found = await result("openOrderLists.status")
    assert [each["orderListId"] for each in found] == [oco["orderListId"], oto["orderListId"]]
    gone = await result("orderList.cancel", symbol="EURUSDT", listClientOrderId="the-pair")
    assert [each["status"] for each in gone["orderReports"]] == ["CANCELED", "CANCELED"]
    (listed,) = await result("openOrders.cancelAll", symbol="EURUSDT")
    assert listed["orderListId"] == oto["orderListId"]
    pair = {"pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "0.5"}
    pair |= {"pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "1.5"}
    three = {name: OTO[name] for name in OTO if "pendingT" not in name} | pair
    otoco = await result("orderList.place.otoco", **three)
    assert len(otoco["orders"]) == 3
    old = await result(
        "orderList.place", symbol="EURUSDT", side="SELL", quantity="5", price="1.6",
        stopPrice="0.4",
    )  # fmt: skip
    newest = await result("allOrderLists", limit=2)
    assert [each["orderListId"] for each in newest] == [otoco["orderListId"], old["orderListId"]]
    refused = await api.call("orderList.status", alice.signed(orderListId=1))
    assert refused["error"] == {"code": -2013, "msg": "Order list does not exist."}
