"""Buckets and what a process takes out of them, where there is no server."""

from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from zavora.foundation.buckets import ANY, Ask, LocalBuckets
from zavora.foundation.leases import SHORT_S, Lease, Leases, Limit

NOON = 1_800_000_000.0  # a whole day of the clock, minute and second
MINUTE_MS = 60_000


class Clock:
    """One clock for everything: seconds since 1970."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def nobody() -> Any:
    raise RedisConnectionError("there is no server")


def leases_of(clock: Clock) -> Leases:
    leases = Leases(clock=clock)
    leases.local = LocalBuckets(clock=clock)
    return leases


class Sixty:
    """A minute's limit of sixty that names its weight as a test does."""

    def __init__(self, clock: Clock, settings: Any, *, in_windows: bool = False) -> None:
        settings.ZAVORA_RATE_LIMIT_IP_PER_MINUTE = 60
        limit = Limit("t", "ZAVORA_RATE_LIMIT_IP_PER_MINUTE", 60, in_windows=in_windows)
        self.leases = leases_of(clock)
        self.lease = self.leases.of(limit, "a")

    def take(self, weight: int = 1) -> Lease | None:
        return self.leases.take([(self.lease, weight)], nobody)


def ask(name: str = "a", *, step_ms: int = 1_000, **wanted: int) -> Ask:
    return Ask(name, 60, MINUTE_MS, step_ms, **wanted)


def granted(buckets: LocalBuckets, *asks: Ask) -> list[int]:
    return [grant.granted for grant in buckets.answer(asks)]


# --- buckets --------------------------------------------------------------------------------------


def test_a_bucket_gives_what_it_has_and_no_more(clock: Clock) -> None:
    buckets = LocalBuckets(clock=clock)

    assert granted(buckets, ask(need=50), ask(need=50), ask(need=1)) == [50, 10, 0]
    assert granted(buckets, ask("b", need=1)) == [1]


def test_nothing_is_given_where_the_least_is_not_there(clock: Clock) -> None:
    buckets = LocalBuckets(clock=clock)

    assert granted(buckets, ask(need=61, least=61), ask(need=60, least=60)) == [0, 60]


def test_beyond_the_need_an_eighth_of_what_is_free_is_given(clock: Clock) -> None:
    buckets = LocalBuckets(clock=clock)

    assert granted(buckets, ask(need=1, want=ANY), ask(want=3), ask(want=ANY)) == [7, 3, 6]


def test_tokens_come_back_evenly_or_in_windows(clock: Clock) -> None:
    even, windows = LocalBuckets(clock=clock), LocalBuckets(clock=clock)
    of_minute = ask(step_ms=MINUTE_MS, need=60)
    granted(even, ask(need=60))
    granted(windows, of_minute)

    clock.now += 15.5

    assert granted(even, ask(need=60)) == [15]
    assert granted(windows, of_minute) == [0]
    clock.now += 44.5
    assert granted(even, ask(need=60)) == [45]
    assert granted(windows, of_minute) == [60]


def test_what_comes_back_goes_into_its_own_window_only(clock: Clock) -> None:
    buckets = LocalBuckets(clock=clock)
    taken = buckets.answer([ask(step_ms=MINUTE_MS, need=60)])[0]
    back = ask(step_ms=MINUTE_MS, back=20, back_step=taken.step)

    assert buckets.answer([back])[0].left_milli == 20_000
    clock.now += 60
    granted(buckets, ask(step_ms=MINUTE_MS, need=60))
    assert buckets.answer([back])[0].left_milli == 0


def test_a_bucket_never_holds_more_than_its_capacity(clock: Clock) -> None:
    buckets = LocalBuckets(clock=clock)
    granted(buckets, ask(need=5))

    assert granted(buckets, ask(back=500), ask(need=100)) == [0, 60]
    clock.now += 3_600
    assert granted(buckets, ask(need=100)) == [60]


def test_names_are_bounded(clock: Clock) -> None:
    buckets = LocalBuckets(names_max=10, clock=clock)

    for number in range(1_000):
        granted(buckets, ask(str(number), need=1))

    assert len(buckets) == 10


# --- leases ---------------------------------------------------------------------------------------


def test_all_is_paid_or_nothing(clock: Clock, settings: Any) -> None:
    settings.ZAVORA_RATE_LIMIT_IP_PER_MINUTE, settings.ZAVORA_RATE_LIMIT_KEY_PER_MINUTE = 10, 3
    leases = leases_of(clock)
    wide = leases.of(Limit("wide", "ZAVORA_RATE_LIMIT_IP_PER_MINUTE", 60), "a")
    narrow = leases.of(Limit("narrow", "ZAVORA_RATE_LIMIT_KEY_PER_MINUTE", 60), "a")

    paid = [leases.take([(wide, 2), (narrow, 1)], nobody) for _ in range(4)]

    assert paid == [None, None, None, narrow]
    assert (wide.remaining(clock.now), narrow.remaining(clock.now)) == (4, 0)


def test_a_lease_says_what_is_left_and_when_there_is_more(clock: Clock, settings: Any) -> None:
    sixty = Sixty(clock, settings)
    clock.now += 0.25

    assert sixty.take(20) is None
    assert sixty.lease.standing(clock.now) == (40, 20)
    assert sixty.take(41) is sixty.lease
    assert sixty.lease.wait_s(41, clock.now) == 1
    assert sixty.lease.wait_s(45, clock.now) == 5
    clock.now += 5
    assert sixty.lease.remaining(clock.now) == 45
    assert sixty.take(45) is None


def test_a_window_ends_for_leases_too(clock: Clock, settings: Any) -> None:
    sixty = Sixty(clock, settings, in_windows=True)
    clock.now += 15
    assert sixty.take(60) is None
    assert sixty.take() is sixty.lease
    assert (sixty.lease.wait_s(1, clock.now), sixty.lease.standing(clock.now)) == (45, (0, 45))

    clock.now += 44.9
    assert sixty.take() is sixty.lease
    clock.now += 0.1

    assert sixty.lease.remaining(clock.now) == 60
    assert sixty.take(60) is None
    assert sixty.take() is sixty.lease


def test_unspent_tokens_of_a_window_are_worth_nothing_in_the_next(
    clock: Clock, settings: Any
) -> None:
    sixty = Sixty(clock, settings, in_windows=True)
    sixty.take()
    assert sixty.lease.tokens == 6
    clock.now += 60

    taken = [sixty.take() for _ in range(61)]

    assert taken.count(None) == 60


def test_what_was_spent_for_nothing_can_be_spent_again(clock: Clock, settings: Any) -> None:
    sixty = Sixty(clock, settings)
    sixty.take(60)
    sixty.leases.give_back([(sixty.lease, 2)])

    assert [sixty.take() for _ in range(3)] == [None, None, sixty.lease]


def test_a_bucket_that_had_nothing_is_not_asked_again_at_once(clock: Clock, settings: Any) -> None:
    sixty = Sixty(clock, settings)
    sixty.take(60)
    sixty.take()
    lacking = [(sixty.lease, 1)]
    assert sixty.leases.known_short(lacking) is sixty.lease

    clock.now += SHORT_S

    assert sixty.leases.known_short(lacking) is None


def test_a_settling_keeps_what_was_spent_of_late_and_returns_the_rest(
    clock: Clock, settings: Any
) -> None:
    sixty = Sixty(clock, settings)
    sixty.take()
    leases, asks = sixty.leases.settle()
    assert (leases, [(one.back, one.want) for one in asks]) == ([sixty.lease], [(5, 0)])
    assert sixty.lease.tokens == 1
    sixty.take()
    _, asks = sixty.leases.settle()
    assert [(one.back, one.want) for one in asks] == [(0, 1)]

    assert sixty.leases.settle() == ([], [])


def test_without_a_server_a_process_holds_the_limit_for_itself(clock: Clock, settings: Any) -> None:
    here, there = Sixty(clock, settings), Sixty(clock, settings)

    paid = [(here.take(), there.take()) for _ in range(61)]

    assert here.leases.is_lost
    assert paid == [(None, None)] * 60 + [(here.lease, there.lease)]


def test_what_is_remembered_is_bounded(clock: Clock, settings: Any) -> None:
    sixty = Sixty(clock, settings)
    for number in range(50_100):
        sixty.leases.of(sixty.lease.limit, number)

    assert len(sixty.leases) == 50_000
