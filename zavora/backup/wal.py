"""Names and numbers of PostgreSQL's write-ahead log (its documentation: "WAL Internals")."""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

SEGMENT_BYTES: Final = 16 << 20
_SEGMENTS_A_LOG: Final = (1 << 32) // SEGMENT_BYTES
_SEGMENT: Final = re.compile(r"[0-9A-F]{24}")
# What PostgreSQL archives beside segments: histories of timelines and notes of base backups.
_BESIDE: Final = re.compile(r"[0-9A-F]{8}\.history|[0-9A-F]{24}\.[0-9A-F]{8}\.backup")
_PARTIAL: Final = re.compile(r"[0-9A-F]{24}\.partial")


class Segment(msgspec.Struct, frozen=True, order=True):
    """One file of the log: a timeline, and its number, which goes on through all timelines."""

    timeline: int
    number: int

    @property
    def name(self) -> str:
        """What PostgreSQL calls it."""
        log, part = divmod(self.number, _SEGMENTS_A_LOG)
        return f"{self.timeline:08X}{log:08X}{part:08X}"


def is_archivable(name: str) -> bool:
    """Return whether PostgreSQL archives files of such a name."""
    return any(pattern.fullmatch(name) for pattern in (_SEGMENT, _BESIDE, _PARTIAL))


def segment_of(name: str) -> Segment | None:
    """Return the segment that a file holds whole, or None for any other file."""
    if not _SEGMENT.fullmatch(name):
        return None
    log, part = int(name[8:16], 16), int(name[16:], 16)
    return Segment(int(name[:8], 16), log * _SEGMENTS_A_LOG + part)


def lsn_of(text: str) -> int:
    """Return a place in the log as a number: ``0/16B3748``. Raises ValueError."""
    high, _, low = text.partition("/")
    return (int(high, 16) << 32) | int(low, 16)


def number_at(lsn: int) -> int:
    """Return the number of the segment that holds the byte before ``lsn``."""
    return max(0, lsn - 1) // SEGMENT_BYTES


def missing_segments(present: Iterable[Segment]) -> list[Segment]:
    """Return what is missing between the first and the last segment of each timeline, sorted."""
    numbers: dict[int, set[int]] = {}
    for segment in present:
        numbers.setdefault(segment.timeline, set()).add(segment.number)
    return sorted(
        Segment(timeline, number)
        for timeline, there in numbers.items()
        for number in range(min(there), max(there))
        if number not in there
    )
