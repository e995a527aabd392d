"""Orders by one message: decided, journaled and keyed one by one, committed as one."""

import asyncio
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from accounts.models import Account
from matching import wire
from matching.commands.place import PlaceOrder
from matching.commands.place_batch import BATCH_MAX, PlaceOrders
from matching.gateway import client as gateway
from matching.gateway.together import Placed, submit_together
from matching.models import Command, Market, Order
from matching.worker.entries import in_portions
from tests.integration.matching.conditions_setup import assert_replays
from tests.integration.matching.worker_setup import (
    DrivenWorker,
    assert_sound,
    driven_worker,
    entries_of,
    journal,
    make_account,
    make_market,
    place,
    queue_client,
    running_worker,
)
from zavora.foundation.errors import (
    Conflict,
    InsufficientBalance,
    OutcomeUnknown,
    Overloaded,
    ZavoraError,
)

pytestmark = pytest.mark.django_db(transaction=True)
STREAM = wire.stream_name(0)


@pytest.fixture
def queue(settings: Any) -> Iterator[Any]:
    settings.ZAVORA_EDGE_WAIT_MS = 3_000
    client = queue_client()
    client.flushall()
    yield client
    client.flushall()
    client.close()


@pytest.fixture
def market(queue: Any, transactional_db: None) -> Market:
    return make_market("BTC", "USD")


@pytest.fixture
def ann(market: Market) -> Account:
    return make_account("ann", USD="100000", BTC="10")


@pytest.fixture
def bob(market: Market) -> Account:
    return make_account("bob", USD="1000", BTC="10")


@pytest.fixture
def worker(market: Market) -> Iterator[DrivenWorker]:
    with driven_worker() as owner:
        yield owner


def parts_of(reply: wire.Reply) -> list[wire.Reply]:
    assert reply.code == "", reply.message
    return [wire.decode_reply(part) for part in reply.parts]


# --- the worker -----------------------------------------------------------------------------------


def test_each_is_decided_as_if_it_came_alone_and_one_refusal_stops_no_other(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    batch = PlaceOrders(
        [
            place(ann, market, "buy", "10.00", "1", key="a"),
            place(bob, market, "buy", "10.00", "900"),
            place(bob, market, "sell", "10.00", "0.4"),
            place(ann, market, "buy", "10.00", "1", key="a"),
            place(ann, market, "buy", "10.01", "1", key="a"),
        ]
    )

    (reply,) = worker.settle(batch)

    first, dear, taker, again, other = parts_of(reply)
    assert first.orders[0].client_order_id == "a"
    assert (dear.code, other.code) == ("insufficient_balance", "conflict")
    assert [trade.maker_order_id for trade in taker.trades] == [first.orders[0].id]
    assert again == first
    rows = Command.objects.order_by("sequence").exclude(kind="configure")
    assert [(row.kind, row.outcome, row.account_id) for row in rows] == [
        ("place", "applied", ann.pk),
        ("place", "rejected", bob.pk),
        ("place", "applied", bob.pk),
        ("place", "duplicate", ann.pk),
        ("place", "rejected", ann.pk),
    ]
    assert {(row.stream_id, row.request_id) for row in rows} == {
        (worker.memory.position.last_stream_id, rows[0].request_id)
    }
    assert wire.encode(batch.orders[2]) == bytes(rows[2].body)
    assert_replays(worker)


def test_told_again_orders_with_keys_are_placed_once(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    batch = PlaceOrders(
        [place(ann, market, "buy", f"{n}.00", "1", key=str(n)) for n in range(1, 9)]
    )

    (first,) = worker.settle(batch)
    (again,) = worker.settle(batch)

    assert first == again
    assert Order.objects.count() == 8
    assert_replays(worker)


def test_what_fails_inside_voids_its_message_and_no_other(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    orders = [place(ann, market, "buy", price, "1") for price in ("11.00", "13.00", "12.00")]
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE matching_order ADD CONSTRAINT no_13 CHECK (price <> 13)")
    try:
        before, void, after = worker.settle(
            place(ann, market, "buy", "10.00", "1"),
            PlaceOrders(orders),
            place(ann, market, "buy", "14.00", "1"),
        )
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE matching_order DROP CONSTRAINT no_13")

    assert (before.code, void.code, after.code) == ("", "internal_error", "")
    assert [kind for kind, *_ in journal()] == ["place", "batch", "place"]
    assert {f"{row.price:.2f}" for row in Order.objects.all()} == {"10.00", "14.00"}
    assert_replays(worker)


def test_a_message_counts_as_what_it_holds(worker: DrivenWorker, market: Market) -> None:
    one = place(1, market, "buy", "10.00", "1")
    entries = entries_of(worker, [one, PlaceOrders([one] * 5), one, one, b"?", PlaceOrders([one])])

    portions = [[entry.correlation for entry in part] for part in in_portions(entries, 3)]

    assert portions == [[1], [2], [3, 4, 5], [6]]
    flown = PlaceOrders([one] * 64)
    assert worker.shard.pipeline.can_fly(entries_of(worker, [flown]))
    assert not worker.shard.pipeline.can_fly(entries_of(worker, [PlaceOrders([one] * 63)]))


# --- the gateway ----------------------------------------------------------------------------------


def together(orders: list[PlaceOrder], *, hears: bool = True) -> list[Placed]:
    """Place orders by a gateway of their own; ``hears``: whether the answers reach it."""

    async def once() -> list[Placed]:
        async with gateway.open_gateway() as own:
            if not hears:
                own.process = "elsewhere"
            return await submit_together(own, orders, str(uuid.uuid4()))

    return asyncio.run(once())


def kinds_of(results: list[Placed]) -> list[Any]:
    return [type(one) if isinstance(one, ZavoraError) else one.orders[0].price for one in results]


def test_a_hundred_go_by_one_message_and_are_answered_in_their_order(
    queue: Any, market: Market, ann: Account, bob: Account
) -> None:
    orders = [place(ann, market, "buy", f"{n}.00", "0.1") for n in range(1, BATCH_MAX + 1)]
    orders[40] = place(bob, market, "buy", "10.00", "900")
    orders[60] = place(ann, market, "buy", "7.00", "0.1", key="k")
    orders[70] = place(ann, market, "buy", "8.00", "0.1", key="k")

    with running_worker():
        results = together(orders)

    expected: list[Any] = [order.price for order in orders]
    expected[40], expected[70] = InsufficientBalance, Conflict
    assert kinds_of(results) == expected
    rows = Command.objects.filter(kind="place").order_by("sequence")
    assert len({row.stream_id for row in rows}) == 1
    assert [bytes(row.body) for row in rows] == [wire.encode(order) for order in orders]
    assert_sound()


def test_each_shard_gets_its_own_and_a_long_message_is_more_than_one(
    queue: Any, market: Market, ann: Account
) -> None:
    other = make_market("ETH", "EUR", shard_id=1)
    make_account("ann", EUR="100000")
    names = ["n" * 60 + f"{n:04}" for n in range(BATCH_MAX)]
    orders = [
        place(ann, (market, other)[n % 7 == 0], "buy", "1.00", "0.1", key=name)
        for n, name in enumerate(names)
    ]
    wide = [order for order in orders for _ in range(2)]

    with running_worker(0), running_worker(1):
        results = together(wide)

    assert [one.orders[0].client_order_id for one in results if isinstance(one, wire.Reply)] == [
        name for name in names for _ in range(2)
    ]
    for shard_id, least in ((0, 2), (1, 1)):
        rows = Command.objects.filter(shard_id=shard_id, kind="place")
        sizes = [rows.filter(stream_id=stream_id) for stream_id in set(_streams(rows))]
        assert len(sizes) >= least
        for size in sizes:
            assert sum(len(bytes(row.body)) for row in size) < wire.BATCH_BYTES_MAX
    assert_sound()
    assert_sound(1)


def _streams(rows: Any) -> list[str]:
    return list(rows.values_list("stream_id", flat=True))


def test_where_no_answer_comes_those_with_a_key_are_looked_up(
    queue: Any, market: Market, ann: Account, settings: Any
) -> None:
    settings.ZAVORA_EDGE_WAIT_MS = 700
    orders = [
        place(ann, market, "buy", "10.00", "1", key="a"),
        place(ann, market, "buy", "11.00", "1"),
        place(ann, market, "buy", "12.00", "1", key="b"),
    ]

    with running_worker():
        results = together(orders, hears=False)

    assert kinds_of(results) == ["10.00", OutcomeUnknown, "12.00"]
    assert Order.objects.count() == 3


def test_a_message_weighs_in_the_backlog_as_much_as_it_holds(
    queue: Any, market: Market, ann: Account, settings: Any
) -> None:
    settings.ZAVORA_BACKLOG_MAX = 100
    settings.ZAVORA_EDGE_WAIT_MS = 300
    queue.set(wire.heartbeat_name(0), "stopped", px=60_000)
    for _ in range(10):
        queue.xadd(STREAM, {"fence": "1"})
    order = place(ann, market, "buy", "10.00", "1")

    assert kinds_of(together([order] * 10)) == [Overloaded] * 10
    assert queue.xlen(STREAM) == 10
    assert kinds_of(together([order] * 9)) == [OutcomeUnknown] * 9
    assert queue.xlen(STREAM) == 11
