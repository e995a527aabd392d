"""What a stream of user data says: the fields of its events, and whose they are."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.binance.user_data.conftest import Bot, Socket

Keep = Callable[[Socket], Socket]

INTEGERS = {"E", "g", "i", "T", "t", "I", "O", "W"}
BOOLEANS = {"w", "m", "M"}
TEXTS = set("cCsSofqpPFxXrlLzZnYQV")


def reports(socket: Socket) -> list[Any]:
    return socket.of("executionReport")


def position(socket: Socket) -> dict[str, tuple[Decimal, Decimal]]:
    """Return the balances that the last positions say."""
    found = {}
    for event in socket.of("outboundAccountPosition"):
        for entry in event["B"]:
            found[entry["a"]] = (Decimal(entry["f"]), Decimal(entry["l"]))
    return found


async def test_an_order_that_rests_and_is_cancelled(alice: Bot, bob: Bot, sockets: Keep) -> None:
    mine, other = sockets(await alice.subscribe()), sockets(await bob.subscribe())
    placed = (await alice.order("buy 10 @ 0.9", newClientOrderId="mine-1")).json()
    named = {"symbol": "EURUSDT", "orderId": placed["orderId"], "newClientOrderId": "cancel-1"}
    assert (await alice.rest("DELETE", "order", **named)).status_code == 200
    await mine.until(lambda: len(mine.events) == 4)

    new, _, cancelled, _ = mine.events
    assert set(new) == INTEGERS | BOOLEANS | TEXTS | {"e", "N"}
    for event in (new, cancelled):
        assert {type(event[name]) for name in INTEGERS} == {int}
        assert {type(event[name]) for name in BOOLEANS} == {bool}
        assert {type(event[name]) for name in TEXTS} == {str}
    fixed = {
        "e": "executionReport", "s": "EURUSDT", "S": "BUY", "o": "LIMIT", "f": "GTC",
        "q": "10.00000000", "p": "0.90000000", "P": "0.00000000", "F": "0.00000000", "g": -1,
        "r": "NONE", "i": placed["orderId"], "l": "0.00000000", "z": "0.00000000",
        "L": "0.00000000", "n": "0", "N": None, "t": -1, "m": False, "M": False,
        "Z": "0.00000000", "Y": "0.00000000", "Q": "0.00000000", "O": placed["transactTime"],
        "W": placed["workingTime"], "V": placed["selfTradePreventionMode"],
    }  # fmt: skip
    assert fixed.items() <= new.items()
    assert fixed.items() <= cancelled.items()
    assert (new["x"], new["X"], new["c"], new["C"], new["w"]) == ("NEW", "NEW", "mine-1", "", True)
    assert (cancelled["x"], cancelled["X"], cancelled["w"]) == ("CANCELED", "CANCELED", False)
    assert (cancelled["c"], cancelled["C"]) == ("cancel-1", "mine-1")
    assert new["I"] < cancelled["I"] < 2**53
    assert new["E"] <= cancelled["E"]

    before, after = mine.of("outboundAccountPosition")
    assert set(before) == {"e", "E", "u", "B"}
    ((was,), (became,)) = (before["B"], after["B"])
    assert (was["a"], was["l"]) == ("USDT", "9.00000000")
    assert became["l"] == "0.00000000"
    assert Decimal(became["f"]) - Decimal(was["f"]) == 9
    assert other.messages == []


async def test_maker_and_taker_each_get_theirs(alice: Bot, bob: Bot, sockets: Keep) -> None:
    mine, other = sockets(await alice.subscribe()), sockets(await bob.follow())
    await alice.order("sell 10 @ 1.1")
    taken = (await bob.order("buy 4 @ 1.2")).json()
    market = (await bob.order("buy 6", newOrderRespType="FULL")).json()
    await mine.until(lambda: len(reports(mine)) == 3 and len(mine.events) == 6)
    await other.until(lambda: len(reports(other)) == 4 and len(other.events) == 6)

    assert [(each["x"], each["X"]) for each in reports(mine)] == [
        ("NEW", "NEW"), ("TRADE", "PARTIALLY_FILLED"), ("TRADE", "FILLED"),
    ]  # fmt: skip
    # New comes first, even if an order fills at once.
    assert [(each["x"], each["X"], each["o"]) for each in reports(other)] == [
        ("NEW", "NEW", "LIMIT"), ("TRADE", "FILLED", "LIMIT"),
        ("NEW", "NEW", "MARKET"), ("TRADE", "FILLED", "MARKET"),
    ]  # fmt: skip
    sold, bought = reports(mine)[1], reports(other)[1]
    assert (sold["t"], sold["m"], sold["n"], sold["N"]) == (
        taken["fills"][0]["tradeId"], True, "0.00330000", "USDT",
    )  # fmt: skip
    assert (bought["t"], bought["m"], bought["n"], bought["N"]) == (
        sold["t"], False, taken["fills"][0]["commission"], "EUR",
    )  # fmt: skip
    assert (sold["l"], sold["L"], sold["Y"]) == ("4.00000000", "1.10000000", "4.40000000")
    assert (reports(mine)[2]["z"], reports(mine)[2]["Z"]) == ("10.00000000", "11.00000000")
    last = reports(other)[3]
    assert (last["q"], last["p"], last["f"]) == ("6.00000000", "0.00000000", "GTC")
    assert (last["t"], last["c"]) == (market["fills"][0]["tradeId"], market["clientOrderId"])
    for bot, socket in ((alice, mine), (bob, other)):
        account = await bot.get("account")
        shown = {
            entry["asset"]: (Decimal(entry["free"]), Decimal(entry["locked"]))
            for entry in account["balances"]
        }
        assert position(socket).items() <= shown.items()
        assert set(position(socket)) == {"EUR", "USDT"}


async def test_what_cannot_stay_expires(alice: Bot, bob: Bot, sockets: Keep) -> None:
    mine = sockets(await alice.subscribe())
    await bob.order("sell 5 @ 1.1")
    await alice.order("buy 8 @ 1.1", timeInForce="IOC")
    await alice.order("buy 8 @ 1.1", timeInForce="FOK")
    await alice.order("sell 3 @ 1.3", newClientOrderId="resting")
    await alice.order("buy 3 @ 1.3", newClientOrderId="meeting")
    await mine.until(lambda: len(reports(mine)) == 8)

    assert [(each["x"], each["X"]) for each in reports(mine)] == [
        ("NEW", "NEW"), ("TRADE", "PARTIALLY_FILLED"), ("EXPIRED", "EXPIRED"),
        ("NEW", "NEW"), ("EXPIRED", "EXPIRED"),
        ("NEW", "NEW"),
        ("NEW", "NEW"), ("TRADE_PREVENTION", "EXPIRED_IN_MATCH"),
    ]  # fmt: skip
    prevented = reports(mine)[-1]
    assert (prevented["c"], prevented["C"]) == ("meeting", "")
    assert (await alice.get("order", symbol="EURUSDT", orderId=prevented["i"]))["status"] == (
        "EXPIRED_IN_MATCH"
    )


async def test_a_market_order_by_amount_says_so(alice: Bot, bob: Bot, sockets: Keep) -> None:
    mine = sockets(await alice.follow(path="/stream?streams="))
    await bob.order("sell 5 @ 1.1")
    await alice.order("buy 0", type="MARKET", quantity=None, quoteOrderQty="3")
    await mine.until(lambda: len(reports(mine)) == 2)

    _, trade = reports(mine)
    assert (trade["Q"], trade["l"], trade["x"]) == ("3.00000000", "2.72000000", "TRADE")
    assert (trade["q"], trade["z"], trade["X"]) == ("2.72000000", "2.72000000", "FILLED")
    # Wrapped, as everything of a combined connection is.
    assert set(mine.messages[0]) == {"stream", "data"}
    assert mine.messages[0]["stream"] == (await alice.listen_key()).json()["listenKey"]


async def test_a_refused_order_says_nothing(alice: Bot, sockets: Keep) -> None:
    mine = sockets(await alice.subscribe())
    assert (await alice.order("buy 999999999 @ 1")).status_code == 400
    assert (await alice.order("buy 5.001 @ 1")).status_code == 400
    await alice.order("buy 10 @ 0.9", newClientOrderId="after")
    await mine.until(lambda: any(each["c"] == "after" for each in reports(mine)))
    assert [each["c"] for each in reports(mine)] == ["after"]


async def test_a_deposit_is_a_balance_update_and_an_order_is_none(
    alice: Bot, sockets: Keep
) -> None:
    mine = sockets(await alice.subscribe())
    await alice.order("buy 10 @ 0.9")
    alice.exchange.manage(
        "deposit", "--account", alice.account, "--asset", "EUR", "--amount", "12.5"
    )
    await mine.until(lambda: len(mine.events) == 4)

    assert [event["e"] for event in mine.events] == [
        "executionReport", "outboundAccountPosition", "balanceUpdate", "outboundAccountPosition",
    ]  # fmt: skip
    update, after = mine.events[2:]
    assert set(update) == {"e", "E", "a", "d", "T"}
    assert (update["a"], update["d"]) == ("EUR", "12.50000000")
    assert type(update["E"]) is type(update["T"]) is int
    account = await alice.get("account")
    (eur,) = [entry for entry in account["balances"] if entry["asset"] == "EUR"]
    assert after["B"] == [{"a": "EUR", "f": eur["free"], "l": eur["locked"]}]


@pytest.mark.parametrize("path", ["/ws/", "/stream?streams="])
async def test_an_unknown_listen_key_ends_the_connection(bots: list[Bot], path: str) -> None:
    socket = await Socket.open(f"{bots[0].exchange.ws_url}{path}{'x' * 60}")
    assert await socket.closed_with() == 1008
    assert socket.messages == []
