"""Checkpoints: made beside a worker, begun from, passed by, and found out where they are wrong."""

import random
import threading
from collections.abc import Callable, Iterator
from functools import partial
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.models import Account
from matching.models import Checkpoint, CheckpointPart, Market, Order, PreventedMatch
from matching.rows.checkpoints import FORMAT
from matching.tasks import make_checkpoints
from matching.worker.checkpoints import (
    NoCheckpoint,
    Unsound,
    keep_checkpoints,
    make_checkpoint,
)
from tests.integration.matching.checkpoint_setup import (
    LATER_US,
    OPEN_ORDERS,
    change,
    settle_every_kind,
    verified,
)
from tests.integration.matching.conditions_setup import asking, buys, good_till, sells
from tests.integration.matching.worker_setup import (
    Clock,
    DrivenWorker,
    driven_worker,
    rebuilt_hash,
    until,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(market: Market, ann: Account, bob: Account, clock: Clock) -> Iterator[DrivenWorker]:
    with driven_worker(clock_us=clock) as owner:
        yield owner


@pytest.fixture
def of_every_kind(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account, clock: Clock
) -> Callable[[], None]:
    return partial(settle_every_kind, worker, market, ann, bob, clock.time_us + LATER_US)


# --- begun from, and passed -----------------------------------------------------------------------


def test_what_was_remembered_is_taken_up_and_goes_on_as_the_worker_did(
    worker: DrivenWorker,
    market: Market,
    ann: Account,
    bob: Account,
    clock: Clock,
    of_every_kind: Callable[[], None],
) -> None:
    of_every_kind()
    before = worker.memory.position.journal_sequence
    made = make_checkpoint(0)
    assert (made.journal_sequence, made.state_hash) == (before, worker.state_hash())
    assert made.open_orders == Order.objects.filter(status="new").count() == OPEN_ORDERS
    worker.leave()

    # Another worker: stops fire, a trail moves, slices and times run out, owners meet themselves.
    with driven_worker(clock_us=clock) as successor:
        successor.settle(buys(bob, market, "9.00", "0.3"), sells(bob, market, "9.00", "1.5"))
        successor.settle(asking(buys(bob, market, "12.00", "0.5"), self_trade="decrement"))
        successor.settle(sells(bob, market, "7.50", "0.3"), buys(bob, market, "9.50", "0.2"))
        clock.pass_ms(2 * LATER_US // 1_000)
        successor.fire_due()
        expected = successor.state_hash()
    assert PreventedMatch.objects.exists()
    assert Order.objects.filter(status="expired", reason="time_over").exists()

    found = verified()
    assert found.differences == []
    assert (found.checkpoint, found.passed) == (made.id, 0)
    assert found.state_hash == expected == rebuilt_hash()
    whole = verified(None)
    assert (whole.differences, whole.checkpoint, whole.passed) == ([], 0, 1)
    assert whole.commands == found.commands + before


def test_nothing_new_is_stored_where_nothing_happened(
    worker: DrivenWorker, of_every_kind: Callable[[], None]
) -> None:
    of_every_kind()
    assert make_checkpoint(0) == make_checkpoint(0)
    assert (Checkpoint.objects.count(), CheckpointPart.objects.count()) == (1, 2)
    assert verified().differences == []


def test_each_one_on_the_way_is_held_against_the_replay(
    worker: DrivenWorker, market: Market, bob: Account, of_every_kind: Callable[[], None]
) -> None:
    first = make_checkpoint(0)  # of a market without any order
    of_every_kind()
    second = make_checkpoint(0)
    worker.settle(buys(bob, market, "8.50"))
    make_checkpoint(0)

    assert verified(None).passed == 3
    assert [verified(row.id).passed for row in (first, second)] == [2, 1]
    assert verified().commands == 0


def test_a_checkpoint_is_made_while_a_batch_waits_to_be_committed(
    worker: DrivenWorker, market: Market, bob: Account, of_every_kind: Callable[[], None]
) -> None:
    """It waits for no lock of the worker's, and knows of nothing but commits."""
    of_every_kind()
    committed = worker.state_hash()
    made = []

    def make_one(commit: Callable[[], None], connection: Any) -> None:
        connection.execute("SELECT 1 FROM matching_shard, matching_market FOR UPDATE")
        made.append(make_checkpoint(0))
        commit()

    worker.settlement.around_commit = make_one
    worker.settle(buys(bob, market, "8.50"))
    worker.settlement.around_commit = None

    assert [row.state_hash for row in made] == [committed]
    found = verified()
    assert (found.differences, found.commands) == ([], 1)
    assert found.state_hash == worker.state_hash()


def test_checkpoints_are_made_while_the_worker_settles_without_a_pause(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    is_over, failures = threading.Event(), []

    def settle() -> None:
        draw = random.Random(1)
        try:
            while not is_over.is_set():
                price = f"{draw.randint(990, 1010) / 100:.2f}"
                worker.settle(
                    *(sells(ann, market, price, "0.003"), buys(bob, market, price, "0.002")),
                    good_till(buys(ann, market, price, "0.001"), worker.memory.clock_us() + 9_000),
                    asking(sells(bob, market, "9.90", "0.010"), display_quantity="0.002"),
                )
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=settle)
    thread.start()
    try:
        made = []
        for number in range(1, 9):
            until(
                lambda so_far=number * 40: worker.memory.position.journal_sequence > so_far,
                what="commands",
            )
            made.append(make_checkpoint(0))
    finally:
        is_over.set()
        thread.join()
    assert failures == []

    points = [row.journal_sequence for row in made]
    assert points == sorted(set(points))
    whole = verified(None)
    assert (whole.differences, whole.passed) == ([], len(made))
    for row in made:
        found = verified(row.id)
        assert found.differences == []
        assert found.commands + row.journal_sequence == whole.commands


# --- told -----------------------------------------------------------------------------------------


def test_why_there_is_none_to_begin_from(
    worker: DrivenWorker, of_every_kind: Callable[[], None]
) -> None:
    with pytest.raises(
        NoCheckpoint, match=r"shard 0 has no checkpoint; manage\.py make_checkpoint"
    ):
        verified()
    with pytest.raises(NoCheckpoint, match="shard 0 has no checkpoint 77"):
        verified(77)
    made = make_checkpoint(0)
    Checkpoint.objects.update(format="zavora checkpoint 0")
    with pytest.raises(NoCheckpoint, match=r"all 1 checkpoints of shard 0 .* another version"):
        verified()
    with pytest.raises(Unsound, match=r"another version \(zavora checkpoint 0\)"):
        verified(made.id)

    whole = verified(None)
    assert (whole.differences, whole.passed, whole.unread) == ([], 0, 1)
    # A new one of the same point is made, in today's words.
    assert make_checkpoint(0).format == FORMAT


def test_commands_make_one_and_begin_from_it(
    worker: DrivenWorker, of_every_kind: Callable[[], None]
) -> None:
    of_every_kind()
    made, told = StringIO(), StringIO()
    call_command("make_checkpoint", stdout=made)
    row = Checkpoint.objects.get()
    assert (
        f"shard 0: checkpoint {row.pk} after command {row.journal_sequence}: {OPEN_ORDERS} open"
        in (made.getvalue())
    )

    call_command("verify_journal", "--from-checkpoint", stdout=told)
    call_command("verify_journal", "--from-checkpoint", str(row.pk), stdout=told)
    call_command("verify_journal", stdout=told)
    lines = told.getvalue().splitlines()
    assert [f"0 commands from checkpoint {row.pk}, " in line for line in lines] == [1, 1, 0]
    assert "1 checkpoints passed, engine" in lines[2]

    CheckpointPart.objects.filter(number=1).update(body=b"?")
    with pytest.raises(CommandError, match="differ"):
        call_command("verify_journal", "--from-checkpoint", stdout=told)
    assert f"cannot be replayed: checkpoint {row.pk} is damaged: part 1" in told.getvalue()


# --- kept -----------------------------------------------------------------------------------------


def test_celery_makes_one_a_day_and_lets_the_oldest_go(
    worker: DrivenWorker, market: Market, bob: Account, settings: Any
) -> None:
    settings.ZAVORA_CHECKPOINTS_KEPT = 3
    made = []
    for day in range(5):
        worker.settle(buys(bob, market, "8.00", "0.1"))
        make_checkpoints()
        make_checkpoints()  # the day's is made
        made.append(Checkpoint.objects.latest("pk").pk)
        assert Checkpoint.objects.count() == min(day + 1, 3)
        change("UPDATE matching_checkpoint SET created_at = created_at - interval '1 day'")

    assert list(Checkpoint.objects.order_by("pk").values_list("pk", flat=True)) == made[2:]
    assert set(CheckpointPart.objects.values_list("checkpoint_id", flat=True)) == set(made[2:])
    assert verified(made[2]).passed == 2

    settings.ZAVORA_CHECKPOINTS_KEPT = 0
    make_checkpoints()
    assert Checkpoint.objects.count() == 3


def test_the_newest_two_stay_whatever_is_asked(
    worker: DrivenWorker, market: Market, bob: Account
) -> None:
    for _ in range(3):
        worker.settle(buys(bob, market, "8.00", "0.1"))
        make_checkpoint(0)
    assert keep_checkpoints(0, keep=-5) == 1
    assert Checkpoint.objects.count() == 2


def test_a_shard_that_cannot_be_loaded_has_none_and_stops_no_other(
    worker: DrivenWorker, market: Market, of_every_kind: Callable[[], None]
) -> None:
    of_every_kind()
    change("UPDATE matching_order SET hold = hold + 1 WHERE status = 'new'")
    with pytest.raises(RuntimeError, match=r"no checkpoint of shards \[0\]"):
        make_checkpoints()
    told = StringIO()
    with pytest.raises(CommandError):
        call_command("make_checkpoint", stdout=told)
    assert "shard 0: no checkpoint: cannot be loaded: BTC/USD" in told.getvalue()
    assert not Checkpoint.objects.exists()
