"""binance-sdk-spot's WebSocket parts, unmodified: streams, and orders over WebSocket."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import ccxt
import pytest
import pytest_asyncio
from binance_common.configuration import (
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_sdk_spot.spot import Spot

from tests.exchange import Exchange
from tests.integration.binance.clients.accounts import MARKET, SYMBOL, Keys
from tests.integration.binance.clients.test_official_sdk import MISFITS

WAIT_S = 15.0


@pytest_asyncio.fixture
async def alice(
    exchange: Exchange, alice_keys: Keys, own_market: str, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[Any]:
    """A connection to the WebSocket API; what the SDK's models cannot take fails the test."""
    configuration = ConfigurationWebSocketAPI(
        api_key=alice_keys.key,
        api_secret=alice_keys.secret,
        stream_url=f"{exchange.ws_url}/ws-api/v3",
    )
    client = Spot(config_ws_api=configuration).websocket_api
    with caplog.at_level(logging.WARNING):
        await client.create_connection()
        yield client
        await client.close_connection(close_session=True)
    misfits = [r.getMessage() for r in caplog.records if any(w in r.getMessage() for w in MISFITS)]
    assert misfits == []


@pytest_asyncio.fixture
async def streams(exchange: Exchange, own_market: str) -> AsyncIterator[Any]:
    """A connection to the market streams."""
    configuration = ConfigurationWebSocketStreams(stream_url=exchange.ws_url)
    client = Spot(config_ws_streams=configuration).websocket_streams
    await client.create_connection()
    yield client
    await client.close_connection(close_session=True)


class Seen:
    """Messages of a stream, and a wait for one of them."""

    def __init__(self, stream: Any) -> None:
        self._messages: asyncio.Queue[Any] = asyncio.Queue()
        stream.on("message", self._messages.put_nowait)

    async def until(self, condition: Callable[[Any], Any]) -> Any:
        """Return the first true answer of ``condition`` about a message."""
        async with asyncio.timeout(WAIT_S):
            while not (answer := condition(await self._messages.get())):
                pass
        return answer


async def elsewhere(call: Callable[..., Any], *arguments: Any) -> Any:
    """Make a blocking call of the other side without stopping the event loop."""
    return await asyncio.to_thread(call, *arguments)


async def test_market_streams(streams: Any, bob: ccxt.binance, sweeper: ccxt.binance) -> None:
    lower = SYMBOL.lower()
    trades = Seen(await streams.trade(lower))
    depth = Seen(await streams.diff_book_depth(lower, update_speed="100ms"))
    best = Seen(await streams.book_ticker(lower))
    candles = Seen(await streams.kline(lower, "1m"))
    await elsewhere(bob.create_order, MARKET, "limit", "sell", 0.2, 2000)
    change = await depth.until(lambda event: event if event.a else None)
    assert change.a == [["2000.00000000", "0.20000000"]]
    taken = await elsewhere(sweeper.create_order, MARKET, "market", "buy", 0.1)
    trade = await trades.until(lambda event: event)
    assert (str(trade.t), trade.p) == (taken["trades"][0]["id"], "2000.00000000")
    await best.until(lambda event: event.A == "0.10000000")
    candle = await candles.until(lambda event: event.k)
    assert candle.c == "2000.00000000"
    assert sorted((await streams.list_subscribe())["result"]) == sorted(
        [f"{lower}@trade", f"{lower}@depth@100ms", f"{lower}@bookTicker", f"{lower}@kline_1m"]
    )


async def test_orders_and_user_data(alice: Any, bob: ccxt.binance) -> None:
    subscription = await alice.user_data_stream_subscribe_signature()
    own = Seen(subscription.stream)
    answer = await alice.order_place(
        SYMBOL, "BUY", "LIMIT", time_in_force="GTC", quantity=0.1, price=1500
    )
    placed = answer.data().result
    assert placed.status == "NEW"
    assert {limit.rateLimitType for limit in answer.rate_limits} >= {"REQUEST_WEIGHT"}
    event = await own.until(lambda event: getattr(event.actual_instance, "x", None) and event)
    assert (event.actual_instance.x, event.actual_instance.i) == ("NEW", placed.order_id)
    status = (await alice.order_status(SYMBOL, order_id=placed.order_id)).data().result
    assert status.client_order_id == placed.client_order_id
    (shown,) = (await alice.open_orders_status(symbol=SYMBOL)).data().result
    assert shown.order_id == placed.order_id
    gone = (await alice.order_cancel(SYMBOL, order_id=placed.order_id)).data().result
    assert gone.status == "CANCELED"
    event = await own.until(
        lambda event: getattr(event.actual_instance, "x", None) == "CANCELED" and event
    )
    cancelled = event.actual_instance
    assert placed.client_order_id == cancelled.C


async def test_reading_and_errors(alice: Any, bob: ccxt.binance) -> None:
    await alice.ping()
    assert (await alice.time()).data().result.server_time > 1_700_000_000_000
    account = (await alice.account_status()).data().result
    assert {"ETH", "EUR"} <= {row.asset for row in account.balances}
    refused = await alice.order_place(
        SYMBOL, "BUY", "LIMIT", time_in_force="GTC", quantity=0.00015, price=1500
    )
    error = refused.data()["error"]
    assert (error["code"], error["msg"]) == (-1013, "Filter failure: LOT_SIZE")


async def test_stops_preventions_and_amendments(
    alice: Any, bob: ccxt.binance, sweeper: ccxt.binance
) -> None:
    def trade(price: float) -> None:
        bob.create_order(MARKET, "limit", "sell", 0.01, price)
        sweeper.create_order(MARKET, "limit", "buy", 0.01, price)

    await elsewhere(trade, 2000)
    own = Seen((await alice.user_data_stream_subscribe_signature()).stream)

    async def told(condition: Callable[[Any], Any]) -> Any:
        def is_it(event: Any) -> Any:
            report = event.actual_instance
            return report if getattr(report, "x", None) and condition(report) else None

        return await own.until(is_it)

    answer = await alice.order_place(
        SYMBOL, "SELL", "STOP_LOSS_LIMIT", time_in_force="GTC", quantity=0.3, price=2200,
        stop_price=1900, iceberg_qty=0.1, new_order_resp_type="RESULT",
    )  # fmt: skip
    placed = answer.data().result
    assert (placed.stop_price, placed.working_time) == ("1900.00000000", -1)
    waits = await told(lambda report: report.i == placed.order_id)
    assert (waits.x, waits.w, waits.W, waits.P, waits.F) == (
        *("NEW", False, None),
        *("1900.00000000", "0.10000000"),
    )
    await elsewhere(trade, 1900)
    works = await told(lambda report: report.i == placed.order_id)
    assert (works.x, works.X, works.w, works.o) == ("NEW", "NEW", True, "STOP_LOSS_LIMIT")
    assert works.W >= waits.O
    amended = (await alice.order_amend_keep_priority(SYMBOL, 0.2, order_id=placed.order_id)).data()
    assert amended.result.amended_order.qty == "0.20000000"
    replaced = await told(lambda report: report.x == "REPLACED")
    assert (replaced.i, replaced.q) == (placed.order_id, "0.20000000")
    (change,) = (await alice.order_amendments(SYMBOL, placed.order_id)).data().result
    assert (change.orig_qty, change.new_qty) == ("0.30000000", "0.20000000")
    taker = (
        await alice.order_place(
            SYMBOL, "BUY", "LIMIT", time_in_force="GTC", quantity=0.05, price=2200,
            self_trade_prevention_mode="EXPIRE_BOTH", new_order_resp_type="RESULT",
        )
    ).data().result  # fmt: skip
    assert taker.status == "EXPIRED_IN_MATCH"
    found = (await alice.my_prevented_matches(SYMBOL, order_id=taker.order_id)).data().result
    assert [match.maker_order_id for match in found] == [placed.order_id]
    lost = {}
    for _ in range(2):
        report = await told(lambda report: report.x == "TRADE_PREVENTION")
        assert (report.X, report.v) == ("EXPIRED_IN_MATCH", found[0].prevented_match_id)
        assert (report.pL, report.pl, report.pY) == ("2200.00000000", "0.05000000", "110.00000000")
        lost[report.i] = (report.A, report.B, report.U)
    assert lost == {
        taker.order_id: ("0.05000000", "0.05000000", placed.order_id),
        placed.order_id: ("0.20000000", "0.20000000", taker.order_id),
    }
