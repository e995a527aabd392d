"""The feed against real tables and a real queue: gaps, lost messages, restarts."""

import asyncio
from typing import Any

import pytest

from matching.commands.phase import SetMarketPhase
from tests.integration.marketdata.conftest import (
    CODEC,
    Bench,
    Publisher,
    Recorder,
    in_thread,
    until,
)

pytestmark = pytest.mark.django_db(transaction=True)


async def _apply(bench: Bench, *commands: Any) -> list[Any]:
    return await in_thread(bench.apply, *commands)


async def _orders(bench: Bench, market: int, *texts: str) -> None:
    """Settle one batch per text; ``1: sell ...`` is the second account's."""
    for text in texts:
        who, _, rest = text.partition(": ")
        (reply,) = await _apply(bench, bench.order(int(who), market, rest))
        assert reply.code == "", reply.message


@pytest.fixture
def market(bench: Bench) -> int:
    return bench.market()


async def test_start_loads_book_trades_and_sequences_from_the_tables(
    bench: Bench, market: int, feed: Any, publisher: Publisher
) -> None:
    await _orders(bench, market, "0: buy 1 @ 20000", "1: sell 2 @ 21000", "0: buy 0.5 @ 21000")

    await feed.ensure_started()

    view = feed.market("BTC/USD")
    assert view.top(10) == ([("20000.00", "1.00000")], [("21000.00", "1.50000")], 3)
    assert [(t.sequence, t.price, t.quantity) for t in view.recent_trades(5)] == [
        (1, "21000.00", "0.50000")
    ]
    assert view.is_synced
    assert feed.is_live
    assert view.ticker.last == "21000.00"


async def test_events_are_applied_and_told_in_sequence(
    bench: Bench, market: int, feed: Any, publisher: Publisher
) -> None:
    from marketdata.feed.feed import Topic

    await in_thread(publisher.lose)
    await feed.ensure_started()
    sink = Recorder()
    begin = feed.subscribe(Topic("orderbook", market, CODEC), sink)
    feed.subscribe(Topic("trades", None, CODEC), sink)
    assert begin == [("snapshot", "BTC/USD", [], [], 0)]

    await _orders(bench, market, "1: sell 2 @ 21000", "0: buy 0.5 @ 21000")
    await in_thread(publisher.publish)

    await until(lambda: len(sink.messages) == 3, what="two deltas and a trade")
    (_, _, first), (_, _, second), trade = sink.messages
    assert (first.prev_sequence, first.sequence, first.asks) == (0, 1, [("21000.00", "2.00000")])
    assert (second.prev_sequence, second.sequence, second.asks) == (
        1,
        2,
        [("21000.00", "1.50000")],
    )
    assert trade == ("trade", 1, "21000.00", "0.50000")


async def test_a_gap_is_filled_from_event_rows_and_nothing_is_told_twice(
    bench: Bench, market: int, feed: Any, publisher: Publisher
) -> None:
    from marketdata.feed.feed import Topic

    await feed.ensure_started()
    await in_thread(publisher.lose)
    sink = Recorder()
    feed.subscribe(Topic("orderbook", market, CODEC), sink)
    feed.subscribe(Topic("trades", market, CODEC), sink)

    await _orders(bench, market, "1: sell 2 @ 21000", "0: buy 0.5 @ 21000")
    await in_thread(publisher.lose)
    await _orders(bench, market, "0: buy 0.25 @ 21000")
    await in_thread(publisher.publish)

    await until(lambda: len(sink.messages) == 5, what="three deltas and two trades")
    deltas = [message[2] for message in sink.messages if message[0] == "delta"]
    assert [(delta.prev_sequence, delta.sequence) for delta in deltas] == [(0, 1), (1, 2), (2, 3)]
    trades = [message[1] for message in sink.messages if message[0] == "trade"]
    assert trades == [1, 2]
    assert feed.market("BTC/USD").top() == ([], [("21000.00", "1.25000")], 3)


async def test_a_gap_without_event_rows_is_filled_from_one_snapshot(
    bench: Bench, market: int, feed: Any, publisher: Publisher
) -> None:
    from marketdata.feed.feed import Topic
    from matching.models import Event

    await feed.ensure_started()
    sink = Recorder()
    feed.subscribe(Topic("orderbook", market, CODEC), sink)
    feed.subscribe(Topic("trades", market, CODEC), sink)

    await _orders(bench, market, "1: sell 2 @ 21000", "0: buy 0.5 @ 21000")
    await in_thread(publisher.lose)
    await in_thread(Event.objects.all().delete)
    await _orders(bench, market, "1: sell 1 @ 22000")
    await in_thread(publisher.publish)

    await until(lambda: feed.market("BTC/USD").is_synced and sink.messages, what="the snapshot")
    assert sink.messages == [
        ("snapshot", "BTC/USD", [], [("21000.00", "1.50000"), ("22000.00", "1.00000")], 3),
        ("trade", 1, "21000.00", "0.50000"),
    ]


async def test_a_lost_last_message_is_noticed_by_the_heartbeat(
    bench: Bench, market: int, feed: Any, publisher: Publisher
) -> None:
    await feed.ensure_started()
    await _orders(bench, market, "1: sell 2 @ 21000")
    await in_thread(publisher.lose)
    assert feed.market("BTC/USD").top() == ([], [], 0)

    await in_thread(publisher.heartbeat, market)

    await until(lambda: feed.market("BTC/USD").depth_sequence == 1, what="the repair")
    assert feed.market("BTC/USD").top() == ([], [("21000.00", "2.00000")], 1)


async def test_what_is_not_newer_is_dropped(
    bench: Bench, market: int, feed: Any, publisher: Publisher
) -> None:
    from matching import wire
    from matching.models import Event

    await feed.ensure_started()
    await _orders(bench, market, "1: sell 2 @ 21000", "1: sell 1 @ 21000")
    await in_thread(publisher.publish)
    view = feed.market("BTC/USD")
    await until(lambda: view.depth_sequence == 2, what="both events")

    rows = await in_thread(lambda: list(Event.objects.order_by("pk")))
    for row in rows:
        publisher.redis.publish(wire.events_channel(market), bytes(row.payload))
    await _orders(bench, market, "0: buy 1 @ 20000")
    await in_thread(publisher.publish)

    await until(lambda: view.depth_sequence == 3, what="the new event")
    assert view.top() == ([("20000.00", "1.00000")], [("21000.00", "3.00000")], 3)


async def test_events_that_arrive_while_the_tables_are_read_are_applied_after(
    bench: Bench, market: int, feed: Any, publisher: Publisher
) -> None:
    await in_thread(publisher.lose)
    starting = asyncio.create_task(feed.ensure_started())
    for price in range(20_000, 20_030):
        await _orders(bench, market, f"0: buy 0.001 @ {price}")
        await in_thread(publisher.publish)
    await starting

    view = feed.market("BTC/USD")
    await until(lambda: view.depth_sequence == 30, what="thirty levels")
    bids, asks, _ = view.top()
    assert [price for price, _ in bids] == [f"{price}.00" for price in range(20_029, 19_999, -1)]
    assert asks == []


async def test_a_market_made_at_run_time_appears(
    bench: Bench, feed: Any, publisher: Publisher
) -> None:
    from zavora.foundation.errors import MarketNotFound

    await feed.ensure_started()
    with pytest.raises(MarketNotFound):
        feed.market("BTC/USD")

    market = await in_thread(bench.market)
    await in_thread(publisher.publish)

    await until(lambda: feed.markets(), what="the market")
    await _orders(bench, market, "0: buy 1 @ 20000")
    await in_thread(publisher.publish)
    await until(lambda: feed.market("BTC/USD").depth_sequence == 1, what="its first event")


async def test_concurrent_starts_are_one_start(
    bench: Bench, market: int, feed: Any, publisher: Publisher
) -> None:
    await asyncio.gather(*(feed.ensure_started() for _ in range(20)))
    assert publisher.redis.pubsub_numpat() == 2


async def test_a_cut_connection_to_the_queue_is_made_anew_and_the_gap_filled(
    bench: Bench, market: int, feed: Any, publisher: Publisher
) -> None:
    from marketdata.feed.feed import Topic

    await feed.ensure_started()
    sink = Recorder()
    feed.subscribe(Topic("orderbook", market, CODEC), sink)
    publisher.redis.client_kill_filter(_type="pubsub")
    await until(lambda: not feed.is_live, what="the loss")

    await _orders(bench, market, "0: buy 1 @ 20000", "0: buy 1 @ 19000")
    await in_thread(publisher.lose)

    await until(lambda: feed.is_live, what="the return")
    assert feed.market("BTC/USD").top() == (
        [("20000.00", "1.00000"), ("19000.00", "1.00000")],
        [],
        2,
    )
    assert [message[2].sequence for message in sink.messages] == [1, 2]


async def test_a_message_that_cannot_be_read_costs_no_event(
    bench: Bench, market: int, feed: Any, publisher: Publisher
) -> None:
    await feed.ensure_started()
    publisher.redis.publish(f"events:{market}", b"\xc1 no event")
    await _orders(bench, market, "0: buy 1 @ 20000")
    await in_thread(publisher.publish)

    await until(lambda: feed.market("BTC/USD").depth_sequence == 1, what="the event after it")
    assert feed.market("BTC/USD").top() == ([("20000.00", "1.00000")], [], 1)
    await until(lambda: feed.is_live, what="the feed's return")


async def test_answers_can_wait_until_the_feed_shows_their_events(
    bench: Bench, market: int, feed: Any, publisher: Publisher
) -> None:
    await _orders(bench, market, "0: buy 1 @ 20000")
    await in_thread(publisher.lose)
    await feed.ensure_started()
    view = feed.market("BTC/USD")
    known = view.event_sequence
    await _orders(bench, market, "0: buy 1 @ 20001")

    shown = feed.when_shown([(market, known + 1), (market + 1_000, 7)])
    assert shown is not None
    assert not shown.done()
    await in_thread(publisher.publish)
    await asyncio.wait_for(shown, 5)

    assert view.top(1)[0] == [("20001.00", "1.00000")]
    assert feed.when_shown([(market, known + 1)]) is None


async def test_answers_do_not_wait_for_lost_events(
    bench: Bench, market: int, feed: Any, publisher: Publisher
) -> None:
    await feed.ensure_started()
    known = feed.market("BTC/USD").event_sequence
    await _orders(bench, market, "0: buy 1 @ 20001")
    await in_thread(publisher.lose)

    await asyncio.wait_for(feed.when_shown([(market, known + 1)]), 5)

    assert feed.market("BTC/USD").event_sequence == known


async def test_changes_of_markets_are_told_in_order_and_also_where_the_message_was_lost(
    bench: Bench, market: int, feed: Any, publisher: Publisher
) -> None:
    from marketdata.feed.feed import Topic

    await feed.ensure_started()
    sink = Recorder()
    begin = feed.subscribe(Topic("markets", None, CODEC), sink)
    assert begin == [("market", "BTC/USD", "continuous", 0)]
    await in_thread(publisher.lose)

    async def phase(name: str) -> None:
        (reply,) = await _apply(bench, SetMarketPhase(market, name))
        assert reply.code == ""

    await phase("halted")
    await in_thread(publisher.publish)
    await until(lambda: len(sink.messages) == 1, what="the halt")
    await phase("post_only")
    await in_thread(publisher.lose)
    # The worker repeats its sequences each second.
    await in_thread(publisher.heartbeat, market)
    await until(lambda: len(sink.messages) == 2, what="the change whose message was lost")

    # Lost together with the connection, and found by the new one.
    publisher.redis.client_kill_filter(_type="pubsub")
    await until(lambda: not feed.is_live, what="the loss of the connection")
    await phase("continuous")
    await in_thread(publisher.lose)
    await until(lambda: len(sink.messages) == 3, what="the change found after a reconnect")
    assert [message[2] for message in sink.messages] == ["halted", "post_only", "continuous"]
    # What is repeated is no change.
    await in_thread(publisher.heartbeat, market)
    await _orders(bench, market, "0: buy 1 @ 20000")
    await in_thread(publisher.publish)
    await until(lambda: feed.market("BTC/USD").depth_sequence == 1, what="the next event")
    assert len(sink.messages) == 3
