"""Limits per address and per key."""

import pytest

from api.access import limits
from zavora.foundation.errors import RateLimited


class Clock:
    """The time that the module under test reads: 15 seconds into a minute."""

    now = 1_800_000_015.0

    def time(self):
        return self.now


@pytest.fixture(autouse=True)
def clock(settings, monkeypatch):
    settings.ZAVORA_RATE_LIMIT_IP_PER_MINUTE = 3
    settings.ZAVORA_RATE_LIMIT_KEY_PER_MINUTE = 10
    clock = Clock()
    monkeypatch.setattr(limits, "time", clock)
    limits.BY_IP.forget()
    limits.BY_KEY.forget()
    yield clock
    limits.BY_IP.forget()
    limits.BY_KEY.forget()


def test_the_limit_is_told_and_held():
    remaining = [limits.take_for_ip("a").remaining for _ in range(3)]

    assert remaining == [2, 1, 0]
    with pytest.raises(RateLimited) as refusal:
        limits.take_for_ip("a")
    assert 1 <= refusal.value.details["retry_after"] <= limits.WINDOW_S


def test_addresses_and_keys_are_counted_apart():
    for _ in range(3):
        limits.take_for_ip("a")

    assert limits.take_for_ip("b").remaining == 2
    assert limits.take_for_key(("key", 1), 4).remaining == 6
    assert limits.take_for_key(("key", 2)).remaining == 9
    with pytest.raises(RateLimited):
        limits.take_for_key(("key", 1), 7)
    assert limits.take_for_key(("key", 1), 6).remaining == 0


def test_a_minute_later_the_count_begins_anew(clock):
    for _ in range(3):
        limits.take_for_ip("a")
    with pytest.raises(RateLimited):
        limits.take_for_ip("a")

    clock.now += 44.9
    with pytest.raises(RateLimited) as refusal:
        limits.take_for_ip("a")
    assert refusal.value.details["retry_after"] == 1

    clock.now += 0.1

    assert limits.take_for_ip("a").remaining == 2


def test_zero_switches_a_limit_off(settings):
    settings.ZAVORA_RATE_LIMIT_IP_PER_MINUTE = 0

    assert [limits.take_for_ip("a") for _ in range(100)] == [None] * 100


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(limits, "COUNTERS_MAX", 10)

    for number in range(1000):
        limits.take_for_ip(str(number))

    assert len(limits.BY_IP) == 10


def test_what_other_processes_counted_counts_as_well():
    assert limits.take_for_ip("a").remaining == 2
    (counter,) = limits.BY_IP.take_touched()["a"]
    counter.others = 1

    assert limits.take_for_ip("a").remaining == 0
    with pytest.raises(RateLimited):
        limits.take_for_ip("a")


def test_what_was_counted_is_told_twice_and_then_no_more():
    limits.take_for_key(("key", 1))

    assert list(limits.BY_KEY.take_touched()) == [("key", 1)]
    assert list(limits.BY_KEY.take_touched()) == [("key", 1)]
    assert limits.BY_KEY.take_touched() == {}
