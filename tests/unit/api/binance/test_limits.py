"""Weights by address and orders by account, in windows of the clock."""

from collections.abc import Iterator
from typing import Any

import pytest

from api.access import limits as counting
from api.binance import limits
from api.binance.words.errors import CompatError

NOON = 1_800_000_000.0  # a whole minute, ten seconds


@pytest.fixture(autouse=True)
def _counters(settings: Any) -> Iterator[None]:
    settings.ZAVORA_COMPAT_WEIGHT_PER_MINUTE = 100
    settings.ZAVORA_COMPAT_ORDERS_PER_10S = 3
    settings.ZAVORA_COMPAT_ORDERS_PER_DAY = 5
    limits.forget()
    yield
    limits.forget()


class Clock:
    """The time that the module under test reads."""

    def __init__(self) -> None:
        self.now = NOON

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (limits, counting):
        monkeypatch.setattr(module, "time", clock)
    return clock


def refusal(ip: str, weight: int = 1) -> CompatError:
    with pytest.raises(CompatError) as caught:
        limits.take_weight(ip, weight)
    return caught.value


def test_weight_counts_by_address_and_minute(clock: Clock) -> None:
    assert limits.take_weight("192.0.2.1", 40) == 40
    assert limits.take_weight("192.0.2.1", 60) == 100
    assert limits.take_weight("192.0.2.2", 1) == 1
    clock.now += 15
    error = refusal("192.0.2.1")
    assert (error.code, error.status, error.retry_after_s) == (-1003, 429, 45)
    assert limits.used_weight("192.0.2.1") == 100
    clock.now += 45
    assert limits.take_weight("192.0.2.1", 1) == 1


def test_who_goes_on_is_shut_out_for_longer_each_time(clock: Clock) -> None:
    seconds = []
    for _ in range(3):
        limits.take_weight("192.0.2.1", 100)
        statuses = [refusal("192.0.2.1").status for _ in range(limits.REFUSALS_MAX)]
        assert set(statuses) == {429}
        error = refusal("192.0.2.1")
        assert (error.code, error.status) == (-1003, 418)
        assert error.retry_after_s is not None
        seconds.append(error.retry_after_s)
        clock.now += error.retry_after_s - 1
        assert refusal("192.0.2.1").status == 418
        clock.now += 61
    assert seconds == [120, 240, 480]


def test_a_ban_never_lasts_longer_than_three_days(clock: Clock) -> None:
    for _ in range(30):
        limits.take_weight("192.0.2.1", 100)
        for _ in range(limits.REFUSALS_MAX):
            refusal("192.0.2.1")
        last = refusal("192.0.2.1").retry_after_s
        assert last is not None
        clock.now += last + 60
    assert last == 3 * 86_400


@pytest.mark.parametrize("ip", ["127.0.0.1", "127.8.9.1", "::1"])
def test_loopback_is_limited_but_never_shut_out(clock: Clock, ip: str) -> None:
    limits.take_weight(ip, 100)

    assert {refusal(ip).status for _ in range(limits.REFUSALS_MAX * 3)} == {429}


def test_orders_count_by_account_in_both_windows(clock: Clock) -> None:
    for _ in range(3):
        limits.take_order(7)
    assert limits.order_counts(7) == (3, 3)
    with pytest.raises(CompatError) as caught:
        limits.take_order(7)
    error = caught.value
    assert (error.code, error.status, error.retry_after_s) == (-1015, 429, 10)
    assert error.msg == "Too many new orders; current limit is 3 orders per 10 SECOND."
    limits.take_order(8)
    clock.now += 10
    limits.take_order(7)
    limits.take_order(7)
    assert limits.order_counts(7) == (2, 5)
    with pytest.raises(CompatError) as caught:
        limits.take_order(7)
    assert caught.value.msg == "Too many new orders; current limit is 5 orders per 1 DAY."


def test_a_refused_order_does_not_count(clock: Clock) -> None:
    limits.take_order(7)
    limits.give_order_back(7)

    assert limits.order_counts(7) == (0, 0)


def test_a_limit_of_zero_is_off_and_not_published(settings: Any) -> None:
    settings.ZAVORA_COMPAT_ORDERS_PER_DAY = 0
    settings.ZAVORA_COMPAT_WEIGHT_PER_MINUTE = 0

    assert limits.take_weight("192.0.2.1", 1_000_000) == 1_000_000
    assert limits.rate_limits() == [
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 3}
    ]


def test_what_is_used_is_told_with_the_limits(clock: Clock) -> None:
    limits.take_weight("192.0.2.1", 4)
    limits.take_order(7)

    assert [one["limit"] for one in limits.rate_limits()] == [100, 3, 5]
    assert [one["count"] for one in limits.rate_limits_used("192.0.2.1", 7)] == [4, 1, 1]
    assert [one["count"] for one in limits.rate_limits_used("192.0.2.1")] == [4]
