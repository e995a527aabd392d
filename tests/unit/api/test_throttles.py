"""Who pays for a request, and what a client is told of it."""

import pytest

from accounts.access.callers import Caller
from api import limits
from tests.limits import hold_limits_here
from zavora.foundation.errors import RateLimited
from zavora.foundation.leases import LEASES


@pytest.fixture(autouse=True)
def _limits(settings):
    settings.ZAVORA_RATE_LIMIT_IP_PER_MINUTE = 3
    settings.ZAVORA_RATE_LIMIT_KEY_PER_MINUTE = 10
    hold_limits_here()
    yield
    LEASES.forget()


def caller(key_id, user_id=7):
    return Caller(
        user_id=user_id,
        email="a@example.com",
        key_id=key_id,
        scopes=frozenset(),
        accounts={},
    )


def remaining(charges):
    return limits.usage(limits.take_in_thread(charges))[1]


def test_the_limit_is_told_and_held():
    assert [remaining(limits.of_address("a")) for _ in range(3)] == [2, 1, 0]
    with pytest.raises(RateLimited) as refusal:
        limits.take_in_thread(limits.of_address("a"))
    assert 1 <= refusal.value.details["retry_after"] <= 20
    assert refusal.value.details["limit"] == 3


def test_addresses_keys_and_sessions_are_counted_apart():
    assert remaining(limits.of_address("a", 3)) == 0
    assert remaining(limits.of_address("b")) == 2
    assert remaining(limits.of_caller(caller(1), 4)) == 6
    assert remaining(limits.of_caller(caller(2))) == 9
    assert remaining(limits.of_caller(caller(None, 1))) == 9
    with pytest.raises(RateLimited):
        limits.take_in_thread(limits.of_caller(caller(1), 7))
    assert remaining(limits.of_caller(caller(1), 6)) == 0


def test_a_network_of_one_subscriber_is_one_address():
    assert remaining(limits.of_address("2001:db8::1", 3)) == 0
    with pytest.raises(RateLimited):
        limits.take_in_thread(limits.of_address("2001:db8::ffff"))
    assert remaining(limits.of_address("2001:db8:0:1::1")) == 2


def test_zero_switches_a_limit_off(settings):
    settings.ZAVORA_RATE_LIMIT_IP_PER_MINUTE = 0

    assert [limits.take_in_thread(limits.of_address("a")) for _ in range(100)] == [None] * 100


def test_the_tighter_of_two_limits_is_told():
    wide = limits.take_in_thread(limits.of_caller(caller(1)))
    narrow = limits.take_in_thread(limits.of_address("a"))

    assert limits.tighter(wide, narrow) is narrow
    assert limits.tighter(narrow, None) is narrow
    assert limits.tighter(None, None) is None
    told = dict(limits.headers(narrow))
    assert (told[b"x-ratelimit-limit"], told[b"x-ratelimit-remaining"]) == (b"3", b"2")
    assert 1 <= int(told[b"x-ratelimit-reset"]) <= 20
