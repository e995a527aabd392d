"""What is due by the clock is a journaled command: on time, once, whatever dies in between."""

from collections.abc import Iterator

import msgspec
import pytest

from accounts.models import Account
from matching import wire
from matching.commands import encode
from matching.commands.due import FireTimer
from matching.commands.switch import TIMEOUT_MAX_MS, SetTimer
from matching.models import Command, Market, Order, Switch
from matching.worker.connection import connect
from matching.worker.due import RETRY_US
from matching.worker.replay import verify_shard
from matching.worker.stream import CommandStream
from tests.integration.matching.worker_setup import (
    Clock,
    DrivenWorker,
    assert_sound,
    driven_worker,
    expire_lease,
    failing_switches,
    journal,
    make_account,
    now_us,
    place,
    queue_client,
    rebuilt_hash,
    running_worker,
    until,
)

pytestmark = pytest.mark.django_db(transaction=True)

KEY, OTHER = 7, 8
FIRED = ("due", "applied", "")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(market: Market, ann: Account, clock: Clock) -> Iterator[DrivenWorker]:
    with driven_worker(clock_us=clock) as owner:
        yield owner


def _buy(account: Account, market: Market) -> object:
    return place(account, market, "buy", "10.00", "1", deadline_ms=2**50)


def _open() -> int:
    return Order.objects.filter(status="new").count()


def _assert_replays(worker: DrivenWorker) -> None:
    assert_sound()
    with connect(shard_id=0, owner="verify") as session:
        found = verify_shard(session, 0)
    assert found.differences == []
    assert found.state_hash == worker.state_hash() == rebuilt_hash()


def test_a_switch_fires_on_time_and_once(
    worker: DrivenWorker, market: Market, ann: Account, clock: Clock
) -> None:
    _, _, reply = worker.settle(_buy(ann, market), _buy(ann, market), SetTimer(ann.pk, KEY, 5_000))
    assert (reply.code, reply.due_us) == ("", clock.time_us + 5_000_000)
    _assert_replays(worker)

    clock.pass_ms(4_999)
    worker.fire_due()
    assert _open() == 2
    clock.pass_ms(1)
    worker.fire_due()
    assert _open() == 0
    worker.fire_due()

    assert journal()[2:] == [("switch", "applied", ""), FIRED]
    assert set(Order.objects.values_list("status", "reason")) == {("cancelled", "requested")}
    assert Command.objects.get(kind="due").account_id == ann.pk
    assert not Switch.objects.exists()
    assert {market_id for market_id, _ in worker.events} == {market.pk}
    _assert_replays(worker)


def test_a_switch_set_anew_is_due_then(
    worker: DrivenWorker, market: Market, ann: Account, clock: Clock
) -> None:
    worker.settle(_buy(ann, market), SetTimer(ann.pk, KEY, 5_000))
    clock.pass_ms(4_000)
    worker.settle(SetTimer(ann.pk, KEY, 5_000))
    clock.pass_ms(4_999)
    worker.fire_due()
    assert (_open(), Switch.objects.count()) == (1, 1)
    _assert_replays(worker)
    clock.pass_ms(1)
    worker.fire_due()
    assert (_open(), Switch.objects.count()) == (0, 0)
    _assert_replays(worker)


def test_a_switch_that_was_cleared_does_not_fire_and_others_do(
    worker: DrivenWorker, market: Market, ann: Account, clock: Clock
) -> None:
    """One credential does not disarm another, nor one account another's."""
    bob = make_account("bob", USD="1000")
    worker.settle(_buy(ann, market), _buy(bob, market), SetTimer(bob.pk, 0, 2_000))
    worker.settle(SetTimer(ann.pk, KEY, 1_000), SetTimer(ann.pk, OTHER, 2_000))
    worker.settle(SetTimer(ann.pk, KEY, 0), SetTimer(bob.pk, KEY, 1_000), SetTimer(bob.pk, KEY, 0))
    assert set(Switch.objects.values_list("account_id", "key_id")) == {(ann.pk, OTHER), (bob.pk, 0)}
    clock.pass_ms(1_999)
    worker.fire_due()
    assert _open() == 2
    clock.pass_ms(1)
    worker.fire_due()
    assert _open() == 0
    assert [row for row in journal() if row[0] == "due"] == [FIRED, FIRED]
    _assert_replays(worker)


def test_an_account_that_may_not_trade_may_set_one(
    worker: DrivenWorker, market: Market, ann: Account, clock: Clock
) -> None:
    worker.settle(_buy(ann, market))
    Account.objects.update(status="frozen")
    (reply,) = worker.settle(SetTimer(ann.pk, KEY, 1_000))
    assert reply.code == ""
    clock.pass_ms(1_000)
    worker.fire_due()
    assert _open() == 0


def test_a_successor_fires_what_was_set_before_it(
    market: Market, ann: Account, clock: Clock
) -> None:
    former = DrivenWorker(clock_us=clock)
    assert former.take_over()
    former.settle(_buy(ann, market), SetTimer(ann.pk, KEY, 5_000))
    former.close()  # as if killed
    expire_lease()
    clock.pass_ms(60_000)
    with driven_worker(clock_us=clock) as successor:
        assert _open() == 1
        successor.fire_due()
        successor.fire_due()
        assert _open() == 0
        assert [row for row in journal() if row[0] == "due"] == [FIRED]
        _assert_replays(successor)


def test_two_owners_fire_it_once(market: Market, ann: Account, clock: Clock) -> None:
    """The former one thinks that it still owns the shard; its commit is fenced off."""
    former = DrivenWorker(clock_us=clock)
    assert former.take_over()
    former.settle(_buy(ann, market), SetTimer(ann.pk, KEY, 5_000))
    expire_lease()
    clock.pass_ms(5_000)
    with driven_worker(clock_us=clock) as successor:
        successor.fire_due()
        with pytest.raises(Exception, match=r"shard 0|another"):
            former.fire_due()
        former.close()
        assert [row for row in journal() if row[0] == "due"] == [FIRED]
        _assert_replays(successor)


def test_a_batch_that_could_not_be_written_is_taken_back_and_fires_once(
    worker: DrivenWorker, market: Market, ann: Account, clock: Clock
) -> None:
    worker.settle(_buy(ann, market), SetTimer(ann.pk, KEY, 1_000))
    clock.pass_ms(1_000)
    with failing_switches("DELETE", 2, "40001"):
        worker.fire_due()
    assert journal()[2:] == [FIRED]
    assert _open() == 0
    _assert_replays(worker)


def test_one_that_cannot_be_stored_is_void_and_tried_again_later(
    worker: DrivenWorker, market: Market, ann: Account, clock: Clock
) -> None:
    """The others that are due with it do not wait, and the journal is not flooded."""
    bob = make_account("bob", USD="1000")
    worker.settle(_buy(ann, market), SetTimer(ann.pk, KEY, 1_000))
    worker.settle(_buy(bob, market), SetTimer(bob.pk, KEY, 1_001))
    clock.pass_ms(2_000)
    with failing_switches("DELETE", 2, "23514"):  # with bob's, then alone
        worker.fire_due()
        worker.fire_due()
    assert journal()[4:] == [("due", "void", "CheckViolation"), FIRED]
    assert list(Order.objects.filter(status="new").values_list("account_id", flat=True)) == [ann.pk]
    _assert_replays(worker)

    clock.pass_ms(RETRY_US // 1_000)
    worker.fire_due()
    assert journal()[6:] == [FIRED]
    assert _open() == 0
    _assert_replays(worker)


def test_one_that_was_put_off_meanwhile_changes_nothing(
    worker: DrivenWorker, market: Market, ann: Account, clock: Clock
) -> None:
    worker.settle(_buy(ann, market), SetTimer(ann.pk, KEY, 1_000))
    (due,) = Switch.objects.all()
    due_us = round(due.due_at.timestamp() * 1_000_000)
    worker.settle(SetTimer(ann.pk, KEY, 9_000))
    (reply,) = worker.settle(FireTimer(ann.pk, KEY, due_us))
    assert (reply.code, _open(), Switch.objects.count()) == ("", 1, 1)
    _assert_replays(worker)


def test_nobody_else_says_what_is_due(market: Market, ann: Account) -> None:
    """Whoever can write to the stream cannot: what comes by it as such is no command."""
    queue = queue_client()
    stream = CommandStream(0)
    body = encode(FireTimer(ann.pk, KEY, 1))
    try:
        queue.xadd(wire.stream_name(0), {wire.FIELD_BODY: body})
        (found,) = stream.read("0-0", count_max=10)
        assert (found.command, found.body) == (None, body)
        with driven_worker() as worker:
            worker.shard.batches.settle([found])
            assert journal() == [("unreadable", "rejected", "bad_command")]
            _assert_replays(worker)
    finally:
        queue.delete(wire.stream_name(0))
        stream.close()
        queue.close()


@pytest.mark.parametrize("timeout_ms", [-1, TIMEOUT_MAX_MS + 1])
def test_a_timeout_that_nobody_may_ask_for_is_no_command(timeout_ms: int) -> None:
    from matching.commands import decode_command

    with pytest.raises(msgspec.ValidationError):
        decode_command(encode(SetTimer(1, 0, timeout_ms)))


def test_a_journal_without_switches_is_what_it_was(worker: DrivenWorker, market: Market) -> None:
    ann = Account.objects.get(owner__email="ann@example.com")
    worker.settle(_buy(ann, market))
    _assert_replays(worker)


def test_a_switch_that_the_tables_lost_is_noticed(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    """The control of all that is called sound here."""
    worker.settle(SetTimer(ann.pk, KEY, 5_000))
    Switch.objects.all().delete()
    with connect(shard_id=0, owner="verify") as session:
        (difference,) = verify_shard(session, 0).differences
    assert difference.startswith("engine: replayed")


def test_a_worker_by_itself_fires_between_commands(market: Market, ann: Account) -> None:
    """Nobody sends anything: the wait for commands ends when the switch is due."""
    with driven_worker() as first:
        first.settle(_buy(ann, market), SetTimer(ann.pk, KEY, 1_500))
    with running_worker():
        until(lambda: _open() == 0, what="the cancellation")
    due = Command.objects.get(kind="due")
    late_us = round(due.batch_at.timestamp() * 1e6) - msgspec.msgpack.decode(bytes(due.body))[3]
    assert 0 <= late_us < 1_000_000
    assert not Switch.objects.exists()


def test_without_a_switch_orders_stay(market: Market, ann: Account) -> None:
    """The control: it is not the worker's start that cancels."""
    with driven_worker() as first:
        first.settle(_buy(ann, market), SetTimer(ann.pk, KEY, 1_500), SetTimer(ann.pk, KEY, 0))
    with running_worker():
        end = now_us() + 2_000_000
        until(lambda: now_us() > end, what="two seconds")
    assert _open() == 1
