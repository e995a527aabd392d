"""What cannot be counted or read in one market is set aside; the others go on, and it is told."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections

from tests.exchange import wait_until
from tests.integration.marketdata.conftest import (
    CODEC,
    Bench,
    Publisher,
    Recorder,
    in_thread,
    until,
)
from tests.integration.marketdata.test_account_streams import _follow
from tests.integration.marketdata.test_feed import _orders
from tests.integration.marketdata.test_service import (
    WAIT_S,
    _progress,
    _running,
    _tickers,
    _trade,
)

pytestmark = pytest.mark.django_db(transaction=True)

# The largest that a market may allow, and what twelve of them add up to.
LARGE = Decimal("9.2e18")
TWELVE = LARGE * 12


@pytest.fixture
def two(bench: Bench) -> tuple[int, int]:
    """Two markets; the first is the one that something is wrong with."""
    return bench.market("BTC/USD"), bench.market("USD/BTC")


def _set_aside(publisher: Publisher) -> Any:
    from marketdata.wire import HEARTBEAT_KEY, decode_progress

    body: Any = publisher.redis.get(HEARTBEAT_KEY)
    return None if body is None else decode_progress(body)


async def _health(bench: Bench) -> tuple[int, Any]:
    from api.transport.threads import in_thread as edge_thread
    from api.v1.rest import health
    from matching.wire import heartbeat_name

    publisher = Publisher()
    publisher.redis.set(heartbeat_name(0), "bench", px=10_000)
    publisher.redis.close()
    found = await health._look()
    await edge_thread(connections.close_all)  # the look-up's own stays open for the next one
    return found


def test_a_market_that_cannot_be_counted_stops_no_other_and_goes_on_once_mended(
    bench: Bench, two: tuple[int, int], publisher: Publisher
) -> None:
    from matching.models import Trade

    bad, good = two
    _trade(bench, bad, 100, 101, 102)
    _trade(bench, good, 1)
    missing = Trade.objects.get(market_id=bad, sequence=2)
    Trade.objects.filter(pk=missing.pk)._raw_delete("default")  # type: ignore[attr-defined]

    with _running():
        wait_until(lambda: _progress(good) == 1, timeout_s=WAIT_S, what="the good market")
        wait_until(
            lambda: (told := _set_aside(publisher)) and told.candles_set_aside == ["BTC/USD"],
            timeout_s=WAIT_S,
            what="the market that is set aside",
        )
        _trade(bench, good, 2, 3)
        wait_until(lambda: _progress(good) == 3, timeout_s=WAIT_S, what="later trades")
        wait_until(
            lambda: good in _tickers(publisher) and _tickers(publisher)[good].trades == 3,
            timeout_s=WAIT_S,
            what="the good market's ticker",
        )
        assert _progress(bad) == 0
        Trade.objects.bulk_create([missing])
        wait_until(lambda: _progress(bad) == 3, timeout_s=WAIT_S, what="the mended market")
        wait_until(
            lambda: (told := _set_aside(publisher)) and not told.candles_set_aside,
            timeout_s=WAIT_S,
            what="nothing that is set aside",
        )


def _write_large_trades(market: int, count: int) -> None:
    from matching.models import MarketState, Trade

    now = datetime.now(UTC)
    Trade.objects.bulk_create(
        Trade(
            id=10_000 + sequence,
            market_id=market,
            sequence=sequence,
            run_sequence=sequence,
            price=Decimal(1),
            quantity=LARGE,
            amount=LARGE,
            taker_side="buy",
            maker_order_id=1,
            taker_order_id=2,
            maker_account_id=1,
            taker_account_id=2,
            created_at=now,
        )
        for sequence in range(1, count + 1)
    )
    MarketState.objects.update_or_create(
        market_id=market, defaults={"trade_sequence": count, "last_price": Decimal(1)}
    )


def test_twelve_of_the_largest_trades_fit_into_a_candle_and_a_ticker(
    bench: Bench, two: tuple[int, int], publisher: Publisher
) -> None:
    from marketdata.models import Candle

    large, other = two
    _write_large_trades(large, 12)
    _trade(bench, other, 1)
    with _running():
        wait_until(lambda: _progress(large) == 12, timeout_s=WAIT_S, what="the large trades")
        wait_until(lambda: _progress(other) == 1, timeout_s=WAIT_S, what="the other market")
        wait_until(
            lambda: large in _tickers(publisher) and _tickers(publisher)[large].trades == 12,
            timeout_s=WAIT_S,
            what="the ticker",
        )
    month = Candle.objects.get(market_id=large, interval="1M")
    assert (month.volume, month.quote_volume, month.taker_buy_volume) == (TWELVE,) * 3
    assert Decimal(_tickers(publisher)[large].volume) == TWELVE


def _spoil_rules(market: int) -> None:
    from matching.models import Market

    Market.objects.filter(pk=market).update(tick_size=Decimal("1e-18"))


async def test_a_market_with_unreadable_rules_stops_neither_service_nor_feed(
    bench: Bench, two: tuple[int, int], publisher: Publisher, feed: Any
) -> None:
    from zavora.foundation.errors import MarketNotFound

    bad, good = two
    await in_thread(_spoil_rules, bad)
    await in_thread(_trade, bench, good, 1)

    await feed.ensure_started()
    assert [view.terms.symbol for view in feed.markets()] == ["USD/BTC"]
    with pytest.raises(MarketNotFound):
        feed.market("BTC/USD")
    with _running():
        await until(lambda: _set_aside(publisher), what="the service")
        await until(lambda: _set_aside(publisher).rules_unreadable, what="what it says")
        await in_thread(
            lambda: wait_until(lambda: _progress(good) == 1, timeout_s=WAIT_S, what="the candles")
        )
        status, body = await _health(bench)
    assert (status, body["status"]) == (200, "degraded")
    assert body["markets"]["set_aside"] == [{"market": "BTC/USD", "part": "rules"}]
    assert {one["status"] for one in body["services"].values()} == {"up"}


def _spoil_order(market: int, price: str) -> None:
    from matching.models import Order

    Order.objects.filter(market_id=market).update(price=Decimal(price))


async def test_a_book_that_cannot_be_read_is_set_aside_and_the_others_are_served(
    bench: Bench, two: tuple[int, int], publisher: Publisher, feed: Any
) -> None:
    from marketdata.feed.feed import Topic

    bad, good = two
    await _orders(bench, bad, "0: buy 1 @ 20000")
    await _orders(bench, good, "0: buy 0.001 @ 2000")
    # Finer than a tick has decimals.
    await in_thread(_spoil_order, bad, "20000.001")

    mine = await _follow(feed, bench, publisher, 0)
    assert feed.set_aside == ["BTC/USD"]
    assert feed.is_live
    sink = Recorder()
    feed.subscribe(Topic("orderbook", good, CODEC), sink)
    await _orders(bench, good, "0: buy 0.001 @ 1999")
    await in_thread(publisher.publish)
    await until(lambda: sink.messages and mine.messages, what="the good market's event")
    with _running():
        await until(lambda: _set_aside(publisher), what="the service")
        _, body = await _health(bench)
        assert body["markets"]["set_aside"] == [{"market": "BTC/USD", "part": "feed"}]
    assert mine.lost == 0

    await in_thread(_spoil_order, bad, "20000")
    await until(lambda: not feed.set_aside, what="the mended market")
    assert feed.market("BTC/USD").top(1)[0] == [("20000.00", "1.00000")]
    # What happened there meanwhile may have been missed.
    assert mine.lost == 1


async def test_an_event_that_cannot_be_applied_costs_no_other_market_anything(
    bench: Bench, two: tuple[int, int], publisher: Publisher, feed: Any
) -> None:
    from matching import wire
    from matching.models import MarketState

    bad, good = two
    await in_thread(publisher.lose)
    await feed.ensure_started()
    known = await in_thread(lambda: MarketState.objects.get(market_id=bad).event_sequence)
    poison = wire.MarketEvent(
        bad, known, known + 1, 0, 0, [wire.DepthChange("buy", "no price", "1")], [], b""
    )
    publisher.redis.publish(wire.events_channel(bad), wire.encode(poison))
    await _orders(bench, good, "0: buy 0.001 @ 2000")
    await in_thread(publisher.publish)
    await until(lambda: feed.market("USD/BTC").depth_sequence == 1, what="the good market's event")
    # The connection was kept, and the market that was spoilt was read anew.
    assert feed._subscription.connects == 1
    await until(lambda: feed.is_live, what="the market's return")
    assert feed.market("BTC/USD").top() == ([], [], 0)


async def test_a_sink_and_a_codec_that_fail_cost_nobody_else_a_message(
    bench: Bench, two: tuple[int, int], publisher: Publisher, feed: Any
) -> None:
    from marketdata.feed.feed import Topic

    class Failing(Recorder):
        def push(self, topic: Any, message: Any) -> None:
            raise RuntimeError("a sink that breaks its promise")

    class FailingCodec(type(CODEC)):  # type: ignore[misc]
        def book_delta(self, topic: Any, view: Any, delta: Any) -> Any:
            raise RuntimeError("a codec that breaks its promise")

    market = two[0]
    await in_thread(publisher.lose)
    await feed.ensure_started()
    sink = Recorder()
    feed.subscribe(Topic("orderbook", market, FailingCodec()), Failing())
    feed.subscribe(Topic("orderbook", market, CODEC), Failing())
    feed.subscribe(Topic("orderbook", market, CODEC), sink)
    mine = await _follow(feed, bench, publisher, 0)
    await _orders(bench, market, "0: buy 1 @ 20000")
    await in_thread(publisher.publish)
    await until(lambda: sink.messages and mine.messages, what="both messages")
    assert feed.is_live
