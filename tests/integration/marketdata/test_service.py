"""The market data service as it runs: candles and tickers for all, one instance at a time."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.exchange import wait_until
from tests.integration.marketdata.conftest import (
    CODEC,
    Bench,
    Publisher,
    Recorder,
    in_thread,
    until,
)

pytestmark = pytest.mark.django_db(transaction=True)

WAIT_S = 10.0


@contextmanager
def _running() -> Iterator[Callable[[], None]]:
    """Run a service in a thread of its own; the yielded function ends it early."""
    from django.db import connections

    from marketdata.candles.service_loop import MarketDataService

    stop = threading.Event()

    def serve() -> None:
        try:
            MarketDataService(stop).run()
        finally:
            connections.close_all()

    thread = threading.Thread(target=serve)
    thread.start()

    def end() -> None:
        stop.set()
        thread.join(WAIT_S)
        assert not thread.is_alive()

    try:
        yield end
    finally:
        end()


def _trade(bench: Bench, market: int, *prices: int) -> None:
    # Within the last 24 hours, which tickers are about.
    bench.time_us = max(bench.time_us, time.time_ns() // 1_000)
    for price in prices:
        bench.apply(
            bench.order(1, market, f"sell 1 @ {price}"), bench.order(0, market, f"buy 1 @ {price}")
        )


def _progress(market: int) -> int:
    from marketdata.candles.selectors import get_candle_progress

    return get_candle_progress(market)


def _tickers(publisher: Publisher) -> dict[int, Any]:
    from marketdata.wire import TICKERS_KEY, decode_tickers

    body: Any = publisher.redis.get(TICKERS_KEY)
    return {} if body is None else {state.market_id: state for state in decode_tickers(body)}


def test_history_is_caught_up_and_the_ticker_is_in_the_key(
    bench: Bench, publisher: Publisher
) -> None:
    market = bench.market()
    _trade(bench, market, 100, 120, 110)

    with _running():
        wait_until(lambda: _progress(market) == 3, timeout_s=WAIT_S, what="the candles")
        wait_until(lambda: market in _tickers(publisher), timeout_s=WAIT_S, what="the ticker")
        wait_until(
            lambda: _tickers(publisher)[market].trades == 3, timeout_s=WAIT_S, what="all trades"
        )
        assert _tickers(publisher)[market].last == "110.00"
        assert 0 < publisher.redis.pttl("marketdata") <= 3_000


def test_trades_whose_messages_were_lost_are_counted_all_the_same(
    bench: Bench, publisher: Publisher
) -> None:
    market = bench.market()
    with _running():
        wait_until(lambda: publisher.redis.get("marketdata"), timeout_s=WAIT_S, what="the service")
        _trade(bench, market, 100, 101)
        publisher.lose()
        wait_until(lambda: _progress(market) == 2, timeout_s=WAIT_S, what="the candles")


def test_one_instance_works_and_the_other_takes_over(bench: Bench, publisher: Publisher) -> None:
    from django.db import connection

    from marketdata.candles.service_loop import LOCK_KEY

    def holders() -> int:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
                " AND (classid::bigint << 32 | objid::bigint) = %s",
                [LOCK_KEY],
            )
            return int(cursor.fetchone()[0])

    market = bench.market()
    with _running() as end_first:
        wait_until(holders, timeout_s=WAIT_S, what="the lock")
        with _running():
            _trade(bench, market, 100)
            wait_until(lambda: _progress(market) == 1, timeout_s=WAIT_S, what="the first trade")
            assert holders() == 1
            end_first()
            _trade(bench, market, 101)
            wait_until(lambda: _progress(market) == 2, timeout_s=WAIT_S, what="the second trade")


def test_a_killed_database_session_is_replaced(bench: Bench, publisher: Publisher) -> None:
    from django.db import connection

    from marketdata.candles.service_loop import LOCK_KEY

    market = bench.market()
    with _running():
        _trade(bench, market, 100)
        wait_until(lambda: _progress(market) == 1, timeout_s=WAIT_S, what="the first trade")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                " AND (classid::bigint << 32 | objid::bigint) = %s",
                [LOCK_KEY],
            )
            assert cursor.fetchone() == (True,)
        _trade(bench, market, 101)
        wait_until(lambda: _progress(market) == 2, timeout_s=WAIT_S, what="the second trade")


async def test_feeds_are_told_candles_and_tickers(
    bench: Bench, feed: Any, publisher: Publisher
) -> None:
    from marketdata.feed.feed import Topic

    market = await in_thread(bench.market)
    await feed.ensure_started()
    sink = Recorder()
    feed.subscribe(Topic("candles", market, CODEC, "1h"), sink)
    feed.subscribe(Topic("ticker", None, CODEC), sink)
    with _running():
        await in_thread(_trade, bench, market, 100, 120)
        await in_thread(publisher.publish)

        def newest(kind: str) -> Any:
            return next((m[1] for m in reversed(sink.messages) if m[0] == kind), None)

        await until(lambda: (candle := newest("candle")) and candle.trades == 2, what="the candle")
        await until(
            # The service's own figures, and not only what the feed knew by itself.
            lambda: feed.market("BTC/USD").counted_sequence == 2,
            what="the service's ticker",
        )
        await until(
            lambda: (ticker := newest("ticker")) and ticker.trades_24h == 2, what="the ticker"
        )
    candle, ticker = newest("candle"), newest("ticker")
    assert (candle.open, candle.high, candle.low, candle.close) == (
        "100.00",
        "120.00",
        "100.00",
        "120.00",
    )
    assert (ticker.last, ticker.vwap_24h) == ("120.00", "110.00000000")


async def test_candles_that_were_counted_and_never_told_are_read_from_the_table(
    bench: Bench, feed: Any, publisher: Publisher
) -> None:
    from marketdata import wire
    from marketdata.candles.selectors import list_candles
    from marketdata.candles.services import count_trades
    from marketdata.candles.windows import DayWindow
    from marketdata.feed.feed import Topic

    market = await in_thread(bench.market)
    await feed.ensure_started()
    terms = feed.market("BTC/USD").terms
    sink = Recorder()
    for interval in ("1s", "1h"):
        feed.subscribe(Topic("candles", market, CODEC, interval), sink)

    async def count(price: int, *, tell: bool) -> list[Any]:
        bench.time_us += 2_000_000
        await in_thread(_trade, bench, market, price)
        candles = await in_thread(count_trades, terms)
        if tell:
            publisher.redis.publish(wire.candles_channel(market), wire.encode(candles))
        return candles

    def seconds() -> list[tuple[int, str]]:
        told = [m[1] for m in sink.messages if m[0] == "candle"]
        return [(c.last_trade_sequence, c.close) for c in told if c.interval == "1s"]

    await count(100, tell=True)
    await until(lambda: len(seconds()) == 1, what="the first second")
    # A message that was lost shows in the next one's chain.
    await count(101, tell=False)
    await count(102, tell=True)
    await until(lambda: len(seconds()) == 3, what="what was lost and what came after")
    # The last one was lost: the ticker says how far is counted.
    candles = await count(103, tell=False)
    window = DayWindow(terms)
    window.add(next(candle for candle in candles if candle.interval == "1m"))
    state = window.ticker(time.time_ns() // 1_000 + 10**7)
    publisher.redis.publish(wire.TICKERS_CHANNEL, wire.encode([state]))
    await until(lambda: len(seconds()) == 4, what="the last second")
    assert seconds() == [(1, "100.00"), (2, "101.00"), (3, "102.00"), (4, "103.00")]

    def hour() -> Any:
        return [m[1] for m in sink.messages if m[0] == "candle" and m[1].interval == "1h"][-1]

    await until(lambda: hour().trades == 4, what="the hour")
    (stored,) = await in_thread(lambda: list_candles(terms, "1h", limit=1))
    assert (hour().volume, hour().close) == (stored.volume, stored.close)
