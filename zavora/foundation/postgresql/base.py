"""The database wrapper (Django's ENGINE): a commit is bounded in time, and a warning is no success.

Services of people and money commit through it. A commit that waits for a replica cannot be taken
back; who asked for it is told that the outcome is not known, and its session is set aside until it
is. Few may be set aside at a time: beyond that nothing new is begun.
"""

from typing import Any

import psycopg
from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSQLWrapper
from django.db.backends.utils import debug_transaction
from django.db.utils import OperationalError

from zavora.foundation import lasting


class DatabaseWrapper(PostgreSQLWrapper):
    """A connection of Django's."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> "psycopg.Connection[Any]":
        """Connect, and listen to what the server says beside its answers."""
        connection: psycopg.Connection[Any] = super().get_new_connection(conn_params)
        self._warnings = lasting.Warnings(connection)
        return connection

    def init_connection_state(self) -> None:
        """Let commits of ours be kept, whatever the server's default; bound waits for locks."""
        super().init_connection_state()
        commit_s = lasting.commit_max_s()
        with self.cursor() as cursor:
            if commit_s is not None:
                # A session that was set aside may hold what this one wants.
                cursor.execute(f"SET lock_timeout = {int(commit_s * 1000)}")
            cursor.execute(
                "SELECT set_config('synchronous_commit', 'on', false)"
                " WHERE current_setting('synchronous_commit') <> ALL (%s)",
                [list(lasting.WAITING_COMMITS)],
            )

    def _set_autocommit(self, autocommit: bool) -> None:
        if not autocommit and lasting.is_full_of_waiting():
            raise OperationalError("too many commits wait for a replica; nothing was begun")
        super()._set_autocommit(autocommit)  # type: ignore[misc]  # not in the stubs

    def _commit(self) -> None:
        if self.connection is None:
            return
        with debug_transaction(self, "COMMIT"), self.wrap_database_errors:
            self._warnings.clear()
            try:
                lasting.commit(self.connection)
            except lasting.CommitNotInTime:
                lasting.set_aside(self.connection)
                self.connection = None
                raise
            self._warnings.require_none()
