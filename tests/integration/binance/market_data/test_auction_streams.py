"""Streams through an auction: a book that crosses and the trades at its end break no chain."""

import asyncio

import httpx
import pytest

from tests.exchange import Exchange
from tests.integration.binance.market_data.conftest import STREAM, SYMBOL, Open, Trader
from tests.integration.binance.market_data.test_depth_streams import Keeper

MARKET = "BTC/EUR"


async def test_a_crossed_book_breaks_no_chain(
    exchange: Exchange, open_stream: Open, trader: Trader, second: Trader
) -> None:
    for each in (trader, second):
        each.cancel_all()
    depth = await open_stream(f"/ws/{STREAM}@depth@100ms")
    trades = await open_stream(f"/stream?streams={STREAM}@trade/{STREAM}@aggTrade")
    best = await open_stream(f"/ws/{STREAM}@bookTicker")

    async def move(phase: str) -> None:
        await asyncio.to_thread(exchange.manage, "halt_market", MARKET, "--phase", phase)

    async with httpx.AsyncClient(base_url=f"{exchange.base_url}/api/v3", timeout=20) as http:
        keeper = Keeper(depth, http)
        beginning = asyncio.create_task(keeper.begin())
        while not beginning.done():
            trader.place("buy 0.01 @ 18000")
            await asyncio.wait([beginning], timeout=0.5)
        await beginning
        trader.cancel_all()
        trader.place("buy 0.1 @ 19000")
        while keeper.book != {"bids": {"19000.00000000": "0.10000000"}, "asks": {}}:
            await keeper.next()
        await move("auction")
        try:
            trader.place("buy 0.2 @ 20100")
            second.place("sell 0.1 @ 20000")
            second.place("sell 0.2 @ 20050")
            while "20050.00000000" not in keeper.book["asks"]:
                await keeper.next()
            assert keeper.book == {
                "bids": {"20100.00000000": "0.20000000", "19000.00000000": "0.10000000"},
                "asks": {"20000.00000000": "0.10000000", "20050.00000000": "0.20000000"},
            }
            await keeper.compare()
            crossed = best.events[-1]
            assert (crossed["b"], crossed["a"]) == ("20100.00000000", "20000.00000000")
            assert trades.of("trade") == []
        finally:
            await move("continuous")
        while "20100.00000000" in keeper.book["bids"]:
            await keeper.next()
        assert keeper.book == {
            "bids": {"19000.00000000": "0.10000000"},
            "asks": {"20050.00000000": "0.10000000"},
        }
        await keeper.compare()
    await trades.until(lambda: len(trades.of("trade")) == 2 and trades.of("aggTrade"))
    told = trades.of("trade")
    assert {each["p"] for each in told} == {"20050.00000000"}
    assert sum(float(each["q"]) for each in trades.of("aggTrade")) == pytest.approx(0.2)
    assert {each["s"] for each in told} == {SYMBOL}
