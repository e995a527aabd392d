"""Schedules as they are written: what they say, and what is wrong with those that say nothing."""

from datetime import date

import pytest

from matching.markets.schedules import (
    SCHEDULE_LENGTH_MAX,
    SCHEDULE_LINES_MAX,
    BadSchedule,
    Line,
    read_schedule,
)

OPEN, CLOSE = Line(9 * 60, "continuous"), Line(17 * 60 + 30, "closed")


def test_a_schedule_says_what_happens_on_each_day() -> None:
    schedule = read_schedule(
        """
        # The main session.
        Mon-Fri 17:30 closed
        mon-fri 09:00 Continuous   # in any order, in any case
        2026-12-25 closed          # Christmas
        2026-12-24 13:00 closed
        """
    )

    assert schedule.weekdays == ((OPEN, CLOSE),) * 5 + ((), ())
    assert schedule.lines_of(date(2026, 12, 23)) == (OPEN, CLOSE)
    assert schedule.lines_of(date(2026, 12, 24)) == (Line(13 * 60, "closed"),)
    assert schedule.lines_of(date(2026, 12, 25)) == (Line(0, "closed"),)
    assert schedule.lines_of(date(2026, 12, 26)) == ()


@pytest.mark.parametrize(
    ("days", "weekdays"),
    [
        ("Mon", {0}),
        ("Mon-Fri", {0, 1, 2, 3, 4}),
        ("Sun-Thu", {6, 0, 1, 2, 3}),
        ("Mon,Wed,Fri-Sun", {0, 2, 4, 5, 6}),
        ("Fri-Fri", {4}),
        ("daily", {0, 1, 2, 3, 4, 5, 6}),
        ("Mon-Sun", {0, 1, 2, 3, 4, 5, 6}),
    ],
)
def test_days_are_days_of_the_week_ranges_and_several(days: str, weekdays: set[int]) -> None:
    found = read_schedule(f"{days} 09:00 continuous").weekdays
    assert {number for number, lines in enumerate(found) if lines} == weekdays


@pytest.mark.parametrize("text", ["", "  ", "\n\n", "# nothing yet", "\r\n# or by a form\r\n"])
def test_nothing_is_a_schedule_too(text: str) -> None:
    schedule = read_schedule(text)
    assert schedule.weekdays == ((),) * 7
    assert schedule.dates == {}


WRONG = [
    ("Mon", "expected days, a time and a phase in line 1, such as Mon-Fri 09:00 continuous"),
    ("Mon 09:00 continuous now", "expected days, a time and a phase in line 1"),
    ("\nMon 9:00 closed", "expected a time such as 09:00 in line 2, not '9:00'"),
    ("Mon 24:00 closed", "expected a time such as 09:00 in line 1, not '24:00'"),
    ("Mon 09:60 closed", "expected a time such as 09:00 in line 1, not '09:60'"),
    ("Mon ٠٩:٠٠ closed", "expected a time such as 09:00 in line 1"),
    ("Mon 09:00 open", "in line 1, not 'open'"),
    ("Mon 09:00 halted", "expected one of pre_open, auction, continuous, post_only, closed in"),
    ("Mon 09:00 delisted", "in line 1, not 'delisted'"),
    ("Monday 09:00 closed", "expected days such as Mon-Fri, daily or a date in line 1, not"),
    ("Mon- 09:00 closed", ""),
    ("Mon-Fri-Sun 09:00 closed", "not 'Mon-Fri-Sun'"),
    (",Mon 09:00 closed", "not ',Mon'"),
    ("2026-13-01 closed", "expected a date in line 1, not 2026-13-01"),
    ("2026-02-29 closed", "expected a date in line 1, not 2026-02-29"),
    ("20261225 closed", "expected days such as Mon-Fri, daily or a date in line 1"),
    ("Mon 09:00 closed\nMon-Fri 09:00 auction", "expected one change at a time: line 2 is another"),
    ("2026-12-25 closed\n2026-12-25 00:00 auction", "expected one change at a time: line 2"),
    ("Mon,Mon 09:00 closed", "expected one change at a time: line 1"),
    (f"Mon {'x' * 100} closed", f"not '{'x' * 40}'"),
    ("#" * (SCHEDULE_LENGTH_MAX + 1), f"expected at most {SCHEDULE_LENGTH_MAX} letters"),
    ("\n" * (SCHEDULE_LINES_MAX + 1), f"expected at most {SCHEDULE_LINES_MAX} lines"),
]


@pytest.mark.parametrize(("text", "said"), [row for row in WRONG if row[1]])
def test_what_cannot_be_read_is_refused_by_its_line(text: str, said: str) -> None:
    with pytest.raises(BadSchedule) as refused:
        read_schedule(text)
    assert str(refused.value).startswith("expected ")
    assert said in str(refused.value)
