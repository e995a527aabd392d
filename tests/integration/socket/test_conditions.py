"""What few orders ask for, by the v1 WebSocket: placed, amended, and told step by step."""

from typing import Any

from tests.integration.socket.conftest import MARKET, Client, Trader


async def _follow(client: Client, trader: Trader) -> None:
    await client.call("authenticate", token=trader.token)
    assert "result" in await client.call("subscribe", channel="orders", market=MARKET)


def _steps(client: Client, order_id: str) -> list[dict[str, Any]]:
    """Return what was pushed of an order, step by step."""
    pushes = (push["params"] for push in client.pushes if push["method"] == "orders")
    return [params for params in pushes if params["data"]["id"] == order_id]


def _changes(client: Client, order_id: str) -> list[str]:
    return [step["change"] for step in _steps(client, order_id)]


def _trade_at(first: Trader, second: Trader, price: str) -> None:
    first.place(f"sell 0.02 @ {price}")
    second.place(f"buy 0.02 @ {price}")


async def test_an_order_that_waits_is_told_step_by_step(
    client: Client, trader: Trader, second: Trader
) -> None:
    _trade_at(trader, second, "100")
    second.place("buy 1 @ 85")
    await _follow(client, trader)
    params = trader.order("sell 1 @ 80", order_type="stop_limit", stop_price="90")

    placed = (await client.call("placeOrder", **params))["result"]["order"]
    moved = await client.call("amendOrder", order_id=placed["id"], trigger_price="91")

    assert (placed["status"], placed["stop_price"]) == ("Pending", "90.00")
    assert moved["result"]["order"]["stop_price"] == "91.00"
    _trade_at(trader, second, "91")
    await client.until(lambda: "Trade" in _changes(client, placed["id"]))
    steps = _steps(client, placed["id"])
    assert [(step["change"], step["data"]["status"]) for step in steps] == [
        ("New", "Pending"),
        ("Amended", "Pending"),
        ("Triggered", "New"),
        ("Trade", "Filled"),
    ]
    assert [step["data"]["triggered_at"] is None for step in steps] == [True, True, False, False]
    assert {step["data"]["order_type"] for step in steps} == {"StopLimit"}


async def test_orders_that_met_their_owners_are_told_what_was_prevented(
    client: Client, trader: Trader
) -> None:
    await _follow(client, trader)
    maker = trader.place("buy 1 @ 50")["order"]
    taker = trader.place("sell 3 @ 50", self_trade_prevention="decrement")["order"]
    assert (taker["remaining_quantity"], taker["prevented_quantity"]) == ("2.00000", "1.00000")

    await client.until(lambda: "Cancelled" in _changes(client, maker["id"]))
    await client.until(lambda: "Prevented" in _changes(client, taker["id"]))

    (met,) = [s for s in _steps(client, taker["id"]) if s["change"] == "Prevented"]
    prevention = met["prevention"]
    assert (prevention["mode"], prevention["price"], prevention["quantity"]) == (
        "Decrement",
        "50.00",
        "1.00000",
    )
    assert (prevention["liquidity"], prevention["other_order_id"]) == ("Taker", maker["id"])
    assert _changes(client, maker["id"]) == ["New", "Prevented", "Cancelled"]
    assert ["prevention" in step for step in _steps(client, maker["id"])] == [False, True, False]


async def test_what_does_not_go_together_has_the_status_of_rest(
    client: Client, trader: Trader
) -> None:
    await client.call("authenticate", token=trader.token)
    params = trader.order("sell 1 @ 80", order_type="stop_limit")

    error = (await client.call("placeOrder", **params))["error"]

    assert (error["code"], list(error["data"]["details"])) == (422, ["stop_price"])
