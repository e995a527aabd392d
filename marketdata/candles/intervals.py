"""The intervals of candles and where each one opens: aligned to UTC, weeks on Monday.

Three-day candles count from 1970-01-01, months from the calendar.
"""

from datetime import UTC, datetime
from typing import Final

from zavora.foundation.errors import ValidationFailed

SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
DAY_US: Final = 86_400 * SECOND_US
WEEK_US: Final = 7 * DAY_US
MONTH: Final = "1M"

# Fixed lengths in microseconds; a month has none.
_LENGTHS_US: Final = {
    "1s": SECOND_US,
    "1m": MINUTE_US,
    "3m": 3 * MINUTE_US,
    "5m": 5 * MINUTE_US,
    "15m": 15 * MINUTE_US,
    "30m": 30 * MINUTE_US,
    "1h": 60 * MINUTE_US,
    "2h": 120 * MINUTE_US,
    "4h": 240 * MINUTE_US,
    "6h": 360 * MINUTE_US,
    "8h": 480 * MINUTE_US,
    "12h": 720 * MINUTE_US,
    "1d": DAY_US,
    "3d": 3 * DAY_US,
    "1w": WEEK_US,
}
INTERVALS: Final = (*_LENGTHS_US, MONTH)

# 1970-01-01 was a Thursday: the first Monday came four days later.
_WEEK_OFFSET_US: Final = 4 * DAY_US


def check_interval(interval: str) -> str:
    """Return ``interval`` if candles exist for it, else raise ValidationFailed."""
    if interval not in INTERVALS:
        raise ValidationFailed(
            "unknown interval", interval=f"expected one of {', '.join(INTERVALS)}"
        )
    return interval


def open_us(interval: str, time_us: int) -> int:
    """Return when the candle that holds ``time_us`` opens, in microseconds since 1970."""
    if interval == MONTH:
        moment = datetime.fromtimestamp(time_us // SECOND_US, UTC)
        return int(datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp()) * SECOND_US
    length = _LENGTHS_US[interval]
    offset = _WEEK_OFFSET_US if length == WEEK_US else 0
    return time_us - (time_us - offset) % length


def next_open_us(interval: str, opened_us: int) -> int:
    """Return when the candle after the one that opened at ``opened_us`` opens."""
    if interval == MONTH:
        # Any moment 32 days later lies in the next month.
        return open_us(MONTH, opened_us + 32 * DAY_US)
    return opened_us + _LENGTHS_US[interval]


def previous_open_us(interval: str, opened_us: int) -> int:
    """Return when the candle before the one that opened at ``opened_us`` opens."""
    return open_us(interval, opened_us - 1)
