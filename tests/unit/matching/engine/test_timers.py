"""What is due by the clock: orders that end, and switches (kept, taken back and fingerprinted)."""

import random

import pytest

from matching.engine import Engine
from matching.engine.commands import FireSwitch, SetSwitch
from matching.engine.events import SwitchSet
from matching.engine.timers import Expiries

ANN, BOB, KEY, OTHER = 11, 12, 7, 8


def _set(engine: Engine, due_us: int | None, account_id: int = ANN, key_id: int = KEY) -> list:
    return engine.apply(SetSwitch(account_id, key_id, due_us, 1))


def _fire(engine: Engine, due_us: int, account_id: int = ANN, key_id: int = KEY) -> list:
    return engine.apply(FireSwitch(account_id, key_id, due_us, due_us))


def _held(engine: Engine) -> list[tuple[int, int, int]]:
    return list(engine.switches)


@pytest.mark.parametrize("seed", range(5))
def test_orders_that_end_by_now_are_counted_as_far_as_one_cares(seed: int):
    rng = random.Random(seed)
    expiries, dues = Expiries(), [rng.randrange(30) for _ in range(40)]
    for order_id, due_us in enumerate(dues, 1_000):
        expiries.add(order_id, due_us)

    for time_us in range(-1, 31):
        due_count = sum(due_us <= time_us for due_us in dues)
        for at_most in (0, 1, 7, 40, 100):
            assert expiries.count_due(time_us, at_most=at_most) == min(due_count, at_most)
    assert Expiries().count_due(30, at_most=1) == 0


def test_switches_come_in_the_order_in_which_they_are_due():
    engine = Engine()
    _set(engine, 30)
    _set(engine, 10, BOB)
    _set(engine, 10, ANN, OTHER)

    assert _held(engine) == [(10, ANN, OTHER), (10, BOB, KEY), (30, ANN, KEY)]
    assert engine.switches.due_us(ANN, KEY) == 30
    assert engine.switches.due_us(BOB, OTHER) is None


def test_a_switch_set_anew_is_due_then_and_only_then():
    engine = Engine()
    _set(engine, 10)

    assert _set(engine, 20) == [SwitchSet(ANN, KEY, 20)]
    assert _held(engine) == [(20, ANN, KEY)]
    assert _fire(engine, 10) == []
    assert _held(engine) == [(20, ANN, KEY)]


def test_a_switch_fires_once():
    engine = Engine()
    _set(engine, 10)

    assert _fire(engine, 10) == [SwitchSet(ANN, KEY, None)]
    assert _held(engine) == []
    assert _fire(engine, 10) == []


def test_clearing_ends_the_switch_of_that_credential_alone():
    engine = Engine()
    _set(engine, 10)
    _set(engine, 10, ANN, OTHER)

    assert _set(engine, None) == [SwitchSet(ANN, KEY, None)]
    assert _set(engine, None) == []
    assert _held(engine) == [(10, ANN, OTHER)]


def test_what_is_taken_back_is_as_it_was():
    engine = Engine()
    _set(engine, 10)
    engine.commit()
    before = engine.state_hash()
    _set(engine, 20)
    _set(engine, 5, BOB)
    mark = engine.mark()
    hashed = engine.state_hash()
    _fire(engine, 5, BOB)
    _set(engine, None)

    engine.undo(mark)
    assert engine.state_hash() == hashed
    assert _held(engine) == [(5, BOB, KEY), (20, ANN, KEY)]
    engine.undo()

    assert engine.state_hash() == before
    assert _held(engine) == [(10, ANN, KEY)]


def test_a_commit_up_to_a_mark_keeps_what_was_before_it():
    engine = Engine()
    _set(engine, 10)
    mark = engine.mark()
    _set(engine, 20)

    engine.commit(mark)
    engine.undo()

    assert _held(engine) == [(10, ANN, KEY)]
    engine.commit()
    engine.undo()
    assert _held(engine) == [(10, ANN, KEY)]


def test_the_fingerprint_tells_switches_and_is_the_former_one_without_any():
    engine = Engine()
    without = engine.state_hash()
    _set(engine, 10)
    with_one = engine.state_hash()
    _set(engine, 11)
    later = engine.state_hash()
    _fire(engine, 11)

    assert len({without, with_one, later}) == 3
    assert engine.state_hash() == without


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_done_a_rebuilt_engine_holds_the_same(seed: int):
    """Random steps, some taken back: against a plain dict, and an engine loaded from it."""
    rng = random.Random(seed)
    engine, plain = Engine(), {}
    for time_us in range(200):
        kept = dict(plain)
        for _ in range(rng.randrange(1, 4)):
            name = rng.choice((ANN, BOB)), rng.choice((0, KEY, OTHER))
            due_us = rng.choice((None, *range(time_us, time_us + 3)))
            if due_us is not None and rng.random() < 0.3:
                engine.apply(FireSwitch(*name, due_us, time_us))
                if plain.get(name) == due_us:
                    del plain[name]
            else:
                engine.apply(SetSwitch(*name, due_us, time_us))
                plain[name] = due_us
                if due_us is None:
                    del plain[name]
        if rng.random() < 0.3:
            engine.undo()
            plain = kept
        else:
            engine.commit()
        rebuilt = Engine()
        rebuilt.load(markets=[], orders=[], switches=plain.items())

        assert _held(engine) == sorted((due, *name) for name, due in plain.items())
        assert engine.state_hash() == rebuilt.state_hash()
