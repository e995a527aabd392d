"""Times as the API writes them: RFC 3339, UTC, ``Z``, always six decimals."""

import time
from datetime import datetime
from functools import lru_cache

from zavora.foundation.times import microseconds_of, now_us


@lru_cache(maxsize=1024)
def _second_text(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def time_text(microseconds: int) -> str:
    """Return microseconds since 1970 as ``2026-01-31T12:00:00.000000Z``."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{_second_text(seconds)}.{rest:06d}Z"


def moment_text(moment: datetime) -> str:
    """Return a time as the API writes it."""
    return time_text(microseconds_of(moment))


def now_text() -> str:
    """Return the present time as the API writes it."""
    return time_text(now_us())
