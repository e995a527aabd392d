"""python-binance's WebSocket part, unmodified: depth cache, sockets, orders over WebSocket."""

import asyncio
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import ccxt
import pytest
import pytest_asyncio
from binance.async_client import AsyncClient
from binance.exceptions import BinanceAPIException
from binance.ws.depthcache import DepthCacheManager
from binance.ws.reconnecting_websocket import ReconnectingWebsocket
from binance.ws.streams import BinanceSocketManager

from tests.exchange import Exchange
from tests.integration.binance.clients.accounts import MARKET, SYMBOL, Keys
from tests.integration.binance.clients.test_python_binance import HereAsyncClient, point_at

WAIT_S = 15.0


class HereSockets(BinanceSocketManager):
    """The documented way to another address: a class attribute."""


@pytest_asyncio.fixture
async def alice(
    exchange: Exchange, alice_keys: Keys, own_market: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[AsyncClient]:
    """The client under test."""
    # So long a quiet socket takes to notice that it is being closed.
    monkeypatch.setattr(ReconnectingWebsocket, "TIMEOUT", 1)
    point_at(exchange)
    HereSockets.STREAM_URL = f"{exchange.ws_url}/"
    client = await HereAsyncClient.create(alice_keys.key, alice_keys.secret)
    yield client
    await client.close_connection()


@pytest.fixture
def sockets(alice: AsyncClient) -> BinanceSocketManager:
    """The sockets of the client under test."""
    return HereSockets(alice)


async def elsewhere(call: Callable[..., Any], *arguments: Any) -> Any:
    """Make a blocking call of the other side without stopping the event loop."""
    return await asyncio.to_thread(call, *arguments)


async def received(socket: Any, condition: Callable[[Any], Any]) -> Any:
    """Return the first true answer of ``condition`` about a message."""
    async with asyncio.timeout(WAIT_S):
        while not (answer := condition(await socket.recv())):
            pass
    return answer


def is_event(name: str, **fields: Any) -> Callable[[Any], Any]:
    """Return a condition: the event of that name with these fields."""

    def check(message: Any) -> Any:
        same = message.get("e") == name and all(message.get(k) == v for k, v in fields.items())
        return message if same else None

    return check


async def trade_at(bob: ccxt.binance, alice: AsyncClient, price: int) -> Any:
    """Let Alice buy 0.1 at a price; return her order."""
    await elsewhere(bob.create_order, MARKET, "limit", "sell", 0.1, price)
    return await alice.order_limit_buy(symbol=SYMBOL, quantity="0.1", price=str(price))


async def test_the_depth_cache_follows_the_book(
    alice: AsyncClient, sockets: BinanceSocketManager, bob: ccxt.binance
) -> None:
    await elsewhere(bob.create_order, MARKET, "limit", "buy", 1, 1990)
    manager = DepthCacheManager(alice, SYMBOL, bm=sockets, conv_type=Decimal, ws_interval=100)
    async with asyncio.timeout(WAIT_S), manager as cache:
        for step in range(4):
            await elsewhere(bob.create_order, MARKET, "limit", "sell", 0.1, 2000 + step)
            await elsewhere(bob.create_order, MARKET, "limit", "buy", 0.2, 1980 - step)
        await elsewhere(bob.cancel_all_orders, MARKET)
        await elsewhere(bob.create_order, MARKET, "limit", "sell", 0.7, 2001)
        wanted = [[Decimal(2001), Decimal("0.7")]]
        while (own := await cache.recv()).get_asks() != wanted or own.get_bids():
            pass
    book = await alice.get_order_book(symbol=SYMBOL)
    assert [[Decimal(text) for text in level] for level in book["asks"]] == wanted
    assert book["bids"] == []


async def test_market_sockets(
    alice: AsyncClient, sockets: BinanceSocketManager, bob: ccxt.binance
) -> None:
    lower = SYMBOL.lower()
    async with (
        sockets.trade_socket(SYMBOL) as trades,
        sockets.kline_socket(SYMBOL) as candles,
        sockets.symbol_ticker_socket(SYMBOL) as ticker,
        sockets.multiplex_socket([f"{lower}@bookTicker", f"{lower}@aggTrade"]) as several,
        sockets.depth_socket(SYMBOL, depth="5") as top,
        sockets.miniticker_socket() as minis,
    ):
        order = await trade_at(bob, alice, 2002)
        trade = await received(trades, is_event("trade", p="2002.00000000"))
        assert trade["t"] == order["fills"][0]["tradeId"]
        assert trade["m"] is False
        # The first one tells of what was traded before.
        candle = await received(candles, lambda m: m["k"]["c"] == "2002.00000000" and m)
        assert (candle["s"], candle["k"]["i"]) == (SYMBOL, "1m")
        told = await received(ticker, is_event("24hrTicker", c="2002.00000000"))
        assert told["s"] == SYMBOL
        merged = await received(
            several, lambda m: m["data"] if m["stream"] == f"{lower}@aggTrade" else None
        )
        assert (merged["q"], merged["l"]) == ("0.10000000", trade["t"])
        await elsewhere(bob.create_order, MARKET, "limit", "sell", 0.5, 2003)
        best = await received(
            several, lambda m: m["data"] if m["data"].get("a") == "2003.00000000" else None
        )
        assert best["A"] == "0.50000000"
        await received(top, lambda m: m["asks"] == [["2003.00000000", "0.50000000"]])
        await received(minis, lambda rows: any(row["s"] == SYMBOL for row in rows))


async def test_user_socket_tells_orders_and_balances(
    alice: AsyncClient, sockets: BinanceSocketManager, bob: ccxt.binance
) -> None:
    async with sockets.user_socket() as own:
        order = await trade_at(bob, alice, 2000)
        new = await received(own, is_event("executionReport", i=order["orderId"]))
        assert (new["x"], new["X"], new["c"]) == ("NEW", "NEW", order["clientOrderId"])
        fill = await received(own, is_event("executionReport", i=order["orderId"]))
        assert (fill["x"], fill["X"], fill["t"]) == (
            "TRADE",
            "FILLED",
            order["fills"][0]["tradeId"],
        )
        assert (fill["n"], fill["N"]) == ("0.00010000", "ETH")
        position = await received(own, is_event("outboundAccountPosition"))
        account = {row["asset"]: row for row in (await alice.get_account())["balances"]}
        while {row["a"] for row in position["B"]} < {"ETH", "EUR"}:
            position = await received(own, is_event("outboundAccountPosition"))
        for row in position["B"]:
            shown = account[row["a"]]
            assert (row["f"], row["l"]) == (shown["free"], shown["locked"])


async def test_listen_keys_of_older_bots(
    alice: AsyncClient, sockets: BinanceSocketManager, bob: ccxt.binance
) -> None:
    key = await alice.stream_get_listen_key()
    assert len(key) == 60
    assert key.isalnum()
    async with sockets._get_socket(key) as own:  # what `user_socket` did before it changed
        order = await trade_at(bob, alice, 2000)
        event = await received(own, is_event("executionReport", i=order["orderId"]))
        assert event["x"] == "NEW"
    assert await alice.stream_get_listen_key() == key
    await alice.stream_keepalive(key)
    await alice.stream_close(key)
    with pytest.raises(BinanceAPIException) as caught:
        await alice.stream_keepalive(key)
    assert caught.value.code == -1125


async def test_orders_over_the_websocket_api(alice: AsyncClient, bob: ccxt.binance) -> None:
    placed = await alice.ws_order_limit_buy(symbol=SYMBOL, quantity="0.1", price="1500")
    assert placed["status"] == "NEW"
    shown = await alice.ws_get_order(symbol=SYMBOL, orderId=placed["orderId"])
    assert shown == await alice.get_order(symbol=SYMBOL, orderId=placed["orderId"])
    assert await alice.ws_get_open_orders(symbol=SYMBOL) == [shown]
    cancelled = await alice.ws_cancel_order(symbol=SYMBOL, orderId=placed["orderId"])
    assert (cancelled["status"], cancelled["orderId"]) == ("CANCELED", placed["orderId"])
    await elsewhere(bob.create_order, MARKET, "limit", "sell", 0.1, 2000)
    bought = await alice.ws_order_market_buy(symbol=SYMBOL, quantity="0.1")
    assert (bought["status"], bought["fills"][0]["price"]) == ("FILLED", "2000.00000000")
    with pytest.raises(BinanceAPIException) as caught:
        await alice.ws_order_limit_buy(symbol=SYMBOL, quantity="0.00001", price="1500")
    assert caught.value.code == -1013
    with pytest.raises(BinanceAPIException) as caught:
        await alice.ws_cancel_order(symbol=SYMBOL, orderId=4711)
    assert caught.value.code == -2011
    told = await alice.ws_get_account()
    assert told["balances"] == (await alice.get_account())["balances"]


async def test_stops_and_preventions_over_the_websocket_api(
    alice: AsyncClient, bob: ccxt.binance, sweeper: ccxt.binance
) -> None:
    def trade(price: float) -> None:
        bob.create_order(MARKET, "limit", "sell", 0.01, price)
        sweeper.create_order(MARKET, "limit", "buy", 0.01, price)

    await elsewhere(trade, 2000)
    order = {"symbol": SYMBOL, "side": "SELL", "quantity": "0.1"}
    placed = await alice.ws_create_order(
        **order, type="STOP_LOSS", stopPrice="1950", newOrderRespType="RESULT"
    )
    assert (placed["stopPrice"], placed["workingTime"]) == ("1950.00000000", -1)
    with pytest.raises(BinanceAPIException, match="Stop price would trigger immediately"):
        await alice.ws_create_order(**order, type="STOP_LOSS", stopPrice="2050")
    await elsewhere(trade, 1950)
    ended = await alice.ws_get_order(symbol=SYMBOL, orderId=placed["orderId"])
    assert (ended["status"], ended["type"], ended["isWorking"]) == ("EXPIRED", "STOP_LOSS", True)
    rests = await alice.ws_order_limit_sell(symbol=SYMBOL, quantity="0.1", price="2100")
    lost = await alice.ws_order_limit_buy(symbol=SYMBOL, quantity="0.1", price="2100")
    assert (lost["status"], lost["preventedQuantity"]) == ("EXPIRED_IN_MATCH", "0.10000000")
    (match,) = await alice.ws_get_prevented_matches(symbol=SYMBOL, orderId=lost["orderId"])
    assert (match["makerOrderId"], match["preventedMatchId"]) == (
        rests["orderId"],
        lost["preventedMatchId"],
    )
