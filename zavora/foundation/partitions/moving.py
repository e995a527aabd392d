"""Old partitions leave their table and come back: beside batches, from the oldest on.

What is attached is always one stretch of time up to now, so that one moment tells what is missing.
"""

from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper

from zavora.foundation.errors import Conflict, NotFound
from zavora.foundation.partitions.locking import execute_patiently
from zavora.foundation.partitions.selectors import Partition, list_partitions

# What is split by days goes by itself.
DAY: Final = "day"
# Trades are counted for fees the day after, and later where celery stood still.
_IS_PAST: Final = "SELECT %s <= zavora_first_id_of(now() - interval '7 days')"


def find_partition(connection: BaseDatabaseWrapper, name: str) -> Partition:
    """Return a partition by its name. Raises NotFound."""
    with connection.cursor() as cursor:
        for partition in list_partitions(cursor):
            if partition.name == name:
                return partition
    raise NotFound(f"there is no partition {name}", name="one of `manage.py partitions list`")


def detach(connection: BaseDatabaseWrapper, name: str) -> Partition:
    """Take a partition off its table without a pause; one that was interrupted is finished.

    The table stays in the database, as it was, and can be attached again. Raises NotFound, and
    Conflict where it is not the oldest, not over for a week, or holds orders that are
    open or were that long.
    """
    found = find_partition(connection, name)
    if not found.is_attached:
        return found
    if not found.is_waiting:
        _check_leaving(connection, found)
        try:
            execute_patiently(
                connection,
                f"ALTER TABLE {found.table} DETACH PARTITION {name} CONCURRENTLY",
                is_atomic=False,
            )
        except Exception:
            if not find_partition(connection, name).is_waiting:
                raise
    if find_partition(connection, name).is_waiting:
        execute_patiently(
            connection,
            f"ALTER TABLE {found.table} DETACH PARTITION {name} FINALIZE",
            is_atomic=False,
        )
    return find_partition(connection, name)


def _check_leaving(connection: BaseDatabaseWrapper, found: Partition) -> None:
    if found.period == DAY:
        raise Conflict("events are kept for a day and go by themselves", name="another table's")
    with connection.cursor() as cursor:
        attached = [p for p in list_partitions(cursor) if p.table == found.table and p.is_attached]
        if attached[0].name != found.name:
            raise Conflict(
                f"{found.name} is not the oldest that is attached", name=attached[0].name
            )
        cursor.execute(_IS_PAST, [found.high])
        if cursor.fetchone() != (True,):
            raise Conflict(
                f"{found.name} takes rows, or did within a week", name="a month that is over"
            )
        if found.unfinished is not None:
            cursor.execute(f"SELECT id FROM {found.name} WHERE {found.unfinished} LIMIT 1")
            row = cursor.fetchone()
            if row is not None:
                raise Conflict(
                    f"row {row[0]} of {found.name} is open, or was changed within a week",
                    name="a month without open orders",
                )


def attach(connection: BaseDatabaseWrapper, name: str) -> Partition:
    """Give a detached partition back to its table without a pause.

    Raises NotFound, and Conflict where later ones are still missing.
    """
    found = find_partition(connection, name)
    if found.is_waiting:
        raise Conflict(f"detaching {name} was interrupted", name="`partitions detach` first")
    if found.is_attached:
        return found
    with connection.cursor() as cursor:
        every = [p for p in list_partitions(cursor) if p.table == found.table]
    first = next((p for p in every if p.is_attached), None)
    if first is not None and first.low != found.high:
        raise Conflict(f"{name} does not end where the attached ones begin", name="a later one")
    low = "MINVALUE" if found.low is None else f"'{found.low}'"
    execute_patiently(
        connection,
        f"ALTER TABLE {found.table} ATTACH PARTITION {name}"
        f" FOR VALUES FROM ({low}) TO ('{found.high}')",
    )
    return find_partition(connection, name)
