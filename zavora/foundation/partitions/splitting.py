"""The migration of a table that is there into the first partition of one that is split.

Nothing is rewritten, each step can be interrupted and repeated, and no batch waits for one.
"""

from typing import Final

from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from zavora.foundation.partitions.locking import execute_patiently

# For how long the first partition takes rows, from the begin of this month or day on, and how much
# of that must be left where a migration was interrupted and goes on.
_LASTS: Final = {"month": ("2 months", "14 days"), "day": ("7 days", "3 days")}

_STATE: Final = """
SELECT c.relkind, (regexp_match(pg_get_constraintdef(k.oid), '< ''?(\\d+)'))[1]::bigint,
    zavora_first_id_of(now() + %s::interval),
    zavora_first_id_of((date_trunc(%s, now() AT TIME ZONE 'UTC') + %s::interval)
        AT TIME ZONE 'UTC')
FROM pg_class c
LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.conname = %s
WHERE c.oid = to_regclass(%s)
"""
_KEYS: Final = (
    "SELECT conname FROM pg_constraint WHERE contype = 'f'"
    " AND conrelid = to_regclass(%s) AND confrelid = to_regclass(%s)"
)


def split_table(
    schema_editor: BaseDatabaseSchemaEditor, table: str, *, period: str, before: str = ""
) -> None:
    """Make ``table`` the first partition of a table of its name; does nothing where it is one.

    ``before`` is SQL for the transaction that does it. Call outside of one. Raises LockNotTaken.
    """
    connection = schema_editor.connection
    bounds = f"{table}_first_bounds"
    lasts, left_min = _LASTS[period]
    with connection.cursor() as cursor:
        cursor.execute(_STATE, [left_min, period, lasts, bounds, table])
        kind, high, high_min, fresh_high = cursor.fetchone()
    if kind == "p":
        return
    if high is None or high < high_min:
        high = fresh_high
        execute_patiently(
            connection,
            f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS {bounds},'
            f" ADD CONSTRAINT {bounds} CHECK (id < {high}) NOT VALID",
        )
    # Reads the whole table, beside everybody who writes it.
    execute_patiently(connection, f'ALTER TABLE "{table}" VALIDATE CONSTRAINT {bounds}')
    execute_patiently(connection, before, f"SELECT zavora_split_table('{table}', {high})")


def drop_key(schema_editor: BaseDatabaseSchemaEditor, table: str, to: str) -> None:
    """Drop the foreign key from one table to another, where there is one. Raises LockNotTaken."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(_KEYS, [table, to])
        names = [name for (name,) in cursor.fetchall()]
    for name in names:
        execute_patiently(
            schema_editor.connection, f'ALTER TABLE "{table}" DROP CONSTRAINT "{name}"'
        )
