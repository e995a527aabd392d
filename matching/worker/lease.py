"""The lease: which worker owns a shard. Time is PostgreSQL's, the fence is epoch and sequence.

A successor waits until the lease has run out by the database's clock, ends the session of the one
before (which may hold locks while its process is stopped), and takes the next epoch. From then on
no commit of the former owner can succeed.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import psycopg
import structlog
from django.conf import settings

from matching.models import Shard
from matching.worker.connection import application_name, connect
from zavora.foundation.lasting import WatchedConnection

log = structlog.get_logger(__name__)

_SHARD = Shard._meta.db_table


class LeaseLost(Exception):
    """Another worker owns the shard now, or the tables are not what this worker last wrote."""


class Position(msgspec.Struct, frozen=True):
    """What a shard's row says: the fence, and from where to read on."""

    epoch: int
    journal_sequence: int
    last_stream_id: str
    last_batch_us: int
    last_id: int


def ensure_shard(connection: "psycopg.Connection[Any]", shard_id: int) -> None:
    """Make the shard's row if there is none."""
    # Asked first: an INSERT would wait for whoever has just changed the row and not committed.
    if connection.execute(f"SELECT 1 FROM {_SHARD} WHERE id = %s", (shard_id,)).fetchone():
        return
    connection.execute(
        f"INSERT INTO {_SHARD} (id, epoch, lease_owner, lease_expires_at, last_stream_id,"
        " journal_sequence, last_batch_at, last_id)"
        " VALUES (%s, 0, '', '-infinity', '0-0', 0, 'epoch', 0) ON CONFLICT DO NOTHING",
        (shard_id,),
    )


def try_take(connection: WatchedConnection, *, shard_id: int, owner: str) -> int | None:
    """Take the lease if it has run out; return the new epoch, or None while somebody holds it.

    Its commit waits for the replicas, and so for all that the former owner left: what is loaded
    after it may be told. Raises DoubtfulCommit where that wait was ended.
    """
    row = connection.execute(
        f"SELECT lease_expires_at < clock_timestamp(), backend_pid, lease_owner FROM {_SHARD}"
        " WHERE id = %s",
        (shard_id,),
    ).fetchone()
    if row is None or not row[0]:
        return None
    if row[1] is not None:
        # Only if that backend still is the former owner's: process ids are used again.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid = %s AND application_name = %s AND pid <> pg_backend_pid()",
            (row[1], application_name(shard_id, row[2])),
        )
    taken = connection.execute_lasting(
        f"UPDATE {_SHARD} SET epoch = epoch + 1, lease_owner = %s, backend_pid = pg_backend_pid(),"
        " lease_expires_at = clock_timestamp() + %s * interval '1 millisecond',"
        " prevented_since = coalesce(prevented_since, journal_sequence)"
        " WHERE id = %s AND lease_expires_at < clock_timestamp() RETURNING epoch",
        (owner, settings.ZAVORA_LEASE_MS, shard_id),
    ).fetchone()
    return None if taken is None else int(taken[0])


def renew(connection: "psycopg.Connection[Any]", *, shard_id: int, epoch: int) -> None:
    """Extend the lease of an idle worker; raise LeaseLost if it is no longer this worker's."""
    cursor = connection.execute(
        f"UPDATE {_SHARD} SET backend_pid = pg_backend_pid(),"
        " lease_expires_at = clock_timestamp() + %s * interval '1 millisecond'"
        " WHERE id = %s AND epoch = %s",
        (settings.ZAVORA_LEASE_MS, shard_id, epoch),
    )
    if cursor.rowcount != 1:
        raise LeaseLost(f"shard {shard_id} has another owner")


@contextmanager
def kept(*, shard_id: int, owner: str, epoch: int) -> Iterator[Callable[[], None]]:
    """Yield what renews the lease while the worker's own session is busy reading.

    It does so when a third of the lease has passed, by a session of its own, and raises LeaseLost
    if another worker owns the shard by now.
    """
    renewed_at = time.monotonic()
    session: psycopg.Connection[Any] | None = None

    def keep() -> None:
        nonlocal renewed_at, session
        if time.monotonic() - renewed_at < settings.ZAVORA_LEASE_MS / 3000:
            return
        if session is None:
            session = connect(shard_id=shard_id, owner=owner)
        renew(session, shard_id=shard_id, epoch=epoch)
        renewed_at = time.monotonic()

    try:
        yield keep
    finally:
        if session is not None:
            session.close()


def release(connection: "psycopg.Connection[Any]", *, shard_id: int, epoch: int) -> None:
    """Give the lease up at once, so that a successor need not wait for it to run out."""
    connection.execute(
        f"UPDATE {_SHARD} SET lease_expires_at = clock_timestamp(), backend_pid = NULL"
        " WHERE id = %s AND epoch = %s",
        (shard_id, epoch),
    )


def ask_position(connection: "psycopg.Connection[Any]", shard_id: int) -> "psycopg.Cursor[Any]":
    """Lock the shard's row for this transaction; ``take_position`` reads what it says."""
    return connection.execute(_POSITION + " FOR UPDATE", (shard_id,))


def take_position(asked: "psycopg.Cursor[Any]", shard_id: int) -> Position:
    """Return what the shard's row says. Raises LeaseLost where there is none."""
    row = asked.fetchone()
    if row is None:
        raise LeaseLost(f"there is no shard {shard_id}")
    return Position(*row)


def lock_position(connection: "psycopg.Connection[Any]", shard_id: int) -> Position:
    """Lock the shard's row for this transaction and return what it says."""
    return take_position(ask_position(connection, shard_id), shard_id)


def read_position(cursor: "psycopg.Cursor[Any]", shard_id: int) -> Position:
    """Return what the shard's row says, without a lock."""
    cursor.execute(_POSITION, (shard_id,))
    return take_position(cursor, shard_id)


_POSITION = (
    "SELECT epoch, journal_sequence, last_stream_id,"
    f" (extract(epoch FROM last_batch_at) * 1000000)::bigint, last_id FROM {_SHARD} WHERE id = %s"
)


def advance(
    connection: "psycopg.Connection[Any]",
    *,
    shard_id: int,
    before: Position,
    journal_sequence: int,
    last_stream_id: str,
    time_text: str,
    last_id: int,
) -> "psycopg.Cursor[Any]":
    """Write the position of a batch and extend the lease; ``require_advanced`` reads the answer.

    The fence is in its WHERE.
    """
    return connection.execute(
        f"UPDATE {_SHARD} SET journal_sequence = %s, last_stream_id = %s, last_batch_at = %s,"
        " last_id = %s, lease_expires_at = clock_timestamp() + %s * interval '1 millisecond'"
        " WHERE id = %s AND epoch = %s AND journal_sequence = %s",
        (
            journal_sequence,
            last_stream_id,
            time_text,
            last_id,
            settings.ZAVORA_LEASE_MS,
            shard_id,
            before.epoch,
            before.journal_sequence,
        ),
    )


def require_advanced(asked: "psycopg.Cursor[Any]", shard_id: int) -> None:
    """Raise LeaseLost where another worker moved the shard on."""
    if asked.rowcount != 1:
        raise LeaseLost(f"shard {shard_id} moved on without this worker")
