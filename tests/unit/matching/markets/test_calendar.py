"""When phases change by the clock: weekends, holidays, and days of 23 and of 25 hours."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from matching.markets.calendar import (
    Change,
    last_change,
    next_change,
    next_phase,
    time_zones,
)
from matching.markets.terms import MarketRules
from zavora.foundation.times import microseconds_of, moment_of

WEEK = """
    Mon-Fri 08:55 auction
    Mon-Fri 09:00 continuous
    Mon-Fri 17:30 closed
    2026-12-24 08:55 auction
    2026-12-24 09:00 continuous
    2026-12-24 13:00 closed
    2026-12-25 closed
    2027-01-01 closed
"""
# Around the clock but for an hour of maintenance, in the hour that is skipped, or comes twice.
NIGHTLY = "daily 02:15 closed\ndaily 02:45 continuous"
BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"


def us(text: str) -> int:
    return microseconds_of(datetime.fromisoformat(text).replace(tzinfo=UTC))


def shown(change: Change | None) -> str:
    if change is None:
        return "never"
    return f"{moment_of(change.at_us):%Y-%m-%d %H:%M} {change.phase}"


# schedule, zone, from when on (UTC), and what follows (UTC)
FOLLOWING = [
    # Monday the 30th of November 2026; Berlin is an hour ahead of UTC.
    (WEEK, BERLIN, "2026-11-30T07:54", "2026-11-30 07:55 auction"),
    (WEEK, BERLIN, "2026-11-30T07:55", "2026-11-30 08:00 continuous"),
    (WEEK, BERLIN, "2026-11-30T08:00", "2026-11-30 16:30 closed"),
    (WEEK, "UTC", "2026-11-30T08:55", "2026-11-30 09:00 continuous"),
    # The other way: its Monday goes on in UTC's Tuesday.
    ("Mon 22:30 closed", NEW_YORK, "2026-11-30T12:00", "2026-12-01 03:30 closed"),
    ("Mon 01:00 closed", "Pacific/Auckland", "2026-11-28T12:00", "2026-11-29 12:00 closed"),
    # A weekend, holidays, a short day, and the last line of the year's.
    (WEEK, BERLIN, "2026-12-04T16:30", "2026-12-07 07:55 auction"),
    (WEEK, BERLIN, "2026-12-24T08:00", "2026-12-24 12:00 closed"),
    (WEEK, BERLIN, "2026-12-24T12:00", "2026-12-24 23:00 closed"),
    (WEEK, BERLIN, "2026-12-24T23:00", "2026-12-28 07:55 auction"),
    # Summer: the same clock, another time.
    (WEEK, BERLIN, "2027-06-01T06:00", "2027-06-01 06:55 auction"),
    (WEEK, BERLIN, "2027-03-26T16:30", "2027-03-29 06:55 auction"),
    # 02:15 is skipped in Berlin on the 28th of March 2027 as two turns three (01:00 UTC). What
    # lies in that hour is then, of several the last.
    (NIGHTLY, BERLIN, "2027-03-27T02:00", "2027-03-28 01:00 continuous"),
    (NIGHTLY, BERLIN, "2027-03-28T01:00", "2027-03-29 00:15 closed"),
    ("daily 02:30 closed\ndaily 03:00 continuous", BERLIN, "2027-03-28T00:59",
     "2027-03-28 01:00 continuous"),
    ("daily 01:59 closed\ndaily 03:01 continuous", BERLIN, "2027-03-28T00:00",
     "2027-03-28 00:59 closed"),
    # An hour that comes twice on the 31st of October 2027: the first of them counts.
    (NIGHTLY, BERLIN, "2027-10-30T12:00", "2027-10-31 00:15 closed"),
    (NIGHTLY, BERLIN, "2027-10-31T00:15", "2027-10-31 00:45 continuous"),
    (NIGHTLY, BERLIN, "2027-10-31T00:45", "2027-11-01 01:15 closed"),
    # Half an hour is skipped and repeated there.
    ("daily 02:15 closed", "Australia/Lord_Howe", "2027-10-02T12:00", "2027-10-02 15:30 closed"),
    # Midnight itself is skipped where clocks change then.
    ("daily closed", "Africa/Cairo", "2027-04-29T12:00", "2027-04-29 22:00 closed"),
    # Dates alone.
    ("2026-12-24 13:00 closed\n2030-01-02 09:00 continuous", "UTC", "2026-12-24T13:00",
     "2030-01-02 09:00 continuous"),
    ("2026-12-24 13:00 closed", "UTC", "2026-12-24T13:00", "never"),
    ("# nothing", "UTC", "2026-12-24T13:00", "never"),
    ("Sun 00:00 closed", "UTC", "2026-11-29T00:00", "2026-12-06 00:00 closed"),
    # The only day of its week is another one this time.
    ("Mon 09:00 continuous\n2026-12-07 11:00 auction", "UTC", "2026-11-30T09:00",
     "2026-12-07 11:00 auction"),
]  # fmt: skip


@pytest.mark.parametrize(("schedule", "zone", "after", "expected"), FOLLOWING)
def test_the_next_change(schedule: str, zone: str, after: str, expected: str) -> None:
    assert shown(next_change(schedule, zone, us(after))) == expected


STANDING = [
    (WEEK, BERLIN, "2026-11-30T07:54", "2026-11-27 16:30 closed"),
    (WEEK, BERLIN, "2026-11-30T07:55", "2026-11-30 07:55 auction"),
    (WEEK, BERLIN, "2026-11-30T12:00", "2026-11-30 08:00 continuous"),
    (WEEK, BERLIN, "2026-12-27T12:00", "2026-12-24 23:00 closed"),
    (NIGHTLY, BERLIN, "2027-03-28T01:00", "2027-03-28 01:00 continuous"),
    (NIGHTLY, BERLIN, "2027-10-31T01:30", "2027-10-31 00:45 continuous"),
    ("2026-12-24 13:00 closed", "UTC", "2031-01-01T00:00", "2026-12-24 13:00 closed"),
    ("2026-12-24 13:00 closed", "UTC", "2026-12-24T12:59", "never"),
    ("", "UTC", "2026-12-24T12:59", "never"),
]


@pytest.mark.parametrize(("schedule", "zone", "now", "expected"), STANDING)
def test_the_last_change(schedule: str, zone: str, now: str, expected: str) -> None:
    assert shown(last_change(schedule, zone, us(now))) == expected


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, "Australia/Lord_Howe", "Africa/Cairo"])
def test_a_year_is_walked_through_in_the_order_of_the_lines(zone: str) -> None:
    schedule = "daily 00:00 pre_open\ndaily 00:30 auction\n" + "\n".join(
        f"daily {hour:02}:15 {phase}"
        for hour, phase in enumerate(("continuous", "post_only", "closed", "continuous"), start=1)
    )
    after_us, end_us, changes = us("2027-01-01T00:00"), us("2028-01-01T00:00"), []
    while (change := next_change(schedule, zone, after_us)) and change.at_us < end_us:
        assert change.at_us > after_us
        assert last_change(schedule, zone, change.at_us) == change
        assert last_change(schedule, zone, change.at_us - 1) == (
            changes[-1] if changes else last_change(schedule, zone, us("2027-01-01T00:00"))
        )
        changes.append(change)
        after_us = change.at_us
    # Six a day; on the one day when some are skipped, those are at the same time as the next.
    assert 365 * 6 - 4 <= len(changes) <= 365 * 6


def rules(**changes: Any) -> MarketRules:
    return MarketRules(Decimal(1), Decimal(1), **changes)


@pytest.mark.parametrize(
    ("phase", "delists", "now", "expected"),
    [
        ("closed", None, "2026-12-24T12:30", "2026-12-28 07:55 auction"),  # the 25th is no change
        ("continuous", None, "2026-12-24T12:30", "2026-12-24 23:00 closed"),
        ("continuous", None, "2026-11-30T08:00:59", "2026-11-30 16:30 closed"),
        ("auction", None, "2026-11-30T07:54:59", "2026-11-30 08:00 continuous"),
        ("halted", None, "2026-11-30T07:54", "never"),
        ("cancel_only", "2026-12-01T00:00", "2026-11-30T07:54", "never"),
        ("closed", "2026-12-25T07:00", "2026-12-24T12:30", "2026-12-25 07:00 delisted"),
        ("closed", "2026-12-30T07:00", "2026-12-24T12:30", "2026-12-28 07:55 auction"),
        ("delisted", "2026-11-30T07:00", "2026-12-24T12:30", "never"),
    ],
)
def test_what_a_market_is_to_be_next(
    phase: str, delists: str | None, now: str, expected: str
) -> None:
    delists_at = datetime.fromisoformat(delists).replace(tzinfo=UTC) if delists else None
    found = rules(phase=phase, schedule=WEEK, time_zone=BERLIN, delists_at=delists_at)
    assert shown(next_phase(found, us(now))) == expected


def test_a_market_without_a_schedule_stays_as_it_is() -> None:
    assert next_phase(rules(), us("2026-12-24T12:30")) is None


def test_zones_are_known_by_their_names() -> None:
    assert {"UTC", BERLIN, NEW_YORK} <= time_zones()
    assert "Europe/Bielefeld" not in time_zones()
