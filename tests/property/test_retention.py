"""Whatever chains there are, and whatever is pruned: what stays can be restored."""

from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from zavora.backup.retention import plan_retention
from zavora.backup.store import Manifest
from zavora.backup.wal import SEGMENT_BYTES, Segment, missing_segments, segment_of

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
# One backup after the other: whether it is full, hours since the one before, segments between.
CHAINS = st.lists(
    st.tuples(st.booleans(), st.integers(1, 24 * 20), st.integers(0, 5)), min_size=1, max_size=14
)


def chain_of(steps: list[tuple[bool, int, int]], timelines: list[int]) -> list[Manifest]:
    made: list[Manifest] = []
    when = NOW - timedelta(hours=sum(hours for _, hours, _ in steps))
    number = 3
    for at, (is_full, hours, segments) in enumerate(steps):
        when += timedelta(hours=hours)
        number += segments
        parent = None if is_full or not made else made[-1].name
        made.append(
            Manifest(
                name=f"{at:04}", kind="incremental" if parent else "full", parent=parent,
                system_identifier="1", server_version="18.6", major=18,
                timeline=timelines[min(at, len(timelines) - 1)],
                start_lsn=number * SEGMENT_BYTES + 40, end_lsn=number * SEGMENT_BYTES + 400,
                began_at=when, finished_at=when, database="zavora", owner="zavora", plain_bytes=1,
                migrations={}, journal={}, files=[],
            )
        )  # fmt: skip
    return made


@given(CHAINS, st.integers(1, 5), st.integers(0, 60))
def test_what_stays_can_be_restored(
    steps: list[tuple[bool, int, int]], keep_full: int, keep_days: int
) -> None:
    backups = chain_of(steps, [1])
    newest = backups[-1].start_lsn // SEGMENT_BYTES + 3
    log = [Segment(1, number) for number in range(1, newest)]

    plan = plan_retention(backups, log, keep_full=keep_full, keep_days=keep_days, now=NOW)

    gone = set(plan.backups)
    stays = [one for one in backups if one.name not in gone]
    kept_log = set(log) - set(plan.segments)
    names = {one.name for one in stays}
    # Each has what it stands upon, and all the log from its beginning on.
    for one in stays:
        assert one.parent is None or one.parent in names
        first = one.start_lsn // SEGMENT_BYTES
        assert {Segment(1, number) for number in range(first, newest)} <= kept_log
    assert missing_segments(kept_log) == []
    # The newest full ones stay, and a backup for each moment of the last days that had one.
    fulls = [one.name for one in backups if one.kind == "full"]
    assert set(fulls[-keep_full:]) <= names
    since = NOW - timedelta(days=keep_days)
    for moment in (since + timedelta(hours=h) for h in range(0, keep_days * 24 + 1, 12)):
        had = any(one.finished_at <= moment for one in backups)
        assert had is any(one.finished_at <= moment for one in stays) or moment < since
    # Who stands upon others goes before them; what is deleted first breaks nothing that is left.
    for at, name in enumerate(plan.backups):
        left = [one for one in backups if one.name not in plan.backups[: at + 1]]
        assert all(one.parent != name for one in left)
    # Again there is nothing to do.
    again = plan_retention(stays, kept_log, keep_full=keep_full, keep_days=keep_days, now=NOW)
    assert (again.backups, again.segments) == ([], [])


@given(CHAINS)
def test_what_is_older_than_both_bounds_goes(steps: list[tuple[bool, int, int]]) -> None:
    backups = chain_of(steps, [1])
    fulls = [one for one in backups if one.kind == "full"]

    plan = plan_retention(backups, [], keep_full=1, keep_days=0, now=NOW)

    expected = {one.name for one in backups if one.finished_at < fulls[-1].finished_at}
    assert set(plan.backups) == expected


@given(CHAINS, st.integers(0, 13))
def test_a_broken_chain_is_left_to_a_person(steps: list[tuple[bool, int, int]], lost: int) -> None:
    backups = chain_of(steps, [1])
    lost_name = backups[lost % len(backups)].name
    there = [one for one in backups if one.name != lost_name]

    plan = plan_retention(there, [], keep_full=1, keep_days=0, now=NOW)

    orphans = {one.name for one in there if one.parent == lost_name}
    assert not orphans & set(plan.backups)


@given(st.integers(1, 2**32 - 1), st.integers(0, 2**40 - 1))
def test_names_of_segments_are_read_as_written(timeline: int, number: int) -> None:
    segment = Segment(timeline, number)

    assert segment_of(segment.name) == segment
    assert msgspec.structs.astuple(segment) == (timeline, number)
