"""What the soak calls held: figures of the last quarter against those of the second."""

import pytest

from benchmarks.soak import (
    QUARTER,
    SLICES,
    Series,
    growth,
    judge,
    judge_lateness,
    more_files,
    p99_drift,
)


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


def test_what_is_filled_in_the_first_quarter_is_no_growth() -> None:
    found = {"web": series([50, 100, 101, 101], [5, 9, 9, 9])}
    assert judge(found) == []


@pytest.mark.parametrize(("last", "is_held"), [(10_199, True), (10_200, False), (9_000, True)])
def test_memory_may_grow_by_less_than_two_percent(last: int, is_held: bool) -> None:
    found = {"web": series([1, 10_000, 10_000, last], [5, 5, 5, 5])}
    assert growth(found["web"]) == pytest.approx(last / 10_000 - 1)
    assert (judge(found) == []) is is_held


def test_one_descriptor_more_is_one_too_many() -> None:
    found = {"web": series([1, 1, 1, 1], [5, 5, 5, 6])}
    assert more_files(found["web"]) == 1
    assert judge(found) == ["web has 1 file descriptors more in use"]


def test_what_is_later_in_the_first_quarter_is_no_drift() -> None:
    assert len(slices(90, 10, 10, 11)) == SLICES
    assert p99_drift(slices(90, 10, 10, 11.9)) == pytest.approx(0.19)


@pytest.mark.parametrize(
    ("drift", "than_new", "said"),
    [
        (0.19, None, []),
        (0.21, None, ["p99 is 21% later"]),
        (0.30, 0.19, []),  # a new exchange is as late: the machine
        (0.30, 0.21, ["p99 is 30% later, and 21% later than a new exchange's"]),
    ],
)
def test_answers_may_not_become_much_later(
    drift: float, than_new: float | None, said: list[str]
) -> None:
    assert judge_lateness(drift, than_new) == said
