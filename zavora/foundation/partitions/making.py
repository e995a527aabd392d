"""Partitions that are to come, made before they are needed."""

from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

AHEAD_DEFAULT: Final = 3
# As the function of the database, which whoever serves may call.
AHEAD_MAX: Final = 12


def is_split(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether the tables are of a version that splits them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regprocedure('zavora_make_partitions(integer)') IS NOT NULL")
        return bool(cursor.fetchone() == (True,))


def make_partitions(connection: BaseDatabaseWrapper, *, ahead: int = AHEAD_DEFAULT) -> list[str]:
    """Make, for each table that is split, as many later partitions as are missing; name them.

    Rerunnable, beside batches: a new one is attached, which locks nobody out.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT zavora_make_partitions(%s)", [ahead])
        return [name for (name,) in cursor.fetchall()]
