"""Less of an order in its place, and orders that show a part of themselves."""

from itertools import pairwise
from typing import Any

import pytest

from tests.exchange import wait_until
from tests.integration.binance.rest.conftest import ORDER, SYMBOL, Bot

AMEND = f"{ORDER}/amend/keepPriority"
AMENDMENTS = f"{ORDER}/amendments"
pytestmark = pytest.mark.usefixtures("book")


def shown(bot: Bot, order: Any) -> Any:
    return bot.ok("GET", ORDER, symbol=SYMBOL, orderId=order["orderId"])


def amend(bot: Bot, order: Any, quantity: str, **more: Any) -> Any:
    return bot.ok("PUT", AMEND, symbol=SYMBOL, orderId=order["orderId"], newQty=quantity, **more)


def depth(bot: Bot, side: str) -> Any:
    return bot.get("/api/v3/depth", params={"symbol": SYMBOL}).json()[side]


# --- amendments -----------------------------------------------------------------------------------


def test_less_of_an_order_keeps_its_place(ann: Bot, ben: Bot) -> None:
    first = ann.limit("SELL", "100", "5", newClientOrderId="first")
    second = ben.limit("SELL", "100", "5")

    answer = amend(ann, first, "2")

    assert set(answer) == {"transactTime", "amendedOrder"}
    assert answer["amendedOrder"] == {
        "symbol": SYMBOL,
        "orderId": first["orderId"],
        "orderListId": -1,
        "origClientOrderId": "first",
        "clientOrderId": "first",
        "price": "100.00000000",
        "qty": "2.00000000",
        "executedQty": "0.00000000",
        "preventedQty": "0.00000000",
        "quoteOrderQty": "0.00000000",
        "cumulativeQuoteQty": "0.00000000",
        "status": "NEW",
        "timeInForce": "GTC",
        "type": "LIMIT",
        "side": "SELL",
        "workingTime": first["workingTime"],
        "selfTradePreventionMode": "EXPIRE_TAKER",
    }
    amend(ann, first, "1", newClientOrderId="first")
    # The older one is taken first, although it has changed since.
    taken = ben.call(
        "POST", ORDER, symbol=SYMBOL, side="BUY", type="LIMIT", timeInForce="IOC", price="100",
        quantity="1",
    ).json()  # fmt: skip
    assert (taken["status"], taken["executedQty"]) == ("FILLED", "1.00000000")
    assert shown(ann, first)["status"] == "FILLED"
    assert shown(ben, second)["executedQty"] == "0.00000000"


def test_an_order_is_named_by_its_client_order_id_too(ann: Bot) -> None:
    order = ann.limit("BUY", "90", "3", newClientOrderId="named")
    answer = ann.ok("PUT", AMEND, symbol=SYMBOL, origClientOrderId="named", newQty="2")
    assert answer["amendedOrder"]["qty"] == "2.00000000"
    assert shown(ann, order)["origQty"] == "2.00000000"


def test_what_waits_and_what_hides_can_be_less(ann: Bot, ben: Bot) -> None:
    ben.limit("SELL", "100", "0.1")
    ann.limit("BUY", "100", "0.1")
    stop = ann.ok(
        "POST", ORDER, symbol=SYMBOL, side="SELL", type="STOP_LOSS_LIMIT", timeInForce="GTC",
        quantity="3", price="90", stopPrice="95",
    )  # fmt: skip
    amended = amend(ann, stop, "2")["amendedOrder"]
    assert (amended["qty"], amended["stopPrice"]) == ("2.00000000", "95.00000000")
    assert amended["workingTime"] == -1
    iceberg = ann.limit("SELL", "120", "3", icebergQty="1")
    amended = amend(ann, iceberg, "1.5")["amendedOrder"]
    assert (amended["qty"], amended["icebergQty"]) == ("1.50000000", "1.00000000")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"newQty": "4"}, (-2038, "Order amend (quantity increase) is not supported.")),
        ({"newQty": "3"}, (-2038, "The requested action would change no state; rejecting.")),
        (
            {"newQty": "1"},
            (-2038, "Order amend (quantity not above what is executed) is not supported."),
        ),
        ({"newQty": "0"}, (-1013, "Filter failure: LOT_SIZE")),
        ({"newQty": "1.0000001"}, (-1013, "Filter failure: LOT_SIZE")),
        ({"newQty": "1.123456789"}, (-1111, "Parameter 'newQty' has too much precision.")),
        ({"newQty": "2", "orderId": "1"}, (-2038, "Unknown order sent.")),
        ({"newQty": "2", "origClientOrderId": "other"}, (-2038, "Unknown order sent.")),
        (
            {"newQty": "2", "newClientOrderId": "other"},
            (-1130, "Data sent for parameter 'newClientOrderId' is not valid."),
        ),
        (
            {"newQty": ""},
            (-1102, "Mandatory parameter 'newQty' was not sent, was empty/null, or malformed."),
        ),
    ],
)
def test_refused_amendments_change_nothing(
    ann: Bot, ben: Bot, changes: dict[str, str], expected: tuple[int, str]
) -> None:
    order = ann.limit("SELL", "100", "3")
    ben.limit("BUY", "100", "1")
    before = shown(ann, order), ann.balances()
    params = {"symbol": SYMBOL, "orderId": order["orderId"], **changes}

    assert ann.refused("PUT", AMEND, **params) == expected
    assert (shown(ann, order), ann.balances()) == before


def test_nobody_amends_what_is_somebody_elses(ann: Bot, ben: Bot) -> None:
    order = ann.limit("SELL", "100", "3")
    answer = ben.refused("PUT", AMEND, symbol=SYMBOL, orderId=order["orderId"], newQty="1")
    assert answer == (-2038, "Unknown order sent.")
    ann.tidy_up()
    answer = ann.refused("PUT", AMEND, symbol=SYMBOL, orderId=order["orderId"], newQty="1")
    assert answer == (-2038, "Unknown order sent.")


def test_an_amendment_weighs_and_counts_no_order(ann: Bot) -> None:
    order = ann.limit("SELL", "100", "3")

    def orders() -> Any:
        return [each["count"] for each in ann.ok("GET", "/api/v3/rateLimit/order")]

    before = orders()
    answer = ann.call("PUT", AMEND, symbol=SYMBOL, orderId=order["orderId"], newQty="2")
    assert answer.status_code == 200
    assert "x-mbx-order-count-1d" not in answer.headers
    # A ten-second window may have begun in between; none has more than before.
    assert all(left <= right for left, right in zip(orders(), before, strict=True))


# --- what was before ------------------------------------------------------------------------------


def history(bot: Bot, order: Any, **more: Any) -> Any:
    return bot.ok("GET", AMENDMENTS, symbol=SYMBOL, orderId=order["orderId"], **more)


def test_how_an_order_came_to_its_quantity(ann: Bot) -> None:
    order = ann.limit("SELL", "100", "5", newClientOrderId="less-and-less")
    assert history(ann, order) == []
    answers = [amend(ann, order, quantity) for quantity in ("4", "2.5", "1")]

    found = history(ann, order)

    quantities = ["5.00000000", "4.00000000", "2.50000000", "1.00000000"]
    assert [(one["origQty"], one["newQty"]) for one in found] == list(pairwise(quantities))
    assert found[0] == {
        "symbol": SYMBOL,
        "orderId": order["orderId"],
        "executionId": found[0]["executionId"],
        "origClientOrderId": "less-and-less",
        "newClientOrderId": "less-and-less",
        "origQty": "5.00000000",
        "newQty": "4.00000000",
        "time": answers[0]["transactTime"],
    }
    ids = [one["executionId"] for one in found]
    assert ids == sorted(set(ids))
    assert history(ann, order, fromExecutionId=ids[1]) == found[1:]
    assert history(ann, order, fromExecutionId=ids[1], limit=1) == found[1:2]
    assert history(ann, order, fromExecutionId=ids[2] + 1) == []
    ann.ok("DELETE", ORDER, symbol=SYMBOL, orderId=order["orderId"])
    assert history(ann, order) == found


def test_an_order_of_a_list_that_followed_smaller_says_so(ann: Bot, ben: Bot) -> None:
    placed = ann.ok(
        "POST", "/api/v3/orderList/oto", symbol=SYMBOL, workingType="LIMIT", workingSide="SELL",
        workingPrice="50", workingQuantity="1", workingTimeInForce="GTC",
        pendingType="LIMIT_MAKER", pendingSide="BUY", pendingPrice="100", pendingQuantity="1",
    )  # fmt: skip
    follows = placed["orders"][1]
    ben.limit("BUY", "50", "1")
    wait_until(lambda: shown(ann, follows)["status"] == "NEW", timeout_s=10, what="its turn")
    (change,) = history(ann, follows)
    assert (change["origQty"], change["newQty"]) == ("1.00000000", shown(ann, follows)["origQty"])


@pytest.mark.parametrize(
    ("changes", "code", "text"),
    [
        ({"orderId": None}, -1102, "'orderId'"),
        ({"symbol": None}, -1102, "'symbol'"),
        ({"symbol": "NOSUCH"}, -1121, "Invalid symbol."),
        ({"orderId": "1"}, -2013, "Order does not exist."),
        ({"orderId": "x"}, -1100, "'orderId'"),
        ({"limit": "0"}, -1130, "'limit'"),
        ({"fromExecutionId": "-1"}, -1100, "'fromExecutionId'"),
    ],
)
def test_what_is_asked_for_wrongly(
    ann: Bot, changes: dict[str, str | None], code: int, text: str
) -> None:
    order = ann.limit("SELL", "100", "5")
    asked = {"symbol": SYMBOL, "orderId": str(order["orderId"]), **changes}
    told = ann.refused("GET", AMENDMENTS, **{k: v for k, v in asked.items() if v is not None})
    assert told[0] == code
    assert text in told[1]


def test_nobody_sees_what_was_before_of_somebody_elses(ann: Bot, ben: Bot) -> None:
    order = ann.limit("SELL", "100", "5")
    amend(ann, order, "4")
    told = ben.refused("GET", AMENDMENTS, symbol=SYMBOL, orderId=order["orderId"])
    assert told == (-2013, "Order does not exist.")


# --- icebergs -------------------------------------------------------------------------------------


def test_the_book_shows_a_part_at_a_time(ann: Bot, ben: Bot) -> None:
    iceberg = ann.limit("SELL", "100", "2.5", icebergQty="1")
    assert (iceberg["icebergQty"], iceberg["origQty"]) == ("1.00000000", "2.50000000")
    other = ben.limit("SELL", "100", "1")
    wait_until(
        lambda: depth(ann, "asks") == [["100.00000000", "2.00000000"]],
        timeout_s=10,
        what="the parts in the book",
    )
    assert shown(ann, iceberg)["icebergQty"] == "1.00000000"
    (listed,) = ann.ok("GET", "/api/v3/openOrders", symbol=SYMBOL)
    assert listed["icebergQty"] == "1.00000000"
    # Its first part stands first, the next one behind the other's order.
    taken = ben.limit("BUY", "100", "1.0")
    assert [fill["qty"] for fill in taken["fills"]] == ["1.00000000"]
    assert shown(ann, iceberg)["executedQty"] == "1.00000000"
    ben.ok("DELETE", ORDER, symbol=SYMBOL, orderId=other["orderId"])
    taken = ben.limit("BUY", "100", "1.5")
    assert [fill["qty"] for fill in taken["fills"]] == ["1.00000000", "0.50000000"]
    assert shown(ann, iceberg)["status"] == "FILLED"


@pytest.mark.parametrize("kind", ["LIMIT", "LIMIT_MAKER"])
def test_every_order_that_rests_may_hide(ann: Bot, kind: str) -> None:
    terms = {"timeInForce": "GTC"} if kind == "LIMIT" else {}
    order = ann.ok(
        "POST", ORDER, symbol=SYMBOL, side="BUY", type=kind, price="90", quantity="2",
        icebergQty="0.5", newOrderRespType="RESULT", **terms,
    )  # fmt: skip
    assert (order["icebergQty"], order["type"]) == ("0.50000000", kind)
    cancelled = ann.ok("DELETE", ORDER, symbol=SYMBOL, orderId=order["orderId"])
    assert (cancelled["icebergQty"], cancelled["status"]) == ("0.50000000", "CANCELED")
