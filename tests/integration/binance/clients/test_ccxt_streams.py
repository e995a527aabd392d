"""ccxt's WebSocket part, unmodified: its own order book, watchers, and orders over WebSocket."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import ccxt
import ccxt.pro
import pytest
import pytest_asyncio

from tests.exchange import Exchange
from tests.integration.binance.clients.accounts import MARKET, Keys
from tests.integration.binance.clients.conftest import ccxt_settings

WAIT_S = 15.0
Watch = Callable[[], Awaitable[Any]]


@pytest_asyncio.fixture
async def alice(
    exchange: Exchange, alice_keys: Keys, own_market: str
) -> AsyncIterator[ccxt.pro.binance]:
    """The client under test."""
    client = ccxt.pro.binance(ccxt_settings(exchange, alice_keys))
    await client.load_markets()
    yield client
    await client.close()


async def until(watch: Watch, condition: Callable[[], Any]) -> Any:
    """Watch until what the client has gathered answers the condition; return the answer.

    Not what ``watch`` returned: of two messages that arrive together it returns the first only.
    """
    async with asyncio.timeout(WAIT_S):
        while not (answer := condition()):
            await watch()
    return answer


async def elsewhere(call: Callable[..., Any], *arguments: Any) -> Any:
    """Make a blocking call of the other side without stopping the event loop."""
    return await asyncio.to_thread(call, *arguments)


def levels(book: Any) -> Any:
    """Return the two sides of a book as plain lists."""
    return [[list(level[:2]) for level in book[side]] for side in ("bids", "asks")]


async def test_the_order_book_follows_every_change(
    alice: ccxt.pro.binance, bob: ccxt.binance
) -> None:
    def own_book_is(wanted: Any) -> bool:
        book = alice.orderbooks.get(MARKET)
        return book is not None and levels(book) == wanted

    await elsewhere(bob.create_order, MARKET, "limit", "buy", 1, 1990)
    await until(lambda: alice.watch_order_book(MARKET), lambda: own_book_is([[[1990, 1]], []]))
    for step in range(5):
        await elsewhere(bob.create_order, MARKET, "limit", "sell", 0.1, 2000 + step)
        await elsewhere(bob.create_order, MARKET, "limit", "buy", 0.2, 1980 - step)
    await elsewhere(bob.create_order, MARKET, "market", "buy", 0.001)
    await elsewhere(bob.cancel_all_orders, MARKET)
    await elsewhere(bob.create_order, MARKET, "limit", "sell", 0.7, 2001)

    final = [[], [[2001, 0.7]]]
    await until(lambda: alice.watch_order_book(MARKET), lambda: own_book_is(final))
    snapshot = await alice.fetch_order_book(MARKET)
    assert levels(snapshot) == final
    assert alice.orderbooks[MARKET]["nonce"] == snapshot["nonce"]


async def test_public_watchers(alice: ccxt.pro.binance, bob: ccxt.binance) -> None:
    # Subscribed before anything happens: each of these waits for what comes.
    await elsewhere(bob.create_order, MARKET, "limit", "sell", 1, 2000)
    latest: dict[str, Any] = {}

    async def keep(name: str, watch: Watch) -> None:
        while True:
            latest[name] = await watch()

    tasks = [
        asyncio.create_task(keep("trades", lambda: alice.watch_trades(MARKET))),
        asyncio.create_task(keep("ticker", lambda: alice.watch_ticker(MARKET))),
        asyncio.create_task(keep("tickers", lambda: alice.watch_tickers(["BTC/EUR", MARKET]))),
        asyncio.create_task(keep("candles", lambda: alice.watch_ohlcv(MARKET, "1m"))),
        asyncio.create_task(keep("best", lambda: alice.watch_bids_asks([MARKET]))),
    ]

    def all_told() -> bool:
        ticker, best = latest.get("ticker"), latest.get("best", {}).get(MARKET)
        return (
            {"trades", "tickers", "candles"} <= set(latest)
            and ticker is not None
            and ticker["last"] == 2000
            and best is not None
            and best["ask"] == 2000
        )

    try:
        async with asyncio.timeout(WAIT_S):
            while not all_told():
                await elsewhere(bob.create_order, MARKET, "limit", "sell", 0.01, 2000)
                await alice.create_order(MARKET, "limit", "buy", 0.01, 2000, {"timeInForce": "IOC"})
                await asyncio.wait(tasks, timeout=0.3)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    trade = alice.trades[MARKET][-1]
    assert (trade["price"], trade["amount"], trade["side"]) == (2000, 0.01, "buy")
    assert latest["ticker"]["symbol"] == MARKET
    candle = alice.ohlcvs[MARKET]["1m"][-1]
    assert candle[0] % 60_000 == 0
    assert candle[5] > 0


async def test_own_orders_trades_and_balances(alice: ccxt.pro.binance, bob: ccxt.binance) -> None:
    await elsewhere(bob.create_order, MARKET, "limit", "sell", 0.1, 2000)
    # Once the subscription is confirmed nothing of what is placed can be missed.
    await asyncio.wait_for(alice.ensure_user_data_stream_ws_subscribe_signature(), WAIT_S)
    placing = asyncio.create_task(alice.create_order(MARKET, "limit", "buy", 0.3, 2000))
    await until(lambda: alice.watch_orders(MARKET), lambda: alice.orders)
    placed = await placing
    cancelling = asyncio.create_task(alice.cancel_order(placed["id"], MARKET))

    def ended() -> Any:
        own = [o for o in alice.orders if o["id"] == placed["id"]]
        return own[0] if own and own[0]["status"] == "canceled" else None

    order = await until(lambda: alice.watch_orders(MARKET), ended)
    await cancelling
    assert (order["filled"], order["amount"]) == (0.1, 0.3)
    assert order["clientOrderId"] == placed["clientOrderId"]
    (trade,) = [t for t in alice.myTrades if t["order"] == placed["id"]]
    assert (trade["price"], trade["amount"], trade["takerOrMaker"]) == (2000, 0.1, "taker")
    assert trade["fee"] == {"cost": 0.0001, "currency": "ETH"}

    final = await alice.fetch_balance()

    def told() -> bool:
        rows = alice.balance.get("spot", {})
        return all(
            asset in rows
            and (rows[asset]["free"], rows[asset]["used"])
            == (final[asset]["free"], final[asset]["used"])
            for asset in ("ETH", "EUR")
        )

    await until(alice.watch_balance, told)


async def test_orders_over_the_websocket_api(alice: ccxt.pro.binance, bob: ccxt.binance) -> None:
    placed = await alice.create_order_ws(MARKET, "limit", "buy", 0.1, 1500)
    assert (placed["status"], placed["amount"], placed["price"]) == ("open", 0.1, 1500)
    assert (await alice.fetch_order_ws(placed["id"], MARKET))["status"] == "open"
    assert [o["id"] for o in await alice.fetch_open_orders_ws(MARKET)] == [placed["id"]]
    edited = await alice.edit_order_ws(placed["id"], MARKET, "limit", "buy", 0.2, 1501)
    assert (edited["amount"], edited["price"]) == (0.2, 1501)
    assert (await alice.fetch_order(placed["id"], MARKET))["status"] == "canceled"
    cancelled = await alice.cancel_order_ws(edited["id"], MARKET)
    assert (cancelled["id"], cancelled["status"]) == (edited["id"], "canceled")
    await alice.create_order_ws(MARKET, "limit", "buy", 0.1, 1500)
    await alice.create_order_ws(MARKET, "limit", "buy", 0.1, 1500)
    assert len(await alice.cancel_all_orders_ws(MARKET)) == 2
    assert await alice.fetch_open_orders(MARKET) == []


async def test_fills_over_the_websocket_api(alice: ccxt.pro.binance, bob: ccxt.binance) -> None:
    await elsewhere(bob.create_order, MARKET, "limit", "sell", 0.2, 2000)
    taken = await alice.create_order_ws(MARKET, "market", "buy", 0.2)
    assert (taken["status"], taken["filled"], taken["average"]) == ("closed", 0.2, 2000)
    (trade,) = [t for t in await alice.fetch_my_trades_ws(MARKET) if t["order"] == taken["id"]]
    assert trade["fee"]["currency"] == "ETH"
    assert (await alice.fetch_orders_ws(MARKET))[-1]["id"] == taken["id"]
    told, asked = await alice.fetch_balance_ws(), await alice.fetch_balance()
    assert told["info"]["balances"] == asked["info"]["balances"]


async def test_errors_over_the_websocket_api(
    exchange: Exchange, alice: ccxt.pro.binance, alice_keys: Keys, bob: ccxt.binance
) -> None:
    await elsewhere(bob.create_order, MARKET, "limit", "sell", 0.2, 2000)
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        await alice.create_order_ws(MARKET, "limit", "buy", 0.1, 2000, {"postOnly": True})
    with pytest.raises(ccxt.InsufficientFunds):
        await alice.create_order_ws(MARKET, "limit", "buy", 10_000, 1500)
    with pytest.raises(ccxt.OrderNotFound):
        await alice.cancel_order_ws("4711", MARKET)
    with pytest.raises(ccxt.OrderNotFound):
        await alice.fetch_order_ws("4711", MARKET)
    forged = ccxt.pro.binance(ccxt_settings(exchange, Keys(alice_keys.key, "not it", "")))
    try:
        with pytest.raises(ccxt.AuthenticationError):
            await asyncio.wait_for(forged.fetch_balance_ws(), WAIT_S)
    finally:
        await forged.close()


async def test_market_data_over_the_websocket_api(
    alice: ccxt.pro.binance, bob: ccxt.binance
) -> None:
    await elsewhere(bob.create_order, MARKET, "limit", "buy", 0.2, 1999)
    taken = await alice.create_order_ws(MARKET, "market", "sell", 0.2)

    async with asyncio.timeout(WAIT_S):
        while (trade := (await alice.fetch_trades_ws(MARKET))[-1])["price"] != 1999:
            pass
    assert trade["id"] == taken["trades"][0]["id"]
    assert (await alice.fetch_ohlcv_ws(MARKET, "1m"))[-1][0] % 60_000 == 0
