"""Which backups and which files of the log may go: a plan, made of manifests alone.

Nothing goes that a kept incremental stands upon, and no file of the log that a kept backup needs to
be brought to any moment after it.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import msgspec

from zavora.backup.store import Manifest
from zavora.backup.wal import SEGMENT_BYTES, Segment


class RetentionPlan(msgspec.Struct, frozen=True):
    """What to delete: backups, those first that others do not stand upon, and files of the log."""

    backups: list[str]
    segments: list[Segment]


def plan_retention(
    backups: Sequence[Manifest],
    segments: Iterable[Segment],
    *,
    keep_full: int,
    keep_days: int,
    now: datetime,
) -> RetentionPlan:
    """Return what goes.

    Kept are the newest ``keep_full`` (one at least) full backups, and those that let any moment of
    the last ``keep_days`` be recovered; with each what was taken upon it.
    """
    fulls = sorted((one for one in backups if one.kind == "full"), key=_age)
    kept = {one.name for one in fulls[-max(1, keep_full) :]}
    since = now - timedelta(days=keep_days)
    kept |= {one.name for one in fulls if one.finished_at >= since}
    # The moments before the first of those are recovered from the one before.
    before = [one for one in fulls if one.finished_at <= since]
    kept |= {one.name for one in before[-1:]}
    by_name = {one.name: one for one in backups}
    roots = {one.name: _root(one, by_name) for one in backups}
    # One whose chain is broken is of no use, and not ours to judge: it stays until seen to.
    gone = [one for one in backups if (root := roots[one.name]) is not None and root not in kept]
    staying = [one for one in backups if one not in gone]
    floor = min((one.start_lsn // SEGMENT_BYTES for one in staying), default=0)
    return RetentionPlan(
        backups=[one.name for one in sorted(gone, key=_age, reverse=True)],
        segments=sorted(segment for segment in segments if segment.number < floor),
    )


def _age(one: Manifest) -> tuple[datetime, str]:
    return one.finished_at, one.name


def _root(one: Manifest, by_name: dict[str, Manifest]) -> str | None:
    """Return the full backup that one stands upon, or None where its chain is broken."""
    while one.parent is not None:
        parent = by_name.get(one.parent)
        if parent is None:
            return None
        one = parent
    return one.name
