"""Times as whole microseconds since 1970 in UTC, and as moments of Python: one epoch, exact."""

import time
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# The beginning of year 9999: later ones overflow in zones east of Greenwich.
MOMENT_US_MAX: Final = 253_370_764_800_000_000


def microseconds_of(moment: datetime) -> int:
    """Return a time as microseconds since 1970, exactly."""
    since = moment - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment_of(time_us: int) -> datetime:
    """Return microseconds since 1970 as a moment in UTC, exactly, or the last that there is."""
    return EPOCH + timedelta(microseconds=min(time_us, MOMENT_US_MAX))


def now_us() -> int:
    """Return the present time in microseconds since 1970."""
    return time.time_ns() // 1_000


def now_ms() -> int:
    """Return the present time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
