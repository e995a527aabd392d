"""Orders that end in time and chains of orders that enter go on by the worker itself."""

from collections.abc import Iterator

import msgspec
import pytest
from django.core.management import call_command
from django.db import connection

from accounts.models import Account
from matching.commands.place import PlaceOrder
from matching.engine.engine import EXPIRIES_MAX
from matching.engine.firing import CHAIN_MAX
from matching.models import (
    Command,
    Market,
    Order,
    OrderConditions,
    Trade,
)
from matching.orders.selectors import get_order
from matching.worker.due import GO_ON_MAX, RETRY_US
from tests.integration.matching.conditions_setup import (
    asking,
    assert_replays,
    buys,
    good_till,
    sells,
    the_order,
)
from tests.integration.matching.worker_setup import (
    Clock,
    DrivenWorker,
    assert_sound,
    driven_worker,
    expire_lease,
    journal,
    make_account,
    make_market,
    running_worker,
    until,
)

pytestmark = pytest.mark.django_db(transaction=True)

DUE = ("due", "applied", "")
FORMER_CONFIGURE_FIELDS = 23  # the tag, and up to the promotion's end


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(market: Market, ann: Account, bob: Account, clock: Clock) -> Iterator[DrivenWorker]:
    with driven_worker(clock_us=clock) as owner:
        yield owner


def test_orders_end_on_time_and_others_stay(
    worker: DrivenWorker, market: Market, ann: Account, clock: Clock
) -> None:
    soon, later = (
        the_order(reply)
        for reply in worker.settle(
            good_till(buys(ann, market, "9.00"), clock.time_us + 1_000_000),
            good_till(buys(ann, market, "9.00"), clock.time_us + 2_000_000),
        )
    )
    clock.pass_ms(999)
    worker.fire_due()
    assert Order.objects.filter(status="new").count() == 2
    clock.pass_ms(1)
    worker.fire_due()
    worker.fire_due()

    row = get_order(soon.id, account_ids=[ann.pk])
    assert (row.status, row.reason, row.hold) == ("expired", "time_over", 0)
    assert get_order(later.id, account_ids=[ann.pk]).status == "new"
    assert [row for row in journal() if row[0] == "due"] == [DUE]
    entry = Command.objects.get(kind="due")
    assert (entry.account_id, entry.market_id) == (None, market.pk)
    assert_replays(worker)


def test_a_worker_by_itself_ends_orders_and_lets_a_chain_go_on(
    market: Market, ann: Account, bob: Account
) -> None:
    """No command comes to wake it."""
    with driven_worker() as worker:
        now_us = worker.memory.clock_us()
        worker.settle(good_till(buys(ann, market, "1.00"), now_us + 1_500_000))
        worker.settle(buys(bob, market, "10.00", "0.1"), buys(bob, market, "9.00", "5"))
        worker.settle(*_stops(ann, market, CHAIN_MAX + 3))
        worker.settle(sells(ann, market, "10.00", "0.1"))
        assert OrderConditions.objects.filter(trigger_state="queued").count() == 3
    with running_worker():
        until(lambda: not _waiting(), what="the end of the chain")
        until(lambda: Order.objects.filter(reason="time_over").exists(), what="the end of an order")
    assert_sound()


def test_a_chain_goes_on_after_a_kill_to_the_same_end(
    market: Market, ann: Account, bob: Account, clock: Clock
) -> None:
    former = DrivenWorker(clock_us=clock)
    assert former.take_over()
    former.settle(buys(bob, market, "10.00", "0.1"), buys(bob, market, "9.00", "50"))
    cid = make_account("cid", BTC="10")
    stops = [stop for who in (ann, cid) for stop in _stops(who, market, CHAIN_MAX + 5)]
    former.settle(*stops)
    former.settle(sells(ann, market, "10.00", "0.1"))
    former.close()  # as if killed
    expire_lease()
    with driven_worker(clock_us=clock) as successor:
        assert len(_waiting()) == CHAIN_MAX + 10 == 4 * GO_ON_MAX + 10
        assert successor.shard.pipeline.wait_ms(250) == 0
        for _ in range(4):
            successor.fire_due()
        assert len(_waiting()) == 10
        successor.fire_due()
        assert _waiting() == []
        assert successor.shard.pipeline.wait_ms(250) == 250
        assert [row for row in journal() if row[0] == "due"] == [DUE] * 5
        # Each by its age, though not all by one command.
        rows = Trade.objects.order_by("sequence").exclude(price=10)
        takers = list(rows.values_list("taker_order_id", flat=True))
        assert takers == sorted(takers)
        assert len(takers) == 2 * (CHAIN_MAX + 5)
        assert_replays(successor)


def test_many_that_end_at_once_end_in_parts_and_no_market_waits_for_another(
    market: Market, ann: Account, clock: Clock
) -> None:
    other = make_market("ETH", "EUR")
    cid = make_account("cid", EUR="10")
    with driven_worker(clock_us=clock) as worker:
        at_us = clock.time_us + 1_000_000
        many = [good_till(buys(ann, market, "1.00", "0.001"), at_us)] * (EXPIRIES_MAX + 1)
        worker.settle(*many, good_till(buys(cid, other, "1.00"), at_us))
        clock.pass_ms(1_000)

        worker.fire_due()
        left = Order.objects.filter(status="new").values_list("market_id", flat=True)
        assert list(left) == [market.pk]
        assert worker.shard.pipeline.wait_ms(250) == 0
        worker.fire_due()
        assert not left.all().exists()
        assert [row for row in journal() if row[0] == "due"] == [DUE] * 3
        assert_replays(worker)


def test_an_end_that_cannot_be_stored_is_void_and_tried_again_later(
    worker: DrivenWorker, market: Market, ann: Account, clock: Clock
) -> None:
    worker.settle(good_till(buys(ann, market, "9.00"), clock.time_us + 1_000_000))
    clock.pass_ms(1_000)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE matching_order ADD CONSTRAINT no_end CHECK (reason = '')")
        try:
            worker.fire_due()
            worker.fire_due()
            assert journal()[1:] == [("due", "void", "CheckViolation")]
        finally:
            cursor.execute("ALTER TABLE matching_order DROP CONSTRAINT no_end")
    assert worker.shard.pipeline.wait_ms(250) == 250
    worker.fire_due()
    assert Order.objects.filter(status="new").count() == 1
    clock.pass_ms(RETRY_US // 1_000)
    worker.fire_due()
    assert Order.objects.get().reason == "time_over"
    assert_replays(worker)


# --- before ---------------------------------------------------------------------------------------


def test_orders_of_the_former_version_are_there_after_the_migration_and_trade(
    market: Market, ann: Account, bob: Account, clock: Clock
) -> None:
    """There and back: what the migration made goes, and the orders stay."""
    with driven_worker(clock_us=clock) as former:
        former.settle(sells(ann, market, "10.00"), buys(bob, market, "10.00", "0.4"))
        former.settle(buys(bob, market, "9.00"))
    figures = Order.objects.order_by("pk").values_list("pk", "remaining_quantity", "hold")
    before = list(figures)
    try:
        call_command("migrate", "matching", "0009", verbosity=0)
    finally:
        call_command("migrate", verbosity=0)  # with what stands on it elsewhere
    command = Command.objects.get(kind="configure")
    fields = msgspec.msgpack.decode(command.body)[:FORMER_CONFIGURE_FIELDS]
    Command.objects.filter(pk=command.pk).update(body=msgspec.msgpack.encode(fields))

    with driven_worker(clock_us=clock) as successor:
        rules = successor.memory.context.terms[market.pk].rules
        assert rules.self_trade_modes == "taker,maker,both,decrement"
        assert (rules.self_trade_mode, rules.max_trigger_orders) == ("taker", None)
        assert list(figures.all()) == before
        assert_replays(successor)
        (bought,) = map(the_order, successor.settle(buys(bob, market, "10.00", "0.6")))
        assert bought.status == "filled"
        assert_replays(successor)


def _stops(account: Account, market: Market, count: int) -> list[PlaceOrder]:
    stop = asking(sells(account, market, None, "0.01"), trigger="stop", trigger_price="10.00")
    return [stop] * count


def _waiting() -> list[int]:
    rows = OrderConditions.objects.exclude(trigger_state__in=("", "triggered"))
    return list(rows.order_by("pk").values_list("pk", flat=True))
