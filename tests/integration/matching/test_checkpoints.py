"""Checkpoints: made beside a worker, begun from, passed by, and found out where they are wrong."""

import random
import threading
import zlib
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import msgspec
import pytest
from django.core.management import CommandError, call_command
from django.db import connection as django_connection

from accounts.models import Account
from matching.models import Checkpoint, CheckpointPart, Market, Order, PreventedMatch
from matching.rows.checkpoints import FORMAT
from matching.tasks import make_checkpoints
from matching.worker.checkpoints import (
    LATEST,
    NoCheckpoint,
    Unsound,
    keep_checkpoints,
    make_checkpoint,
)
from matching.worker.connection import connect
from matching.worker.replay import Verified, verify_shard
from tests.integration.matching.conditions_setup import asking, buys, good_till, sells
from tests.integration.matching.worker_setup import (
    Clock,
    DrivenWorker,
    driven_worker,
    rebuilt_hash,
    until,
)

pytestmark = pytest.mark.django_db(transaction=True)

LATER_US = 60_000_000


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
    """Settle orders that rest, wait, trail, hide and end by the clock, and a switch."""

    def settle() -> None:
        worker.settle(sells(ann, market, "10.00", "0.1"), buys(bob, market, "10.00", "0.1"))
        replies = worker.settle(
            good_till(buys(ann, market, "9.00"), clock.time_us + LATER_US),
            asking(buys(ann, market, "9.00"), display_quantity="0.100", self_trade="both"),
            asking(sells(ann, market, None), trigger="stop", trigger_price="8.00"),
            asking(buys(ann, market, None), trigger="stop", trail_bps=90, activation_price="9.50"),
            asking(
                buys(ann, market, None),
                own={"quantity": None, "quote_quantity": "5"},
                trigger="take_profit",
                trigger_price="8.00",
                protection_price="8.10",
            ),
            asking(sells(ann, market, "7.00"), trigger="stop", trail_price="0.50"),
            asking(
                sells(ann, market, "9.00"),
                own={"post_only": True, "time_in_force": "day"},
                slides=True,
            ),
            sells(bob, market, "11.00"),
            good_till(buys(ann, market, "5.00"), clock.time_us + LATER_US),
        )
        assert [reply.code for reply in replies] == [""] * len(replies)

    return settle


def verified(start: int | str | None = LATEST) -> Verified:
    with connect(shard_id=0, owner="verify") as session:
        return verify_shard(session, 0, start=start)


def change(statement: str, *values: Any) -> None:
    with django_connection.cursor() as cursor:
        cursor.execute(statement, values)


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
    assert made.open_orders == Order.objects.filter(status="new").count() == 9
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


# --- found out ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE matching_checkpoint SET state_hash = repeat('0', 64)", "another checkpoint"),
        ("UPDATE matching_checkpoint SET journal_sequence = 3", "another checkpoint"),
        ("UPDATE matching_checkpoint SET digest = repeat('0', 64)", "another one than was stored"),
        ("DELETE FROM matching_checkpointpart WHERE number = 1", "part 1 of 2 is missing"),
        (
            "UPDATE matching_checkpointpart SET body = substring(body FOR 100) WHERE number = 1",
            "part 1 is cut off",
        ),
        (
            "UPDATE matching_checkpointpart SET body = overlay(body PLACING '\\xff' FROM 40)",
            "damaged",
        ),
    ],
)
def test_a_damaged_one_is_told_and_never_begun_from(
    worker: DrivenWorker, of_every_kind: Callable[[], None], statement: str, told: str
) -> None:
    of_every_kind()
    make_checkpoint(0)
    change(statement)

    with pytest.raises(Unsound, match=told):
        verified()
    differences = verified(None).differences
    assert any(told in difference for difference in differences), differences


def forge(edit: Callable[[list[dict[str, Any]]], None], *, part: int = 1) -> None:
    """Change a body as somebody would who knows how it is written, its digest with it."""
    import hashlib

    row = Checkpoint.objects.get()
    bodies = [
        bytes(stored.body)
        for stored in CheckpointPart.objects.filter(checkpoint=row).order_by("number")
    ]
    values = msgspec.json.decode(zlib.decompress(bodies[part]))
    edit(values)
    bodies[part] = zlib.compress(msgspec.json.encode(values))
    CheckpointPart.objects.filter(checkpoint=row, number=part).update(body=bodies[part])
    Checkpoint.objects.update(digest=hashlib.sha256(b"".join(bodies)).hexdigest())


def set_first_rate(orders: list[dict[str, Any]]) -> None:
    orders[0]["maker_ppm"] += 1


def set_rules(head: Any) -> None:
    head["terms"][0]["rules"]["taker_fee_ppm"] += 1


def test_a_forged_order_has_another_hash(
    worker: DrivenWorker, of_every_kind: Callable[[], None]
) -> None:
    of_every_kind()
    make_checkpoint(0)
    forge(set_first_rate)

    with pytest.raises(Unsound, match="is not what it says"):
        verified()
    (difference,) = verified(None).differences
    assert "is not what it says" in difference


def test_forged_rules_are_found_by_a_replay_from_the_beginning(
    worker: DrivenWorker, of_every_kind: Callable[[], None]
) -> None:
    of_every_kind()
    make_checkpoint(0)
    forge(set_rules, part=0)

    (difference,) = verified(None).differences
    assert difference.endswith("its markets have other rules than the journal says")


def test_a_forged_one_whose_hashes_fit_is_found_by_both_replays(
    worker: DrivenWorker, market: Market, bob: Account, of_every_kind: Callable[[], None]
) -> None:
    """Whoever forges the order, the hash and the digest still has the journal against them."""
    of_every_kind()
    make_checkpoint(0)
    forge(set_first_rate)
    with pytest.raises(Unsound) as unsound:
        verified()
    forged_hash = str(unsound.value).split("has the hash ")[1].split(",")[0]
    forge(lambda head: head.update(state_hash=forged_hash), part=0)  # type: ignore[attr-defined]
    Checkpoint.objects.update(state_hash=forged_hash)

    begun = verified().differences
    assert len(begun) == 1
    assert begun[0].startswith("engine: ")
    assert any(d.startswith("checkpoint ") for d in verified(None).differences)


def test_one_of_a_point_that_the_journal_lacks_is_told(
    worker: DrivenWorker, of_every_kind: Callable[[], None]
) -> None:
    of_every_kind()
    make_checkpoint(0)
    Checkpoint.objects.update(journal_sequence=1_000)
    (difference,) = verified(None).differences
    assert difference.endswith("of command 1000, which the journal lacks")


def test_tables_that_were_changed_are_found_from_a_checkpoint_as_well(
    worker: DrivenWorker, market: Market, bob: Account, of_every_kind: Callable[[], None]
) -> None:
    make_checkpoint(0)
    of_every_kind()
    change("UPDATE matching_trade SET maker_fee = maker_fee + 1")
    change("UPDATE matching_order SET filled_quote = filled_quote + 1 WHERE status = 'filled'")
    assert [text.split()[0] for text in verified().differences] == ["order", "order", "trade"]


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
    assert f"shard 0: checkpoint {row.pk} after command {row.journal_sequence}: 9 open" in (
        made.getvalue()
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
