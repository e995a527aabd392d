"""The worker's own PostgreSQL session: durable, impatient with itself, recognisable to others."""

from typing import Any, Final

import psycopg
import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

from zavora.foundation.lasting import UnsafeServer, WatchedConnection, require_replica

log = structlog.get_logger(__name__)

# A stopped process must not keep its locks longer than its lease.
_LEASE_SHARE: Final = 0.66
_TRANSACTION_TIMEOUT_SINCE: Final = 170_000
# A batch finds its rows by their keys. A plan made while a table was new and small must not scan
# it ever after.
_PLANS: Final = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off"
# What Django's connection parameters hold for Django's own use.
_OF_DJANGO: Final = ("context", "cursor_factory", "isolation_level", "prepare_threshold")


def application_name(shard_id: int, owner: str) -> str:
    """Return the name under which a worker's session shows in pg_stat_activity."""
    return f"zavora-worker-{shard_id}-{owner}"


def connect(*, shard_id: int, owner: str, using: str = DEFAULT_DB_ALIAS) -> WatchedConnection:
    """Open the session a worker settles batches in. Autocommit: transactions are explicit.

    ``using``: another server, for who only reads.
    """
    given = connections[using].get_connection_params()
    for name in _OF_DJANGO:
        given.pop(name, None)
    patience_ms = int(settings.ZAVORA_LEASE_MS * _LEASE_SHARE)
    session: dict[str, Any] = {
        "application_name": application_name(shard_id, owner),
        "connect_timeout": 3,
        "keepalives_idle": 1,
        "keepalives_interval": 1,
        "keepalives_count": 2,
        "tcp_user_timeout": patience_ms,
        "options": (
            f"-c idle_in_transaction_session_timeout={patience_ms} -c synchronous_commit=on"
            f" -c tcp_user_timeout={patience_ms} -c timezone=UTC -c jit=off {_PLANS}"
        ),
    }
    return WatchedConnection.connect(autocommit=True, **(given | session))


def limit_transactions(connection: "psycopg.Connection[Any]") -> None:
    """Have the server end a transaction that takes longer than a batch may (PostgreSQL 17 on).

    After statements that were sent together it may count a session that waits in a transaction
    as busy, and never as idle.
    """
    if connection.info.server_version >= _TRANSACTION_TIMEOUT_SINCE:
        patience_ms = int(settings.ZAVORA_LEASE_MS * _LEASE_SHARE)
        connection.execute(f"SET transaction_timeout = {patience_ms}")


def require_durable(connection: "psycopg.Connection[Any]") -> None:
    """Raise UnsafeServer where PostgreSQL would not keep what it acknowledges."""
    for name in ("fsync", "full_page_writes"):
        row = connection.execute(f"SHOW {name}").fetchone()
        if row is None or row[0] != "on":
            raise UnsafeServer(
                f"PostgreSQL runs with {name} off: acknowledged orders could be lost"
            )
    # By this very session: another may be of a server that is gone.
    require_replica(connection)
