"""Whether what can be read here would outlive this database server.

PostgreSQL shows a commit once the synchronous replicas have it, as a rule. Not always: where the
session that waits for them is ended or its wait cancelled, and after a crash, rows can be read that
no replica has, and a failover loses them. Whoever tells somebody "it happened" because of a row
that was read therefore passes a barrier first: a transaction of our own, written after the row was
visible, whose commit waits for the replicas. They take everything in order, so they have the row.

The wait cannot be taken back (a cancelled one reports success), so one session of the process waits
for all: who comes while it waits is served by the next round, and gives up by their own clock.
"""

import asyncio
import os
import select
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Final

import psycopg
import structlog
from django.conf import settings
from django.db import connection as django_connection
from psycopg.pq import ExecStatus, TransactionStatus

from zavora.foundation.errors import OutcomeUnknown

log = structlog.get_logger(__name__)

# How long a reader waits for the replicas before it is told that the outcome is not known.
WAIT_MAX_S: Final = 1.0
# Where no replica is named nothing is waited for, and that is asked this often at most.
UNNAMED_S: Final = 1.0
# The session is closed when nobody has needed it for so long.
IDLE_S: Final = 30.0
CONNECT_S: Final = 2
# Writes a record of its own into the log, readable by nobody, in a transaction that must commit.
_ROUND: Final = (
    "SELECT pg_logical_emit_message(true, 'zavora', '')"
    " WHERE current_setting('synchronous_standby_names') <> ''"
)
# What Django's connection parameters hold for Django's own use.
_OF_DJANGO: Final = ("context", "cursor_factory", "isolation_level", "prepare_threshold")


# What a commit waits for before it is reported: at least a flush here and on the replicas.
WAITING_COMMITS: Final = ("on", "remote_apply")


class UnsafeServer(Exception):
    """A server is set up so that acknowledged work could be lost."""


class DoubtfulCommit(psycopg.OperationalError):
    """A commit ended with a warning: it is there, and perhaps nowhere else."""


class CommitNotInTime(DoubtfulCommit):
    """A commit was sent and not answered in time."""


class Warnings:
    """The warnings that a session was told since they were last looked at."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._texts: list[str] = []
        connection.add_notice_handler(self._note)

    def _note(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            self._texts.append(diagnostic.message_primary or "a warning")

    def clear(self) -> None:
        """Forget them, before a commit."""
        self._texts.clear()

    def require_none(self) -> None:
        """Raise DoubtfulCommit where the commit just made came with a warning."""
        if self._texts:
            text = "; ".join(self._texts)
            self._texts.clear()
            raise DoubtfulCommit(f"the commit is in doubt: {text}")


class WatchedConnection(psycopg.Connection[Any]):
    """A session whose commits are successes only without a warning. Autocommit, so far as ours."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.warnings = Warnings(self)

    def execute_lasting(self, statement: str, *arguments: Any) -> "psycopg.Cursor[Any]":
        """Execute a COMMIT, or a statement that commits by itself; raise DoubtfulCommit."""
        self.warnings.clear()
        cursor = self.execute(statement, *arguments)
        self.warnings.require_none()
        return cursor


class _Barrier:
    """One process's rounds: a thread and a session that exist while somebody needs them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[Future[None]] = []
        self._is_running = self._is_closing = False
        self._pid = os.getpid()
        self._unnamed_until = 0.0
        self._connection: WatchedConnection | None = None

    def join(self) -> "Future[None] | None":
        """Return what is done once a round that begins from now on has passed; None: no need."""
        if os.getpid() != self._pid:
            self.__init__()  # type: ignore[misc]  # a fork has neither the thread nor the session
        if time.monotonic() < self._unnamed_until:
            return None
        future: Future[None] = Future()
        with self._changed:
            self._waiting.append(future)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._serve, name="lasting", daemon=True).start()
            self._changed.notify()
        return future

    def close(self) -> None:
        """Let the thread end once it has served who waits already."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
            while self._is_running and self._changed.wait(CONNECT_S):
                pass

    def leave(self, future: "Future[None]") -> None:
        """Wait no longer: nothing is kept for who has gone."""
        with self._changed:
            if future in self._waiting:
                self._waiting.remove(future)

    def _serve(self) -> None:
        while waiting := self._next():
            try:
                self._pass()
            except Exception as error:
                log.warning("replicas_not_asked", error=str(error).strip())
                self._drop()
                failure = OutcomeUnknown("The exchange's database is not reachable right now.")
                for future in waiting:
                    _end(future, failure)
            else:
                for future in waiting:
                    _end(future, None)

    def _next(self) -> "list[Future[None]]":
        """Wait for those of the next round; nobody for a while ends the thread."""
        with self._changed:
            if not self._waiting and not self._is_closing:
                self._changed.wait(IDLE_S)
            waiting, self._waiting = self._waiting, []
            if not waiting:
                self._is_running = self._is_closing = False
                self._drop()
                self._changed.notify_all()
            return waiting

    def _pass(self) -> None:
        """Go one round; a session kept from before may have lost its server meanwhile."""
        if self._connection is not None and not self._connection.closed:
            try:
                self._go_round(self._connection)
            except DoubtfulCommit:
                raise
            except psycopg.OperationalError:
                self._drop()
            else:
                return
        self._connection = _connect()
        self._go_round(self._connection)

    def _go_round(self, connection: WatchedConnection) -> None:
        is_named = connection.execute_lasting(_ROUND).fetchone() is not None
        self._unnamed_until = 0.0 if is_named else time.monotonic() + UNNAMED_S

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _end(future: "Future[None]", error: Exception | None) -> None:
    if future.set_running_or_notify_cancel():
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


def _connect() -> WatchedConnection:
    given = django_connection.get_connection_params()
    for name in _OF_DJANGO:
        given.pop(name, None)
    session: dict[str, Any] = {
        "application_name": "zavora-lasting",
        "connect_timeout": CONNECT_S,
        "keepalives_idle": 1,
        "keepalives_interval": 1,
        "keepalives_count": 2,
        "tcp_user_timeout": 3_000,
        "options": "-c synchronous_commit=on",
    }
    return WatchedConnection.connect(autocommit=True, **(given | session))


_barrier: Final = _Barrier()


def close() -> None:
    """End the session now; the next who waits opens another."""
    _barrier.close()


def wait(*, timeout_s: float = WAIT_MAX_S) -> None:
    """Return once all that this thread has read would outlive the server.

    Raises OutcomeUnknown where that cannot be said in time.
    """
    future = _barrier.join()
    if future is None:
        return
    try:
        future.result(timeout_s)
    except FutureTimeoutError:
        _barrier.leave(future)
        raise _unknown() from None


async def wait_async(*, timeout_s: float = WAIT_MAX_S) -> None:
    """Do what ``wait`` does, in an event loop."""
    future = _barrier.join()
    if future is None:
        return
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.wrap_future(future)
    except TimeoutError:
        _barrier.leave(future)
        raise _unknown() from None


def _unknown() -> OutcomeUnknown:
    return OutcomeUnknown(
        "The exchange's replicas do not confirm what was found; look it up again later."
    )


# --- commits in time ------------------------------------------------------------------------------

# So many commits that were not answered in time may wait in a process. PostgreSQL keeps a session
# for each until a replica is back, and has only so many.
SET_ASIDE_MAX: Final = 8
_aside: Final[list["psycopg.Connection[Any]"]] = []
_aside_lock: Final = threading.Lock()
_commit_max_s: float | None = None


def bound_commits(seconds: float | None) -> None:
    """Give commits of Django's so much time from now on; None: as long as it takes.

    For processes that answer people. A command or a task had better wait.
    """
    global _commit_max_s
    _commit_max_s = seconds


def commit_max_s() -> float | None:
    """Return how long a commit may take; None: as long as it takes."""
    return _commit_max_s


def commit(connection: "psycopg.Connection[Any]") -> None:
    """Commit what is open. Raises CommitNotInTime where no answer came in the time given."""
    if _commit_max_s is None:
        connection.commit()
        return
    pgconn = connection.pgconn
    if pgconn.transaction_status == TransactionStatus.IDLE:
        return
    deadline = time.monotonic() + _commit_max_s
    pgconn.send_query(b"COMMIT")
    while pgconn.flush():
        _await_socket(pgconn.socket, select.POLLOUT, deadline)
    failure: psycopg.Error | None = None
    while True:
        while pgconn.is_busy():
            _await_socket(pgconn.socket, select.POLLIN, deadline)
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            break
        if result.status != ExecStatus.COMMAND_OK:
            failure = psycopg.errors.error_from_result(result)
    if failure is not None:
        raise failure


def _await_socket(descriptor: int, event: int, deadline: float) -> None:
    poll = select.poll()
    poll.register(descriptor, event)
    if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise CommitNotInTime("the commit was not answered in time")


def set_aside(connection: "psycopg.Connection[Any]") -> None:
    """Keep a session whose commit was not answered until it is."""
    with _aside_lock:
        _aside.append(connection)


def is_full_of_waiting() -> bool:
    """Tell whether as many commits wait as may; those that have been answered count no more."""
    if not _aside:
        return False
    with _aside_lock:
        for connection in list(_aside):
            if _is_answered(connection):
                _aside.remove(connection)
                connection.close()
        return len(_aside) >= SET_ASIDE_MAX


def _is_answered(connection: "psycopg.Connection[Any]") -> bool:
    try:
        connection.pgconn.consume_input()
        return not connection.pgconn.is_busy()
    except psycopg.Error:
        return True


# --- what an operator asks for --------------------------------------------------------------------


# What sessions begin with; ours set it themselves, others of the operator's do not.
_NAMED: Final = (
    "SELECT current_setting('synchronous_standby_names'),"
    " (SELECT reset_val FROM pg_settings WHERE name = 'synchronous_commit')"
)


def require_replica(session: "psycopg.Connection[Any] | None" = None) -> None:
    """Raise UnsafeServer where a synchronous replica is required and commits wait for none.

    ``session``: whose server is asked, by default Django's. Raises what asking raises.
    """
    if not settings.ZAVORA_REQUIRE_SYNC_REPLICA:
        return
    if session is None:
        with django_connection.cursor() as cursor:
            cursor.execute(_NAMED)
            row = cursor.fetchone()
    else:
        row = session.execute(_NAMED).fetchone()
    names, commit = row or ("", "")
    if not names.strip():
        raise UnsafeServer(
            "ZAVORA_REQUIRE_SYNC_REPLICA is on and PostgreSQL names no synchronous replica: set"
            " synchronous_standby_names (docs/operations.md), or switch the requirement off"
        )
    if commit not in WAITING_COMMITS:
        raise UnsafeServer(
            f"ZAVORA_REQUIRE_SYNC_REPLICA is on and PostgreSQL's synchronous_commit is {commit}:"
            " set it to on or remote_apply, for the server, the database and the role"
        )
