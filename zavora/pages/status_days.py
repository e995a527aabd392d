"""What the record of the exchange's status says of each day: plain arithmetic of times."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Final, NamedTuple

from accounts.status.selectors import Span
from accounts.status.services import GAP_MAX, WATCH

DAYS: Final = 90
# A look says nothing of what was before it, and holds until the next one.
LOOK: Final = timedelta(seconds=15)
_DAY: Final = timedelta(days=1)
_MINUTE_S: Final = 60

Times = list[tuple[datetime, datetime]]


class Day(NamedTuple):
    """A day of a part. ``kind``: "none" (nobody looked), "up" or "trouble"."""

    kind: str
    text: str


class Interruption(NamedTuple):
    """A time in which a part was not as it should be; ``is_over``: it is now."""

    component: str
    state: str
    began_at: datetime
    lasted: str
    is_over: bool


def first_day(now: datetime) -> datetime:
    """Return the midnight (UTC) that the oldest day shown begins with."""
    today = datetime.combine(now.astimezone(UTC).date(), time.min, UTC)
    return today - (DAYS - 1) * _DAY


def watched(spans: Iterable[Span]) -> Times:
    """Return when somebody looked, oldest first."""
    return merged(_times(span) for span in spans if span.component == WATCH)


def troubled(spans: Iterable[Span], component: str) -> Times:
    """Return when a part was in trouble, oldest first."""
    return merged(_times(span) for span in spans if span.component == component)


def _times(span: Span) -> tuple[datetime, datetime]:
    return span.began_at, span.seen_at + LOOK


def merged(times: Iterable[tuple[datetime, datetime]]) -> Times:
    """Return times as ones that do not overlap, oldest first."""
    whole: Times = []
    for began, ended in sorted(times):
        if whole and began <= whole[-1][1]:
            whole[-1] = (whole[-1][0], max(whole[-1][1], ended))
        else:
            whole.append((began, ended))
    return whole


def seconds_within(times: Times, began: datetime, ended: datetime) -> int:
    """Return for how long of a time one of others was."""
    parts = ((max(one, began), min(other, ended)) for one, other in times)
    total = sum(((other - one) for one, other in parts if other > one), timedelta())
    return int(total.total_seconds())


def days_of(looked: Times, trouble: Times, now: datetime) -> Iterator[Day]:
    """Yield each day, oldest first."""
    began = first_day(now)
    for _ in range(DAYS):
        ended = began + _DAY
        name = f"{began:%b} {began.day}"
        seconds = seconds_within(trouble, began, ended)
        if seconds:
            yield Day("trouble", f"{name}: {lasted(seconds)}")
        elif seconds_within(looked, began, ended):
            yield Day("up", f"{name}: as it should be")
        else:
            yield Day("none", f"{name}: not recorded")
        began = ended


def availability(looked: Times, trouble: Times, now: datetime) -> str:
    """Return the share of the time looked at in which all was well; empty: nobody looked.

    Cut, not rounded: 100 % is said of a part that was never in trouble alone.
    """
    since, until = first_day(now), now + LOOK
    total = seconds_within(looked, since, until)
    if not total:
        return ""
    bad = min(total, seconds_within(trouble, since, until))
    hundredths = (total - bad) * 10_000 // total
    return f"{hundredths // 100}.{hundredths % 100:02} %"


def interruptions(spans: Iterable[Span], now: datetime, *, limit: int) -> list[Interruption]:
    """Return what was not as it should be, the newest first."""
    found = [
        Interruption(
            span.component,
            span.state,
            span.began_at,
            lasted(int((span.seen_at + LOOK - span.began_at).total_seconds())),
            now - span.seen_at > GAP_MAX,
        )
        for span in spans
        if span.component != WATCH
    ]
    found.sort(key=lambda one: one.began_at, reverse=True)
    return found[:limit]


def lasted(seconds: int) -> str:
    """Return how long something was, to the minute or hour."""
    if seconds < _MINUTE_S:
        return "less than a minute"
    minutes = seconds // _MINUTE_S
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{minutes} min"
