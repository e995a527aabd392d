"""Migrations beside batches: who does not get a lock at once lets all pass, and tries again.

An ALTER TABLE that waits for one long transaction makes everybody wait who comes after it. So each
migration that is one transaction has a short ``lock_timeout``; where it runs out nothing of it is
done, and it is tried again. Those that are not have bounds of their own
(``zavora.foundation.partitions.locking``), or build indexes concurrently, which lock nobody out and
have to wait for whoever began before.
"""

import time
from collections.abc import Callable
from typing import Final

from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from psycopg.errors import LockNotAvailable

from zavora.foundation.partitions.locking import (
    LOCK_PAUSE_S,
    LOCK_TRIES_MAX,
    LOCK_WAIT_MS,
    LockNotTaken,
)
from zavora.upgrade.waiting import Holder, Holders, holders, still_there

# So often whoever runs it is told for whom it waits.
TOLD_EVERY: Final = 25


class Patience:
    """Runs migrations on a connection; ``say`` tells for whom they wait."""

    def __init__(
        self,
        connection: BaseDatabaseWrapper,
        say: Callable[[str], None],
        *,
        tries_max: int = LOCK_TRIES_MAX,
    ) -> None:
        self._connection = connection
        self._say = say
        self._tries_max = tries_max
        self._usual: str | None = None
        # As tests may be; then nothing is ended that is not ours.
        self._is_inside = connection.in_atomic_block

    def before(self, migration: Migration) -> None:
        """Set the bound for a migration that begins now."""
        if self._usual is None:
            with self._connection.cursor() as cursor:
                cursor.execute("SHOW lock_timeout")
                self._usual = str(cursor.fetchone()[0])
        self._set(f"{LOCK_WAIT_MS}ms" if migration.atomic else self._usual)

    def run(self, apply: Callable[[bool], None]) -> None:
        """Apply what is not applied yet, again and again while a lock is not to be had.

        What is done stays, so that each time it goes on from there; ``apply`` is told whether it
        is asked again. Raises LockNotTaken.
        """
        former: Holders = {}
        in_the_way: list[Holder] = []
        for number in range(1, self._tries_max + 1):
            try:
                apply(number > 1)
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable):
                    raise
                self._end_migration()
                now = holders(self._connection)
                in_the_way, former = still_there(former, now), now
                if number % TOLD_EVERY == 0 and in_the_way:
                    self._say(f"waits: {_told(in_the_way)}")
                time.sleep(LOCK_PAUSE_S)
            else:
                self._end_migration()
                return
        raise LockNotTaken(
            f"a lock could not be had within {LOCK_WAIT_MS} ms in {self._tries_max} tries, and"
            f" nothing waits for it any more; {_told(in_the_way) or 'nobody holds it for long'}."
            " End that (SELECT pg_terminate_backend(pid)) and migrate again: what was done stays"
        )

    def _end_migration(self) -> None:
        """Be as before it, however it ended."""
        if self._connection.in_atomic_block and not self._is_inside:
            # Django leaves it so where a statement fails that it had put off to the end.
            self._connection.close()
            self._connection.connect()
        if self._usual is not None:
            self._set(self._usual)

    def _set(self, bound: str) -> None:
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT set_config('lock_timeout', %s, false)", [bound])


def _told(found: list[Holder]) -> str:
    return "; ".join(one.text() for one in found)
