"""The one session a worker settles in: made when it is needed, and made anew when it was lost."""

import time
from collections.abc import Callable
from typing import Final

import psycopg
import structlog

from matching.worker.connection import connect, limit_transactions, require_durable
from matching.worker.lease import LeaseLost, ensure_shard, release
from zavora.foundation.lasting import WatchedConnection

log = structlog.get_logger(__name__)

RECONNECT_WAIT_MIN_S: Final = 0.05
# A failover takes seconds: whoever asks seldom then adds his pause to it.
RECONNECT_WAIT_MAX_S: Final = 0.25


class Session:
    """A worker's way to PostgreSQL. ``is_stopping`` ends a wait for a server that is away."""

    def __init__(self, shard_id: int, owner: str, is_stopping: Callable[[], bool]) -> None:
        self.shard_id = shard_id
        self.owner = owner
        self.is_stopping = is_stopping
        self._is_limited = False
        self._connection: WatchedConnection | None = None

    def connected(self) -> WatchedConnection:
        """Return the session. Raises OperationalError where the server cannot be reached."""
        if self._connection is None or self._connection.closed:
            self._connection = connect(shard_id=self.shard_id, owner=self.owner)
            require_durable(self._connection)
            ensure_shard(self._connection, self.shard_id)
            if self._is_limited:
                limit_transactions(self._connection)
        return self._connection

    def limit(self) -> None:
        """Limit transactions from now on; not while a shard is loaded, which takes its time."""
        self._is_limited = True
        limit_transactions(self.connected())

    def reconnect(self) -> WatchedConnection:
        """Connect again, however long it takes. Raises LeaseLost where the worker is to stop."""
        self.close()
        wait_s = RECONNECT_WAIT_MIN_S
        while not self.is_stopping():
            try:
                return self.connected()
            except psycopg.OperationalError as error:
                log.warning("database_unreachable", error=str(error).strip())
                time.sleep(wait_s)  # between attempts to connect
                wait_s = min(RECONNECT_WAIT_MAX_S, wait_s * 2)
        raise LeaseLost("stopped while the database was unreachable")

    def release(self, epoch: int) -> None:
        """Give the lease up, where there is a session to do it by."""
        if self._connection is not None:
            release(self._connection, shard_id=self.shard_id, epoch=epoch)

    def close(self) -> None:
        """Close it; the next use makes another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
