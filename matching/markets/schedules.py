"""Schedules: which phase a market has when, as an operator writes it, a line for each change.

::

    Mon-Fri 08:55 auction       # until the next line; what comes after this sign is for people
    Mon-Fri 09:00 continuous
    Mon-Fri 17:30 closed
    2026-12-24 09:00 continuous
    2026-12-24 13:00 closed     # the lines of a date are all that happens on it
    2026-12-25 closed           # from midnight on

Days are ``Mon`` to ``Sun``, ranges and several of them with commas between, ``daily``, or a date.
When that is, is for the time zone to say (``matching.markets.calendar``).
"""

import re
from datetime import date
from functools import lru_cache
from typing import Final, get_args

import msgspec

from matching.engine.phases import BY_CLOCK
from matching.engine.rules import MarketPhase

SCHEDULE_LENGTH_MAX: Final = 8_000
SCHEDULE_LINES_MAX: Final = 400
# How many schedules a process remembers.
SCHEDULES_MAX: Final = 1_024
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
PHASES: Final = tuple(phase for phase in get_args(MarketPhase) if phase in BY_CLOCK)
_TIME: Final = re.compile(r"(?a:([01]\d|2[0-3]):([0-5]\d))")
_DATE: Final = re.compile(r"(?a:\d{4}-\d\d-\d\d)")


class BadSchedule(ValueError):
    """A schedule that cannot be read; says what was expected in which line."""


class Line(msgspec.Struct, frozen=True):
    """A change on some day. ``minute``: of the day, by the clock of the place."""

    minute: int
    phase: MarketPhase


class Schedule(msgspec.Struct, frozen=True):
    """What happens on each day of the week, and on dates that are unlike it; by time."""

    weekdays: tuple[tuple[Line, ...], ...]
    dates: dict[date, tuple[Line, ...]]

    @property
    def closes(self) -> bool:
        """Tell whether it ever closes the market."""
        days = (*self.weekdays, *self.dates.values())
        return any(line.phase == "closed" for lines in days for line in lines)

    def lines_of(self, day: date) -> tuple[Line, ...]:
        """Return what happens on a day."""
        return self.dates.get(day, self.weekdays[day.weekday()])


@lru_cache(SCHEDULES_MAX)
def read_schedule(text: str) -> Schedule:
    """Return a schedule as it is written. Raises BadSchedule."""
    if len(text) > SCHEDULE_LENGTH_MAX:
        raise BadSchedule(f"expected at most {SCHEDULE_LENGTH_MAX} letters")
    lines = text.splitlines()
    if len(lines) > SCHEDULE_LINES_MAX:
        raise BadSchedule(f"expected at most {SCHEDULE_LINES_MAX} lines")
    found: dict[int | date, dict[int, MarketPhase]] = {}
    for number, line in enumerate(lines, start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        days, minute, phase = _read_line(words, number)
        for day in days:
            of_day = found.setdefault(day, {})
            if minute in of_day:
                raise BadSchedule(f"expected one change at a time: line {number} is another")
            of_day[minute] = phase
    return Schedule(
        tuple(_sorted(found.get(weekday, {})) for weekday in range(len(DAYS))),
        {day: _sorted(of_day) for day, of_day in found.items() if isinstance(day, date)},
    )


def _sorted(of_day: dict[int, MarketPhase]) -> tuple[Line, ...]:
    return tuple(Line(minute, phase) for minute, phase in sorted(of_day.items()))


def _read_line(words: list[str], number: int) -> tuple[list[int | date], int, MarketPhase]:
    """Return the days of a line, by number or date, and which minute brings which phase."""
    if len(words) not in (2, 3):
        raise BadSchedule(
            f"expected days, a time and a phase in line {number}, such as Mon-Fri 09:00 continuous"
        )
    minute = 0
    if len(words) == 3:
        time = _TIME.fullmatch(words[1])
        if time is None:
            raise BadSchedule(
                f"expected a time such as 09:00 in line {number}, not {_cited(words[1])}"
            )
        minute = int(time[1]) * 60 + int(time[2])
    for phase in PHASES:
        if words[-1].lower() == phase:
            return _read_days(words[0], number), minute, phase
    raise BadSchedule(
        f"expected one of {', '.join(PHASES)} in line {number}, not {_cited(words[-1])}"
    )


def _read_days(word: str, number: int) -> list[int | date]:
    if _DATE.fullmatch(word):
        try:
            return [date.fromisoformat(word)]
        except ValueError:
            raise BadSchedule(f"expected a date in line {number}, not {word}") from None
    if word.lower() == "daily":
        return list(range(len(DAYS)))
    days: list[int | date] = []
    for part in word.lower().split(","):
        first, _, last = part.partition("-")
        if first not in DAYS or (last or first) not in DAYS:
            raise BadSchedule(
                f"expected days such as Mon-Fri, daily or a date in line {number},"
                f" not {_cited(word)}"
            )
        begin = DAYS.index(first)
        # A range may go over the end of the week: Sun-Thu.
        days += [
            (begin + day) % len(DAYS)
            for day in range((DAYS.index(last or first) - begin) % len(DAYS) + 1)
        ]
    return days


def _cited(word: str) -> str:
    return repr(word[:40])
