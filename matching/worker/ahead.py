"""One batch ahead: while PostgreSQL settles a batch, the next one is decided.

One batch at most is in flight: decided, and being written and committed by a thread of its own on
the worker's session. The next is decided on top of it, with figures that were read in a second
session before the first one's COMMIT was sent, and to which the first one's own changes are added.
It is never written before the first has committed. Where the first fails, everything decided since
is taken back in the engine, and both are settled again one after the other.
"""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

import psycopg
import structlog

from matching.commands import kind_of
from matching.worker import settle
from matching.worker.connection import connect
from matching.worker.decide import Decision, Figures, ShardContext
from matching.worker.entries import Entry
from matching.worker.lease import Position
from matching.worker.settle import Settled
from zavora.foundation.lasting import WatchedConnection

log = structlog.get_logger(__name__)

# Below this a batch waits for little but its commit, and a thread would only cost time.
FLIGHT_COMMANDS_MIN: Final = 64


class Flight:
    """A decided batch while it is being settled."""

    def __init__(
        self, connection: WatchedConnection, entries: list[Entry], decision: Decision
    ) -> None:
        self.connection = connection
        self.entries = entries
        self.decision = decision
        self.future: Future[Settled] = Future()
        # Whether its COMMIT may have been sent, and the lock under which that is decided.
        self.gate = threading.Lock()
        self.is_committing = False
        # What is to be told once it has committed; set before COMMIT is sent.
        self.written: Settled | None = None
        self.has_failed = False


def can_fly(entries: list[Entry]) -> bool:
    """Tell whether a batch is worth settling in flight, and can be."""
    return len(entries) >= FLIGHT_COMMANDS_MIN and all(
        entry.command is not None and kind_of(entry.command).may_fly and not entry.blame
        for entry in entries
    )


class Ahead:
    """The thread that settles, and the session that reads meanwhile."""

    def __init__(self, shard_id: int, owner: str) -> None:
        self._shard_id = shard_id
        self._owner = owner
        self._thread: ThreadPoolExecutor | None = None
        self._connection: psycopg.Connection[Any] | None = None

    def settle(
        self,
        connection: WatchedConnection,
        context: ShardContext,
        position: Position,
        entries: list[Entry],
        decision: Decision,
    ) -> Flight:
        """Begin to settle a decided batch; the connection is the thread's until it is done."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="settle")
        flight = Flight(connection, entries, decision)
        flight.future = self._thread.submit(_settle, flight, context, position)
        return flight

    def read_figures(
        self, context: ShardContext, entries: list[Entry], flight: Flight | None
    ) -> Figures | None:
        """Return what a batch is decided with, the batch in flight counted in.

        None where they cannot be read apart from it: then it must land first.
        """
        if flight is None:
            return self._read(context, entries)
        with flight.gate:
            figures = None if flight.is_committing else self._read(context, entries)
        if figures is None:
            return None
        for key, change in flight.decision.outcome.changes.items():
            figures.available[key] = figures.available.get(key, 0) + change.available_units
        figures.keys.update(flight.decision.keys)
        return figures

    def close(self) -> None:
        """Wait for the thread and close the second session."""
        if self._thread is not None:
            self._thread.shutdown()
        self._drop()

    def _read(self, context: ShardContext, entries: list[Entry]) -> Figures | None:
        try:
            if self._connection is None or self._connection.closed:
                self._connection = connect(shard_id=self._shard_id, owner=self._owner)
            return settle.read_figures(self._connection, entries, context.scales)
        except psycopg.Error as error:
            log.warning("figures_unreadable", shard=self._shard_id, error=str(error).strip())
            self._drop()
            return None

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _settle(flight: Flight, context: ShardContext, position: Position) -> Settled:
    """Write and commit a batch. Runs in the thread and leaves what fails to whoever waits."""
    with flight.connection.cursor() as cursor:
        settle.begin(flight.connection, context, position)
        settled = settle.write(cursor, context, flight.decision, position)
        flight.written = settled
        with flight.gate:
            flight.is_committing = True
        flight.connection.execute_lasting("COMMIT")
    return settled
