"""What the worker takes for due, in which order, how much at once, and how long it waits for it."""

from matching.commands import decode_command, kind_of
from matching.commands.due import FireTimer
from matching.commands.switch import SetTimer
from matching.engine import Engine
from matching.engine.commands import SetSwitch
from matching.worker.due import DUE_IN_BATCH_MAX, RETRY_US, Due

NOW_US = 1_000_000


def _engine(*due_us: int) -> Engine:
    """Return an engine with a switch of an account each, 1 and up."""
    engine = Engine()
    for account_id, moment in enumerate(due_us, start=1):
        engine.apply(SetSwitch(account_id, 0, moment, 0))
    return engine


def _accounts(due: Due, engine: Engine, now_us: int) -> list[int]:
    return [entry.command.account_id for entry in due.take(engine, now_us, "5-1")]


def test_what_is_due_becomes_an_entry_at_the_streams_position():
    (entry,) = Due().take(_engine(NOW_US), NOW_US, "5-1")

    assert entry.command == decode_command(entry.body) == FireTimer(1, 0, NOW_US)
    assert (entry.stream_id, entry.reply_to, entry.blame, entry.is_fence) == ("5-1", "", "", False)


def test_the_earliest_comes_first_and_what_is_not_due_not_at_all():
    due, engine = Due(), _engine(NOW_US, NOW_US - 2, NOW_US + 1)

    assert due.are_due(engine, NOW_US)
    assert not due.are_due(engine, NOW_US - 3)
    assert _accounts(due, engine, NOW_US) == [2, 1]


def test_what_is_still_due_is_tried_again_later_and_holds_nothing_up():
    due, engine = Due(), _engine(NOW_US, NOW_US + 1)
    assert _accounts(due, engine, NOW_US) == [1]

    assert not due.are_due(engine, NOW_US)
    assert _accounts(due, engine, NOW_US + 1) == [2]
    assert not due.are_due(engine, NOW_US + RETRY_US - 1)
    assert _accounts(due, engine, NOW_US + RETRY_US) == [1]


def test_a_batch_has_a_bound_and_the_rest_follows():
    due, engine = Due(), _engine(*[NOW_US] * (DUE_IN_BATCH_MAX + 3))

    assert len(due.take(engine, NOW_US, "0-0")) == DUE_IN_BATCH_MAX
    assert _accounts(due, engine, NOW_US) == [DUE_IN_BATCH_MAX + number for number in (1, 2, 3)]
    assert due.take(engine, NOW_US, "0-0") == []


def test_the_wait_for_commands_ends_when_the_next_one_is_due():
    due = Due()

    assert due.wait_ms(_engine(), NOW_US, 250) == 250
    assert due.wait_ms(_engine(NOW_US + 300_000), NOW_US, 250) == 250
    assert due.wait_ms(_engine(NOW_US + 100_001), NOW_US, 250) == 101
    assert due.wait_ms(_engine(NOW_US + 1), NOW_US, 250) == 1
    # One that failed and is still due makes nobody hurry.
    assert due.wait_ms(_engine(NOW_US - 1, NOW_US + 9_000), NOW_US, 250) == 9
    assert due.wait_ms(_engine(NOW_US), NOW_US, 250) == 250


def test_a_switch_passes_a_full_backlog_as_cancels_do():
    assert kind_of(SetTimer(1, 0, 0)).is_cancel
    assert not kind_of(FireTimer(1, 0, 1)).is_cancel
