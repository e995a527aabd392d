"""Both kinds of counters keep the same rules; those of the process are bounded."""

import secrets

import pytest

from accounts.access.attempt_counters import LocalCounters, RedisCounters
from accounts.redis_client import get_redis


class Clock:
    now = 1_000.0

    def __call__(self):
        return self.now


@pytest.fixture(params=["redis", "local"])
def counters(request):
    return RedisCounters(get_redis()) if request.param == "redis" else LocalCounters()


@pytest.fixture
def name():
    return f"attempts:test:{secrets.token_hex(8)}"


def test_counting_holding_and_forgetting(counters, name):
    other = f"{name}:other"
    assert counters.count([name, other], 60) == [1, 1]
    assert counters.count([name], 60) == [2]
    counters.uncount([name, f"{name}:never"])
    assert counters.count([name], 60) == [2]
    assert counters.count([f"{name}:never"], 60) == [1]
    assert 50_000 < counters.left_ms(name) <= 60_000
    assert counters.left_ms(f"{name}:unknown") == 0

    pause = f"{name}:pause"
    assert counters.hold(pause, 30_000) == 0
    assert 20_000 < counters.hold(pause, 30_000) <= 30_000
    counters.forget([name, pause])
    assert counters.hold(pause, 30_000) == 0
    assert counters.count([name], 60) == [1]
    counters.forget([name, other, pause, f"{name}:never"])


def test_a_window_ends_by_itself_and_does_not_move():
    clock = Clock()
    counters = LocalCounters(clock=clock)
    assert counters.count(["a"], 60) == [1]
    clock.now += 59
    assert counters.count(["a"], 60) == [2]
    clock.now += 1
    assert counters.count(["a"], 60) == [1]


def test_the_counters_of_a_process_are_bounded():
    counters = LocalCounters(names_max=100)
    for number in range(1_000):
        counters.count([str(number)], 60)
    assert len(counters) == 100
    assert counters.count(["999"], 60) == [2]
