"""Ids that begin with a time: ``milliseconds since 2025 << 13``, below that what their maker likes.

What is split by months is split by such ids, so an id tells the month (docs/adr/0043-months.md).
"""

from typing import Final

EPOCH_2025_MS: Final = 1_735_689_600_000
TIME_SHIFT: Final = 13
# All ids that one batch gives to rows lie within so many milliseconds of its first.
BATCH_MS_MAX: Final = 2_000
# So many fit beside the rest in a BIGINT.
_MILLISECONDS_MAX: Final = 1 << 49


def first_id_of(milliseconds: int) -> int:
    """Return the lowest id that a time (milliseconds since 1970) can have."""
    after = min(max(0, milliseconds - EPOCH_2025_MS), _MILLISECONDS_MAX)
    return after << TIME_SHIFT


def time_ms_of(row_id: int) -> int:
    """Return the time (milliseconds since 1970) with which an id begins."""
    return (row_id >> TIME_SHIFT) + EPOCH_2025_MS
