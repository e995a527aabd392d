"""What streams said last is what REST says, also after the market data service stood still."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
from websockets.asyncio.client import connect

from marketdata.candles.intervals import INTERVALS
from tests.exchange import Exchange
from tests.integration.binance.market_data.conftest import STREAM, SYMBOL, Open, Trader
from tests.integration.socket.conftest import MARKET, Client

STOPPED_S = 5.0
FIELDS = ("t", "o", "h", "l", "c", "v", "T", "q", "n", "V", "Q", "B")


@pytest.fixture(autouse=True)
def _goes_on(exchange: Exchange) -> Iterator[None]:
    yield
    exchange.send("marketdata", signal.SIGCONT)
    exchange.wait_until_healthy()


@pytest_asyncio.fixture
async def page(exchange: Exchange) -> AsyncIterator[Client]:
    """A connection to v1's socket."""
    page = Client(await connect(f"{exchange.ws_url}/ws", max_size=2**24))
    yield page
    await page.end()


def _trade(trader: Trader, second: Trader, price: int) -> int:
    """Trade once; return the trade's id."""
    second.place(f"sell 0.1 @ {price}")
    return int(trader.place(f"buy 0.1 @ {price}")["trades"][-1]["id"])


def _told_last(events: list[Any]) -> dict[tuple[str, int], tuple[Any, bool]]:
    """Return what was said last of each candle, and whether it was told as closed."""
    told = {}
    for event in events:
        k = event["k"]
        told[k["i"], k["t"]] = ([k[name] for name in FIELDS], k["x"])
    return told


async def test_what_was_said_last_is_what_rest_says_after_the_service_stood_still(
    exchange: Exchange, open_stream: Open, page: Client, trader: Trader, second: Trader, rest: Any
) -> None:
    names = "/".join(f"{STREAM}@kline_{interval}" for interval in INTERVALS)
    await asyncio.to_thread(_trade, trader, second, 20_000)
    stream = await open_stream(f"/stream?streams={names}/{STREAM}@ticker/{STREAM}@miniTicker")
    for interval in ("1s", "1m"):
        await page.call("subscribe", channel="candles", market=MARKET, interval=interval)
    await page.call("subscribe", channel="ticker", market=MARKET)
    first = await asyncio.to_thread(_trade, trader, second, 20_010)
    await stream.until(lambda: any(e["k"]["L"] == first for e in stream.of("kline")))

    exchange.send("marketdata", signal.SIGSTOP)
    stopped = time.monotonic()
    ids = []
    for price in (20_030, 20_020):
        ids.append(await asyncio.to_thread(_trade, trader, second, price))
        await asyncio.sleep(1.1)  # the trades are to lie in different seconds
    # Candles come to their end meanwhile.
    await asyncio.sleep(max(0.0, STOPPED_S - (time.monotonic() - stopped)))
    newest_ms = max(e["k"]["t"] for e in stream.of("kline") if e["k"]["i"] == "1s")
    exchange.send("marketdata", signal.SIGCONT)

    await stream.until(lambda: any(e["k"]["L"] == ids[-1] for e in stream.of("kline")))
    end_ms = newest_ms + int(STOPPED_S + 2) * 1_000
    await stream.until(lambda: any(e["k"]["t"] >= end_ms for e in stream.of("kline")))
    last = await asyncio.to_thread(_trade, trader, second, 20_040)
    await stream.until(
        lambda: {e["k"]["i"] for e in stream.of("kline") if e["k"]["L"] == last} == set(INTERVALS)
    )
    compared = 0
    for (interval, open_ms), (said, is_closed) in _told_last(stream.of("kline")).items():
        # A second that goes on may have come further by now than what was said.
        (shown,) = rest("klines", symbol=SYMBOL, interval=interval, startTime=open_ms, limit=1)
        assert shown == said, (interval, open_ms, is_closed)
        compared += 1
    assert compared >= STOPPED_S + len(INTERVALS)
    # No second was left out or told with trades after it was told without.
    seconds = sorted(t for i, t in _told_last(stream.of("kline")) if i == "1s")
    assert seconds == list(range(seconds[0], seconds[-1] + 1_000, 1_000))
    await _compare_v1(page, trader)
    await _compare_tickers(stream, page, trader, rest, last)


async def _compare_v1(page: Client, trader: Trader) -> None:
    def told(interval: str) -> dict[str, Any]:
        name = f"candles:{MARKET}:{interval}"
        pushes = [push["params"] for push in page.pushes]
        candles = [push["data"] for push in pushes if push["subscription_id"] == name]
        return {candle["open_time"]: candle for candle in candles}

    for interval in ("1s", "1m"):
        answer = trader.http.get(
            f"/markets/{MARKET}/candles", params={"interval": interval, "limit": 500}
        )
        shown = {candle["open_time"]: candle for candle in trader.data(answer)["candles"]}
        newest = max(shown)
        await page.until(lambda: newest in told(interval))  # noqa: B023 (awaited at once)
        said = told(interval)
        since = min(said)
        assert said == {at: candle for at, candle in shown.items() if at >= since}, interval


async def _compare_tickers(stream: Any, page: Client, trader: Trader, rest: Any, last: int) -> None:
    def is_settled() -> Any:
        tickers = stream.of("24hrTicker")
        return tickers[-1:] and tickers[-1]["L"] == last and stream.of("24hrMiniTicker")

    await stream.until(is_settled)
    count = len(stream.of("24hrTicker"))
    await stream.until(lambda: len(stream.of("24hrTicker")) > count)
    full, said = rest("ticker/24hr", symbol=SYMBOL), stream.of("24hrTicker")[-1]
    pairs = {"c": "lastPrice", "h": "highPrice", "l": "lowPrice", "v": "volume", "n": "count"}
    assert {name: said[name] for name in pairs} == {n: full[there] for n, there in pairs.items()}
    mini = stream.of("24hrMiniTicker")[-1]
    assert [mini[name] for name in "chlvq"] == [said[name] for name in "chlvq"]
    shown = trader.data(trader.http.get(f"/markets/{MARKET}/ticker"))
    of_v1 = page.of("ticker")[-1]
    for name in ("last", "high_24h", "low_24h", "volume_24h", "quote_volume_24h"):
        assert of_v1[name] == shown[name]
