"""What the soak calls held: figures of the last quarter against those of the second."""

import pytest

from benchmarks.soak import QUARTER, SLICES, Series, growth, judge, more_files, p99_drift


def series(memory: list[int], files: list[int]) -> Series:
    """Return what is seen where each quarter has one value, seen five times."""
    at = [quarter / 4 + sample / 20 for quarter in range(4) for sample in range(5)]
    return Series(
        at,
        [value for value in memory for _ in range(5)],
        [value for value in files for _ in range(5)],
    )


def slices(*p99_ms: float) -> list[dict[str, float]]:
    return [{"p99_ms": value} for value in p99_ms for _ in range(QUARTER)]


STEADY = slices(90, 10, 10, 10)


def test_what_is_filled_in_the_first_quarter_is_no_growth() -> None:
    found = {"web": series([50, 100, 101, 101], [5, 9, 9, 9])}
    assert len(STEADY) == SLICES
    assert judge(found, STEADY) == []


@pytest.mark.parametrize(("last", "is_held"), [(10_199, True), (10_200, False), (9_000, True)])
def test_memory_may_grow_by_less_than_two_percent(last: int, is_held: bool) -> None:
    found = {"web": series([1, 10_000, 10_000, last], [5, 5, 5, 5])}
    assert growth(found["web"]) == pytest.approx(last / 10_000 - 1)
    assert (judge(found, STEADY) == []) is is_held


def test_one_descriptor_more_is_one_too_many() -> None:
    found = {"web": series([1, 1, 1, 1], [5, 5, 5, 6])}
    assert more_files(found["web"]) == 1
    assert judge(found, STEADY) == ["web has 1 file descriptors more in use"]


def test_answers_may_not_become_much_later() -> None:
    assert p99_drift(slices(1, 10, 10, 11.9)) == pytest.approx(0.19)
    assert judge({}, slices(1, 10, 10, 11.9)) == []
    assert judge({}, slices(1, 10, 10, 12.1)) == ["p99 is 21% later"]
