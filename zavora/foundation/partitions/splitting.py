"""The migration of a table that is there into the first partition of one that is split.

Nothing is rewritten. Each step can be interrupted and repeated, and none holds a lock that batches
wait for longer than ``LOCK_WAIT_MS``: who does not get it lets all that queued behind pass first.
"""

import time
from typing import Any, Final

from django.db import OperationalError, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.utils import CursorWrapper
from psycopg.errors import LockNotAvailable

# Well below what a batch may take (1.98 s, ``matching.worker``).
LOCK_WAIT_MS: Final = 800
LOCK_TRIES_MAX: Final = 60
LOCK_PAUSE_S: Final = 0.5
# For how long the first partition takes rows, from the begin of this month or day on, and how much
# of that must be left where a migration was interrupted and goes on.
_LASTS: Final = {"month": ("2 months", "14 days"), "day": ("7 days", "3 days")}

_STATE: Final = """
SELECT c.relkind, k.convalidated,
    (regexp_match(pg_get_constraintdef(k.oid), '< ''?(\\d+)'))[1]::bigint
        >= zavora_first_id_of(now() + %s::interval)
FROM pg_class c
LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.conname = %s
WHERE c.oid = to_regclass(%s)
"""
_HIGH: Final = (
    "SELECT zavora_first_id_of((date_trunc(%s, now() AT TIME ZONE 'UTC') + %s::interval)"
    " AT TIME ZONE 'UTC')"
)


class LockNotTaken(Exception):
    """The table was in use all the time; the message says what to do."""


def split_table(
    schema_editor: BaseDatabaseSchemaEditor, table: str, *, period: str, before: str = ""
) -> None:
    """Make ``table`` the first partition of a table of its name; does nothing where it is one.

    ``before`` is SQL for the same transaction. Call outside of one. Raises LockNotTaken.
    """
    bounds = f"{table}_first_bounds"
    lasts, left_min = _LASTS[period]
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(_STATE, [left_min, bounds, table])
        kind, is_valid, is_enough = cursor.fetchone()
        if kind == "p":
            return
        if is_valid is None or not is_enough:
            cursor.execute(_HIGH, [period, lasts])
            (high,) = cursor.fetchone()
            _locked(
                schema_editor,
                f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS {bounds},'
                f" ADD CONSTRAINT {bounds} CHECK (id < {int(high)}) NOT VALID",
            )
        # Reads the whole table, beside everybody who writes it.
        cursor.execute(f'ALTER TABLE "{table}" VALIDATE CONSTRAINT {bounds}')
        high = _bound(cursor, table, bounds)
    _locked(schema_editor, before, f"SELECT zavora_split_table('{table}', {high})")


def drop_key(schema_editor: BaseDatabaseSchemaEditor, table: str, to: str) -> None:
    """Drop the foreign key from one table to another, where there is one. Raises LockNotTaken."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'f'"
            " AND conrelid = to_regclass(%s) AND confrelid = to_regclass(%s)",
            [table, to],
        )
        names = [name for (name,) in cursor.fetchall()]
    for name in names:
        _locked(schema_editor, f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}"')


def _bound(cursor: CursorWrapper, table: str, bounds: str) -> int:
    cursor.execute(
        "SELECT (regexp_match(pg_get_constraintdef(oid), '< ''?(\\d+)'))[1]::bigint"
        " FROM pg_constraint WHERE conrelid = to_regclass(%s) AND conname = %s",
        [table, bounds],
    )
    return int(cursor.fetchone()[0])


def _locked(schema_editor: BaseDatabaseSchemaEditor, *statements: str) -> None:
    """Execute statements in one transaction that waits for no lock for long, and try again."""
    connection: Any = schema_editor.connection
    for _ in range(LOCK_TRIES_MAX):
        try:
            with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT_MS}ms'")
                for statement in filter(None, statements):
                    cursor.execute(statement)
        except OperationalError as error:
            if not isinstance(error.__cause__, LockNotAvailable):
                raise
            time.sleep(LOCK_PAUSE_S)
        else:
            return
    raise LockNotTaken(
        f"a lock could not be had within {LOCK_WAIT_MS} ms in {LOCK_TRIES_MAX} tries: end what"
        " holds the table for long (pg_stat_activity) and migrate again; what was done stays"
    )
