"""Weights by address and orders by account as they are published, and who is shut out."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from api import limits as all_limits
from api.binance import limits
from api.binance.words.errors import CompatError
from api.process import web_process
from tests.limits import hold_limits_here

NOON = 1_800_000_000.0  # a whole minute, ten seconds
TOO_MUCH = 101


@pytest.fixture(autouse=True)
async def _process(settings: Any) -> AsyncIterator[None]:
    settings.ZAVORA_RATE_LIMIT_IP_PER_MINUTE = 0
    settings.ZAVORA_RATE_LIMIT_ACCOUNT_PER_MINUTE = 0
    settings.ZAVORA_COMPAT_WEIGHT_PER_MINUTE = 100
    settings.ZAVORA_COMPAT_ORDERS_PER_10S = 0
    settings.ZAVORA_COMPAT_ORDERS_PER_DAY = 5
    limits.forget()
    hold_limits_here()
    process = web_process()
    yield
    await process.close()
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
    monkeypatch.setattr(limits, "time", clock)
    return clock


async def refusal(ip: str, weight: int = TOO_MUCH) -> CompatError:
    with pytest.raises(CompatError) as caught:
        await limits.take_weight(ip, weight)
    return caught.value


async def test_weight_counts_by_address() -> None:
    assert await limits.take_weight("192.0.2.1", 40) == 40
    assert limits.used_weight("192.0.2.1") == 40
    assert await limits.take_weight("192.0.2.2", 1) == 1
    error = await refusal("192.0.2.1")
    assert (error.code, error.status) == (-1003, 429)
    assert error.retry_after_s is not None
    assert 1 <= error.retry_after_s <= 60
    assert " current limit is 100 request weight per 1 MINUTE." in error.msg


async def test_what_was_used_through_v1_is_used_here_too(settings: Any) -> None:
    settings.ZAVORA_RATE_LIMIT_IP_PER_MINUTE = 90
    await limits.take_weight("192.0.2.1", 10)
    assert limits.used_weight("192.0.2.1") == 10

    await all_limits.take_for_address("192.0.2.1", 40)

    assert limits.used_weight("192.0.2.1") == 50
    error = await refusal("192.0.2.1", 41)
    assert " current limit is 90 request weight per 1 MINUTE." in error.msg
    assert limits.rate_limits()[0]["limit"] == 90


async def test_at_once_only_what_is_at_hand_is_spent() -> None:
    assert limits.take_weight_at_once("192.0.2.1", 5) is None
    await limits.take_weight("192.0.2.1", 5)

    assert limits.take_weight_at_once("192.0.2.1", 5) == 10
    assert limits.take_weight_at_once("192.0.2.1", 50) is None
    assert limits.used_weight("192.0.2.1") == 10


async def test_who_goes_on_is_shut_out_for_longer_each_time(clock: Clock) -> None:
    seconds = []
    for _ in range(3):
        statuses = [(await refusal("192.0.2.1")).status for _ in range(limits.REFUSALS_MAX)]
        assert set(statuses) == {429}
        error = await refusal("192.0.2.1")
        assert (error.code, error.status) == (-1003, 418)
        assert error.retry_after_s is not None
        seconds.append(error.retry_after_s)
        clock.now += error.retry_after_s - 1
        assert (await refusal("192.0.2.1", 1)).status == 418
        with pytest.raises(CompatError):
            limits.take_weight_at_once("192.0.2.1", 1)
        clock.now += 61
    assert seconds == [120, 240, 480]


async def test_a_ban_never_lasts_longer_than_three_days(clock: Clock) -> None:
    for _ in range(30):
        for _ in range(limits.REFUSALS_MAX):
            await refusal("192.0.2.1")
        last = (await refusal("192.0.2.1")).retry_after_s
        assert last is not None
        clock.now += last + 60
    assert last == 3 * 86_400


@pytest.mark.parametrize("ip", ["127.0.0.1", "127.8.9.1", "::1"])
async def test_loopback_is_limited_but_never_shut_out(clock: Clock, ip: str) -> None:
    statuses = {(await refusal(ip)).status for _ in range(limits.REFUSALS_MAX * 3)}

    assert statuses == {429}


async def test_orders_count_by_account() -> None:
    for _ in range(5):
        await limits.take_order(7)
    assert limits.order_counts(7) == (0, 5)
    with pytest.raises(CompatError) as caught:
        await limits.take_order(7)
    error = caught.value
    assert (error.code, error.status) == (-1015, 429)
    assert error.msg == "Too many new orders; current limit is 5 orders per 1 DAY."
    await limits.take_order(8)


async def test_an_account_has_a_limit_through_both_apis(settings: Any) -> None:
    settings.ZAVORA_RATE_LIMIT_ACCOUNT_PER_MINUTE = 2
    await all_limits.take_for_account(7)
    await limits.take_order(7)

    with pytest.raises(CompatError) as caught:
        await limits.take_order(7)

    assert caught.value.msg == "Too many new orders; current limit is 2 orders per 1 MINUTE."
    assert limits.order_counts(7) == (0, 1)


async def test_a_refused_order_does_not_count() -> None:
    await limits.take_order(7)
    limits.give_order_back(7)

    assert limits.order_counts(7) == (0, 0)


async def test_a_limit_of_zero_is_off_and_not_published(settings: Any) -> None:
    settings.ZAVORA_COMPAT_ORDERS_PER_10S = 3
    settings.ZAVORA_COMPAT_ORDERS_PER_DAY = 0
    settings.ZAVORA_COMPAT_WEIGHT_PER_MINUTE = 0

    assert await limits.take_weight("192.0.2.1", 1_000_000) == 0
    assert limits.rate_limits() == [
        {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 3}
    ]


async def test_what_is_used_is_told_with_the_limits(settings: Any) -> None:
    settings.ZAVORA_COMPAT_ORDERS_PER_10S = 3
    await limits.take_weight("192.0.2.1", 4)
    await limits.take_order(7)

    assert [one["limit"] for one in limits.rate_limits()] == [100, 3, 5]
    assert [one["count"] for one in limits.rate_limits_used("192.0.2.1", 7)] == [4, 1, 1]
    assert [one["count"] for one in limits.rate_limits_used("192.0.2.1")] == [4]
