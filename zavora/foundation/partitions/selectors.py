"""Which partitions there are, attached or not, and for how long those last that are ready."""

from datetime import datetime
from typing import Any, Final

import msgspec
from django.db import connection
from django.db.backends.utils import CursorWrapper
from psycopg import Cursor

AnyCursor = CursorWrapper | Cursor[Any]

ID_MIN: Final = -(2**63)
# Attached ones by what they were attached with, others by their constraint and their name.
_LISTED: Final = """
SELECT s.parent, p.name, p.low, p.high, s.period, s.unfinished, s.carried, true,
    p.is_waiting
FROM zavora_partitioned() s, zavora_partitions(s.parent) p
UNION ALL
SELECT s.parent, c.relname,
    (regexp_match(pg_get_constraintdef(k.oid), '>= ''?(-?\\d+)'))[1]::bigint,
    (regexp_match(pg_get_constraintdef(k.oid), '< ''?(-?\\d+)'))[1]::bigint,
    s.period, s.unfinished, s.carried, false, false
FROM zavora_partitioned() s
JOIN pg_class c ON c.relname ~ ('^' || s.parent || '_(first|\\d{6}|\\d{8})$')
    AND c.relkind = 'r' AND NOT c.relispartition AND c.relnamespace = current_schema()::regnamespace
JOIN pg_constraint k ON k.conrelid = c.oid AND k.conname = c.relname || '_bounds'
ORDER BY 1, 4
"""
_AHEAD: Final = """
SELECT s.parent, count(p.name) FILTER (WHERE p.low > zavora_first_id_of(now()))
FROM zavora_partitioned() s LEFT JOIN LATERAL zavora_partitions(s.parent) p ON true
GROUP BY s.parent ORDER BY s.parent
"""
_KEPT_SINCE: Final = """
SELECT zavora_time_of(max(begun.low)) FROM zavora_partitioned() s, LATERAL (
    SELECT p.low FROM zavora_partitions(s.parent) p WHERE NOT p.is_waiting LIMIT 1
) AS begun
WHERE s.period = 'month' AND (
    EXISTS (SELECT FROM zavora_archived) OR EXISTS (
        SELECT FROM pg_class c WHERE c.relkind = 'r' AND NOT c.relispartition
            AND c.relname ~ ('^' || s.parent || '_(first|\\d{6})$')))
"""
_ARCHIVED: Final = (
    "SELECT name, parent, low, high, rows, manifest_sha256, archived_at FROM zavora_archived"
    " ORDER BY parent, high"
)


class Archived(msgspec.Struct, frozen=True):
    """A partition whose rows are in a file and no more in the database."""

    name: str
    parent: str
    low: int | None
    high: int
    rows: int
    manifest_sha256: str
    archived_at: datetime


class Partition(msgspec.Struct, frozen=True):
    """A part of a table: the rows whose ids are from ``low`` (None: any) to below ``high``.

    ``unfinished``: which rows are no history yet; ``carried``: what is kept of those in archives,
    "sums" for each account and asset, or "numbers" of each market's. ``is_waiting``: taking it off
    its table was interrupted.
    """

    table: str
    name: str
    low: int | None
    high: int
    period: str
    unfinished: str | None
    carried: str | None
    is_attached: bool
    is_waiting: bool


def list_partitions(cursor: AnyCursor) -> list[Partition]:
    """Return all partitions in the database by table and time, those that were detached as well."""
    cursor.execute(_LISTED)
    return [Partition(*row) for row in cursor.fetchall()]


def partitions_ahead() -> dict[str, int]:
    """Return, for each table that is split, how many partitions are ready that begin later.

    Below two somebody should look why no more are made: where they end, inserts are refused.
    """
    with connection.cursor() as cursor:
        cursor.execute(_AHEAD)
        return dict(cursor.fetchall())


def list_archived(cursor: AnyCursor) -> list[Archived]:
    """Return what was archived and dropped, the oldest of each table first."""
    cursor.execute(_ARCHIVED)
    return [Archived(*row) for row in cursor.fetchall()]


def archived_below(cursor: AnyCursor) -> int:
    """Return the id below which rows of some table are in archives alone."""
    cursor.execute("SELECT max(high) FROM zavora_archived")
    (high,) = cursor.fetchone() or (None,)
    return ID_MIN if high is None else int(high)


def whole_tables(cursor: AnyCursor) -> dict[str, str]:
    """Return, by name, what to select from for all rows of a table that are in the database.

    Of those alone that have partitions which were detached and not dropped.
    """
    apart: dict[str, list[str]] = {}
    for partition in list_partitions(cursor):
        if not partition.is_attached or partition.is_waiting:
            apart.setdefault(partition.table, []).append(partition.name)
    return {
        table: f"({' UNION ALL '.join(f'SELECT * FROM {name}' for name in (table, *names))})"
        for table, names in apart.items()
    }


def kept_since(cursor: AnyCursor) -> datetime | None:
    """Return since when every table has all of its rows; None where nothing has left any.

    Who shows history of before says so: there is more, in archives.
    """
    cursor.execute(_KEPT_SINCE)
    (moment,) = cursor.fetchone() or (None,)
    return moment
