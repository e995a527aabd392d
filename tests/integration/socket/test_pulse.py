"""The proof of life of a connection: what was pushed before it, and how far that tells."""

from typing import Any

from tests.integration.socket.conftest import MARKET, Client, Trader


async def test_a_pulse_counts_what_was_pushed_before_it(
    client: Client, trader: Trader, second: Trader
) -> None:
    async def beat(**params: Any) -> Any:
        answer = await client.call("pulse", **params)
        assert answer["result"]["pushes"] == len(client.pushes)  # no more, and no fewer
        return answer["result"]["market"]

    assert await beat() is None
    await client.call("authenticate", token=trader.token)
    for channel in ("orderbook", "trades", "orders", "balances"):
        await client.call("subscribe", channel=channel, market=MARKET)
    second.place("sell 0.5 @ 21000")
    trade_id = trader.place("buy 0.5 @ 21000")["trades"][0]["id"]
    await client.until(lambda: client.of("balances"))
    told = await beat(market=MARKET)
    book = trader.data(trader.http.get("/markets/BTC-EUR/order-book"))
    assert told == {
        "symbol": MARKET,
        "is_live": True,
        "sequence": book["sequence"],
        "trade_id": trade_id,
        "counted_at": told["counted_at"],
    }
    assert client.of("orderbook")[-1]["sequence"] == told["sequence"]
    await client.call("subscribe", channel="orderbook", market=MARKET)  # a whole book more
    await client.until(lambda: client.of("orderbook")[-1].get("prev_sequence") is None)
    await beat(market=MARKET)
    refused = await client.call("pulse", market="NO/NE")
    assert refused["error"]["code"] == 404
