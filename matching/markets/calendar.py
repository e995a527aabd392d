"""When the phases of markets change by the clock: schedules in their time zones.

Pure: told the time, and nothing but. Only the worker acts on it (``matching.worker.calendar``);
others say what is to come. A time that the clock skips in spring is when it skips it, one that it
shows twice in autumn is the first of the two: so changes come in the order of their lines.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

import msgspec

from matching.engine.phases import BY_CLOCK
from matching.engine.rules import MarketPhase
from matching.markets.schedules import Schedule, read_schedule
from matching.markets.terms import MarketRules
from zavora.foundation.times import microseconds_of, moment_of

_DAY: Final = timedelta(days=1)
# The day before and the one after, by any zone's clock, and a week: a schedule that has days of the
# week has a change in it, as dates that replace them have one, too.
_WINDOW_DAYS: Final = 9
_MINUTE_US: Final = 60_000_000
# Holidays in a row, of which none changes anything, that are looked over for the next change.
_SAME_MAX: Final = 40


class Change(msgspec.Struct, frozen=True):
    """The phase that a market is to have from a time on, in microseconds since 1970."""

    at_us: int
    phase: MarketPhase


@lru_cache(1)
def time_zones() -> frozenset[str]:
    """Return the names of all time zones that there are here; UTC's needs no tables."""
    return frozenset(available_timezones()) | {"UTC"}


def next_change(text: str, time_zone: str, after_us: int) -> Change | None:
    """Return the first change by a schedule after a time; None: none is to come."""
    schedule, zone = read_schedule(text), ZoneInfo(time_zone)
    first = moment_of(after_us).astimezone(zone).date() - _DAY
    days = [first + _DAY * number for number in range(_WINDOW_DAYS + 1)]
    following = (day for day in schedule.dates if day > days[-1])
    days += sorted(following)[:1]
    found: Change | None = None
    for change in _changes(schedule, zone, days):
        if change.at_us > after_us:
            if found is not None and change.at_us > found.at_us:
                break
            found = change  # of several at once the last
    return found


def last_change(text: str, time_zone: str, now_us: int) -> Change | None:
    """Return the last change by a schedule up to now; None: there was none yet."""
    schedule, zone = read_schedule(text), ZoneInfo(time_zone)
    last = moment_of(now_us).astimezone(zone).date() + _DAY
    days = [last - _DAY * number for number in reversed(range(_WINDOW_DAYS + 1))]
    earlier = (day for day in schedule.dates if day < days[0])
    days = sorted(earlier)[-1:] + days
    found = None
    for change in _changes(schedule, zone, days):
        if change.at_us > now_us:
            break
        found = change
    return found


def next_phase(rules: MarketRules, now_us: int) -> Change | None:
    """Return when a market is to be in another phase than now by the clock, its end counted in.

    None: never, or an operator has stopped it, and the clock does not change that.
    """
    if rules.phase not in BY_CLOCK or rules.time_zone not in time_zones():
        return None
    change = _next_other(rules.schedule, rules.time_zone, rules.phase, now_us // _MINUTE_US)
    if rules.delists_at is not None:
        ends_us = microseconds_of(rules.delists_at)
        if change is None or ends_us <= change.at_us:
            return Change(ends_us, "delisted")
    return change


# Lines are of whole minutes, and so are time zones: within a minute the answer is one.
@lru_cache(4_096)
def _next_other(schedule: str, time_zone: str, phase: str, minute: int) -> Change | None:
    change = next_change(schedule, time_zone, minute * _MINUTE_US)
    for _ in range(_SAME_MAX):
        if change is None or change.phase != phase:
            break
        change = next_change(schedule, time_zone, change.at_us)
    return change


def _changes(schedule: Schedule, zone: ZoneInfo, days: list[date]) -> Iterator[Change]:
    """Yield the changes of some days, in order."""
    for day in days:
        for line in schedule.lines_of(day):
            moment = _moment_of(datetime.combine(day, time(*divmod(line.minute, 60))), zone)
            yield Change(microseconds_of(moment), line.phase)


def _moment_of(local: datetime, zone: ZoneInfo) -> datetime:
    """Return when the clock of a place shows a time first, or skips it."""
    late = local.replace(tzinfo=zone).astimezone(UTC)
    if late.astimezone(zone).replace(tzinfo=None) == local:
        return late
    # It is put forward over that time: by one offset too early, by the other too late.
    early = local.replace(tzinfo=zone, fold=1).astimezone(UTC)
    before = early.astimezone(zone).utcoffset()
    while late - early > timedelta(seconds=1):
        middle = early + timedelta(seconds=(late - early) // timedelta(seconds=2))
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late
