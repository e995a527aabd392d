"""Streams, REST and v1 say the same of the same trades."""

import asyncio
from decimal import Decimal
from itertools import pairwise
from typing import Any

from tests.exchange import wait_until
from tests.integration.binance.market_data.conftest import STREAM, SYMBOL, Open, Trader

PLAIN = ("trade", "aggTrade", "kline_1s", "kline_1m", "bookTicker", "ticker", "miniTicker")
NAMES = [f"{STREAM}@{kind}" for kind in (*PLAIN, "depth5@100ms")]


def _trade(trader: Trader, second: Trader) -> list[Any]:
    """Let one taker meet two orders at one price and one at the next; return v1's trades."""
    for text in ("sell 0.1 @ 20000", "sell 0.2 @ 20000", "sell 0.3 @ 20001"):
        second.place(text)
    placed = trader.place("buy 0.5 @ 20001")
    assert placed["order"]["status"] == "Filled"
    ids = [trade["id"] for trade in placed["trades"]]

    def shown() -> Any:
        answer = trader.http.get("/markets/BTC/EUR/trades", params={"limit": 3})
        trades = trader.data(answer)["trades"][::-1]
        return trades if [trade["id"] for trade in trades] == ids else None

    return wait_until(shown, timeout_s=5, what="the trades")  # type: ignore[no-any-return]


async def test_trades_agree(open_stream: Open, trader: Trader, second: Trader, rest: Any) -> None:
    client = await open_stream(f"/stream?streams={STREAM}@trade/{STREAM}@aggTrade")
    v1 = await asyncio.to_thread(_trade, trader, second)
    await client.until(lambda: len(client.of("trade")) == 3 and len(client.of("aggTrade")) == 2)

    trades = client.of("trade")
    assert [trade["t"] for trade in trades] == [int(trade["id"]) for trade in v1]
    assert [(trade["p"], trade["q"]) for trade in trades] == [
        ("20000.00000000", "0.10000000"),
        ("20000.00000000", "0.20000000"),
        ("20001.00000000", "0.20000000"),
    ]
    assert all(trade["s"] == SYMBOL and trade["M"] is True for trade in trades)
    # The buyer took, so the buyer is not the maker.
    assert all(trade["m"] is False and trade["E"] >= trade["T"] for trade in trades)

    first, last = trades[0]["t"], trades[-1]["t"]
    by_rest = rest("trades", symbol=SYMBOL, limit=3)
    assert [
        (trade["id"], trade["price"], trade["qty"], trade["time"], trade["isBuyerMaker"])
        for trade in by_rest
    ] == [(trade["t"], trade["p"], trade["q"], trade["T"], trade["m"]) for trade in trades]
    assert [trade["quoteQty"] for trade in by_rest] == [
        "2000.00000000",
        "4000.00000000",
        "4000.20000000",
    ]
    for from_id in (first, max(1, first - 1_500)):
        older = rest("historicalTrades", symbol=SYMBOL, fromId=from_id, limit=1000)
        ids = [trade["id"] for trade in older]
        assert ids == list(range(from_id, from_id + len(ids)))
    assert rest("historicalTrades", symbol=SYMBOL, fromId=first) == by_rest

    merged = [{name: event[name] for name in "apqflTmM"} for event in client.of("aggTrade")]
    assert [(trade["f"], trade["l"], trade["q"]) for trade in merged] == [
        (first, first + 1, "0.30000000"),
        (last, last, "0.20000000"),
    ]
    at_ms = trades[0]["T"]
    assert rest("aggTrades", symbol=SYMBOL, limit=2) == merged
    assert rest("aggTrades", symbol=SYMBOL, fromId=first) == merged
    assert rest("aggTrades", symbol=SYMBOL, startTime=at_ms)[-2:] == merged
    by_time = rest("aggTrades", symbol=SYMBOL, startTime=at_ms, endTime=at_ms)
    assert [trade for trade in by_time if trade["f"] >= first] == merged
    assert rest("aggTrades", symbol=SYMBOL, startTime=at_ms + 3_600_000) == []


async def test_candles_agree(open_stream: Open, trader: Trader, second: Trader, rest: Any) -> None:
    client = await open_stream(f"/ws/{STREAM}@kline_1s/{STREAM}@kline_1m")
    v1 = await asyncio.to_thread(_trade, trader, second)
    last = int(v1[-1]["id"])

    def told(interval: str, *, is_closed: bool) -> Any:
        candles = [event["k"] for event in client.of("kline")]
        return [k for k in candles if k["i"] == interval and k["L"] == last and k["x"] is is_closed]

    await client.until(lambda: told("1m", is_closed=False) or told("1m", is_closed=True))
    closed = (await client.until(lambda: told("1s", is_closed=True)))[0]
    trades = [
        trade
        for trade in rest("trades", symbol=SYMBOL, limit=1000)
        if closed["t"] <= trade["time"] <= closed["T"]
    ]
    assert (closed["n"], closed["f"], closed["s"]) == (len(trades), trades[0]["id"], SYMBOL)
    assert (closed["o"], closed["c"]) == (trades[0]["price"], "20001.00000000")
    assert Decimal(closed["v"]) == sum(Decimal(trade["qty"]) for trade in trades)
    assert Decimal(closed["q"]) == sum(Decimal(trade["quoteQty"]) for trade in trades)
    bought = [trade for trade in trades if not trade["isBuyerMaker"]]
    assert Decimal(closed["V"]) == sum(Decimal(trade["qty"]) for trade in bought)
    assert Decimal(closed["Q"]) == sum(Decimal(trade["quoteQty"]) for trade in bought)
    by_rest = rest("klines", symbol=SYMBOL, interval="1s", startTime=closed["t"], limit=1)
    fields = ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q", "B")
    assert by_rest == [[closed[name] for name in fields]]
    assert closed["T"] == closed["t"] + 999

    # Seconds without a trade are flat, closed one after the other, and the same by REST.
    def flat() -> Any:
        candles = [event["k"] for event in client.of("kline")]
        return [k for k in candles if k["i"] == "1s" and k["x"] and k["t"] > closed["t"]]

    await client.until(lambda: len(flat()) >= 2)
    following = flat()[:2]
    assert [k["t"] for k in following] == [closed["t"] + 1_000, closed["t"] + 2_000]
    assert all((k["n"], k["f"], k["L"], k["c"]) == (0, -1, -1, closed["c"]) for k in following)
    by_rest = rest("klines", symbol=SYMBOL, interval="1s", startTime=closed["t"] + 1_000, limit=2)
    assert by_rest == [[k[name] for name in fields] for k in following]

    minutes = rest("klines", symbol=SYMBOL, interval="1m", limit=1000)
    assert all(after[0] == before[6] + 1 for before, after in pairwise(minutes))
    found = trader.data(
        trader.http.get("/markets/BTC/EUR/candles", params={"interval": "1m", "limit": 1})
    )
    newest = found["candles"][0]
    traded = [minute for minute in minutes if minute[8]][-1]
    assert Decimal(newest["close"]) == Decimal(traded[4])
    assert Decimal(newest["volume"]) == Decimal(traded[5])
    assert newest["trades"] == traded[8]


async def test_tickers_and_best_prices_agree(
    open_stream: Open, trader: Trader, second: Trader, rest: Any
) -> None:
    client = await open_stream(
        "/stream?streams=" + "/".join(NAMES) + "/!miniTicker@arr/!ticker@arr"
    )
    # A new follower of the best levels is given them at once.
    await client.until(lambda: [event for event in client.events if event["stream"] == NAMES[-1]])
    v1 = await asyncio.to_thread(_trade, trader, second)
    last = int(v1[-1]["id"])

    ticker = (
        await client.until(lambda: [each for each in client.of("24hrTicker") if each["L"] == last])
    )[0]
    wait_until(
        lambda: rest("ticker/24hr", symbol=SYMBOL)["lastId"] == last,
        timeout_s=5,
        what="the ticker of the last trade",
    )
    full = rest("ticker/24hr", symbol=SYMBOL)
    pairs = {
        "p": "priceChange",
        "P": "priceChangePercent",
        "w": "weightedAvgPrice",
        "x": "prevClosePrice",
        "c": "lastPrice",
        "Q": "lastQty",
        "b": "bidPrice",
        "B": "bidQty",
        "a": "askPrice",
        "A": "askQty",
        "o": "openPrice",
        "h": "highPrice",
        "l": "lowPrice",
        "v": "volume",
        "q": "quoteVolume",
        "F": "firstId",
        "L": "lastId",
        "n": "count",
    }
    assert {name: ticker[name] for name in pairs} == {
        name: full[there] for name, there in pairs.items()
    }
    assert (ticker["a"], ticker["A"]) == ("20001.00000000", "0.10000000")
    assert (ticker["b"], ticker["B"]) == ("0.00000000", "0.00000000")
    assert full["count"] == full["lastId"] - full["firstId"] + 1
    assert full["openTime"] < full["closeTime"]
    mini = rest("ticker/24hr", symbol=SYMBOL, type="MINI")
    assert all(full[name] == value for name, value in mini.items() if name != "closeTime")
    of_v1 = trader.data(trader.http.get("/markets/BTC/EUR/ticker"))
    assert Decimal(of_v1["last"]) == Decimal(full["lastPrice"])
    assert Decimal(of_v1["volume_24h"]) == Decimal(full["volume"])
    assert rest("ticker/price", symbol=SYMBOL) == {"symbol": SYMBOL, "price": full["lastPrice"]}

    best = rest("ticker/bookTicker", symbol=SYMBOL)
    told = [event["data"] for event in client.events if event["stream"].endswith("@bookTicker")]
    assert set(told[-1]) == {"u", "s", "b", "B", "a", "A"}
    assert [told[-1][name] for name in "bBaA"] == [
        best[name] for name in ("bidPrice", "bidQty", "askPrice", "askQty")
    ]
    assert all(before != after for before, after in pairwise(told))
    levels = await client.until(
        lambda: [
            event["data"]
            for event in client.events
            if event["stream"] == NAMES[-1] and event["data"]["lastUpdateId"] == told[-1]["u"]
        ]
    )
    assert levels[-1] == rest("depth", symbol=SYMBOL, limit=5)

    arrays = {
        event["stream"]: event["data"] for event in client.events if event["stream"][0] == "!"
    }
    symbols = {each["symbol"] for each in rest("ticker/price")}
    assert {each["s"] for each in arrays["!ticker@arr"]} == symbols
    assert {each["s"] for each in arrays["!miniTicker@arr"]} == symbols
    assert rest("avgPrice", symbol=SYMBOL)["mins"] == 5
