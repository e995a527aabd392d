"""What the page of the exchange's status makes of the record: trouble, or none."""

from datetime import UTC, datetime, timedelta

from accounts.status.selectors import Span
from accounts.status.services import WATCH
from zavora.pages.status_days import (
    DAYS,
    LOOK,
    availability,
    days_of,
    first_day,
    interruptions,
    lasted,
    merged,
    seconds_within,
    troubled,
    watched,
)

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def span(component: str, began_at: datetime, lasts: timedelta, state: str = "down") -> Span:
    """Return a span whose end, with the look that ends it, comes ``lasts`` after its beginning."""
    return Span(component, state, began_at, began_at + lasts - LOOK)


def test_ninety_days_are_shown_and_the_last_one_is_today() -> None:
    assert first_day(NOW) == datetime(2026, 9, 2, tzinfo=UTC)
    days = list(days_of([], [], NOW))
    assert len(days) == DAYS
    assert days[0].text == "Sep 2: not recorded"
    assert days[-1].text == "Nov 30: not recorded"


def test_times_that_overlap_count_once() -> None:
    a, b, c = NOW, NOW + HOUR, NOW + 2 * HOUR
    assert merged([(b, c), (a, b), (a, a + HOUR / 2)]) == [(a, c)]
    assert seconds_within([(a, c)], b, c + HOUR) == 3_600
    assert seconds_within([(a, b)], b, c) == 0


def test_a_day_is_up_in_trouble_or_not_recorded() -> None:
    yesterday = NOW - timedelta(days=1)
    spans = [
        span(WATCH, yesterday - HOUR, timedelta(days=1) + HOUR, state="up"),
        span("matching", NOW - HOUR, timedelta(minutes=3)),
    ]
    days = list(days_of(watched(spans), troubled(spans, "matching"), NOW))
    assert [day.kind for day in days[-3:]] == ["none", "up", "trouble"]
    assert days[-1].text == "Nov 30: 3 min"


def test_a_trouble_over_midnight_is_of_both_days() -> None:
    midnight = datetime(2026, 11, 30, tzinfo=UTC)
    spans = [span("queue", midnight - timedelta(minutes=5), timedelta(minutes=7))]
    days = list(days_of([], troubled(spans, "queue"), NOW))
    assert [day.text for day in days[-2:]] == ["Nov 29: 5 min", "Nov 30: 2 min"]


def test_a_hundred_percent_is_said_of_what_was_never_in_trouble() -> None:
    looked = watched([span(WATCH, NOW - 100 * HOUR, 100 * HOUR, state="up")])
    assert availability(looked, [], NOW) == "100.00 %"
    assert availability(looked, [(NOW - HOUR, NOW - HOUR + LOOK)], NOW) == "99.99 %"
    assert availability(looked, looked, NOW) == "0.00 %"
    assert availability([], [], NOW) == ""


def test_interruptions_are_told_newest_first_and_whether_they_are_over() -> None:
    spans = [
        span(WATCH, NOW - 100 * HOUR, 100 * HOUR, state="up"),
        span("market:BTC/USD", NOW - 2 * HOUR, HOUR, state="halted"),
        span("matching", NOW - timedelta(seconds=30), timedelta(seconds=30)),
    ]
    found = interruptions(spans, NOW, limit=5)
    assert [(one.component, one.lasted, one.is_over) for one in found] == [
        ("matching", "less than a minute", False),
        ("market:BTC/USD", "1 h 0 min", True),
    ]
    assert len(interruptions(spans, NOW, limit=1)) == 1


def test_durations_are_told_to_the_minute() -> None:
    assert [lasted(one) for one in (0, 59, 60, 3_599, 3_600, 90_061)] == [
        *("less than a minute", "less than a minute", "1 min", "59 min", "1 h 0 min"),
        "25 h 1 min",
    ]
