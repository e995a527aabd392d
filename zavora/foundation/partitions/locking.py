"""Changes of tables beside batches: who does not get a lock soon lets all pass and tries again."""

import time
from contextlib import nullcontext
from typing import Final

from django.db import OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.errors import LockNotAvailable

# Well below what a batch may take (1.98 s, ``matching.worker``): all that comes later queues behind
# who waits.
LOCK_WAIT_MS: Final = 150
LOCK_TRIES_MAX: Final = 200
LOCK_PAUSE_S: Final = 0.2


class LockNotTaken(Exception):
    """The table was in use all the time; the message says what to do."""


def execute_patiently(
    connection: BaseDatabaseWrapper, *statements: str, is_atomic: bool = True
) -> None:
    """Execute statements, as one transaction or each by itself. Raises LockNotTaken."""
    for _ in range(LOCK_TRIES_MAX):
        if _is_done(connection, statements, is_atomic=is_atomic):
            return
        time.sleep(LOCK_PAUSE_S)
    raise LockNotTaken(
        f"a lock could not be had within {LOCK_WAIT_MS} ms in {LOCK_TRIES_MAX} tries: end what"
        " holds the table for long (pg_stat_activity) and try again; what was done stays"
    )


def _is_done(
    connection: BaseDatabaseWrapper, statements: tuple[str, ...], *, is_atomic: bool
) -> bool:
    whole = transaction.atomic(using=connection.alias) if is_atomic else nullcontext()
    try:
        with whole, connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{LOCK_WAIT_MS}ms'")
            for statement in filter(None, statements):
                cursor.execute(statement)
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            return False
        raise
    finally:
        if not connection.in_atomic_block:
            with connection.cursor() as cursor:
                cursor.execute("RESET lock_timeout")
    return True
