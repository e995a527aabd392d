"""Settling a batch: what becomes of it in PostgreSQL is said by a value, whatever goes wrong.

``Settlement`` is what the rest of the worker needs of the tables. It never touches the engine: it
is given what decides a batch, and whoever asked takes back what did not commit.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

import msgspec
import psycopg
import structlog
from django.conf import settings

from accounts.money.balances import BalanceKey
from accounts.money.ledger import read_totals
from matching.commands import kind_of
from matching.commands.room import Crowded
from matching.rows.checkpoints import Damaged
from matching.rows.handovers import Waiting, list_waiting
from matching.worker import lease, meter, transaction
from matching.worker.connection import connect
from matching.worker.decide import Decision, Figures, ShardContext
from matching.worker.entries import Entry
from matching.worker.handed import read_handed
from matching.worker.lease import Position
from matching.worker.memory import Decided
from matching.worker.rebuild import read_assets
from matching.worker.results import (
    Committed,
    InDoubt,
    Moved,
    Passing,
    Refused,
    Result,
    is_passing,
)
from matching.worker.session import Session
from matching.worker.transaction import FundsMoved, KeysTaken, Settled
from zavora.foundation.errors import InvariantBroken, ZavoraError
from zavora.foundation.lasting import DoubtfulCommit, WatchedConnection

log = structlog.get_logger(__name__)


class Batch(msgspec.Struct):
    """Commands to be settled as one transaction, and what it stands on.

    ``decide`` is called once with what was read for it. ``watched``: balances whose totals it
    needs.
    """

    entries: list[Entry]
    context: ShardContext
    position: Position
    decide: Callable[[Figures], Decided]
    watched: set[BalanceKey]


class Settlement(Protocol):
    """The shard's tables, as a worker that holds its lease uses them.

    Whatever becomes of a batch is a ``Result``; LeaseLost is raised where the shard has another
    owner, and other exceptions where nothing can be done about them.
    """

    # When the lease was extended last, of the monotonic clock.
    renewed_at: float

    def settle(self, batch: Batch) -> Result:
        """Read what a batch is decided with, decide it, write it and commit."""

    def settle_decided(
        self, batch: Batch, decision: Decision, before_commit: Callable[[], None]
    ) -> Result:
        """Write and commit a batch that is decided already. May run in a thread of its own."""

    def read_figures(self, context: ShardContext, entries: list[Entry]) -> Figures | None:
        """Return what a batch is decided with, as of now, while another one is being settled.

        None where it cannot be read just now.
        """

    def list_waiting(self) -> list[Waiting]:
        """Return what other shards let go to this one; nothing where it cannot be read just now."""

    def read_handed(self, context: ShardContext, entries: list[Entry]) -> None:
        """Read anew what a batch adopts, if it does; what cannot be read is not there."""

    def look_up(self) -> Position:
        """Return the shard's position under its lock, however long it takes to get it."""

    def keep_lease(self) -> None:
        """Renew the lease if a third of it has passed."""

    def renew_lease(self) -> None:
        """Renew the lease now; a lost session is made anew, however long that takes."""

    def close(self) -> None:
        """Close sessions of its own."""


class PostgresSettlement:
    """The real one. ``write`` and ``commit`` are its steps, in this order."""

    def __init__(self, session: Session, epoch: int) -> None:
        self._session = session
        self._epoch = epoch
        self._reader: WatchedConnection | None = None
        self.renewed_at = time.monotonic()

    # --- a batch ----------------------------------------------------------------------------------

    def settle(self, batch: Batch) -> Result:
        """Settle as ``Settlement`` says; the order of statements is the transaction module's."""

        def decided(connection: WatchedConnection) -> Decided:
            return batch.decide(self._read(connection, batch))

        return self._settle(batch, decided, lambda: None)

    def _read(self, connection: WatchedConnection, batch: Batch) -> Figures:
        context = batch.context
        with meter.phase(context.shard_id, "read"):
            asked = transaction.begin_and_read(connection, context, batch.position, batch.entries)
            _learn_assets(connection, context, batch.entries)
            figures = asked.take(context.scales)
            if batch.watched:
                figures.totals = read_totals(connection, batch.watched, context.scales)
        return figures

    def settle_decided(
        self, batch: Batch, decision: Decision, before_commit: Callable[[], None]
    ) -> Result:
        """Settle as ``Settlement`` says."""

        def decided(connection: WatchedConnection) -> Decided:
            transaction.begin(connection, batch.context, batch.position)
            return decision

        return self._settle(batch, decided, before_commit)

    def _settle(
        self,
        batch: Batch,
        decided: Callable[[WatchedConnection], Decided],
        before_commit: Callable[[], None],
    ) -> Result:
        """Turn what happens into a result; what did not commit is rolled back."""
        committing: Committed | None = None
        try:
            connection = self._session.connected()
        except psycopg.OperationalError as error:
            return Passing(str(error).strip())
        is_open = True
        try:
            decision = decided(connection)
            if not isinstance(decision, Decision):
                return decision
            committing = Committed(decision, self.write(connection, batch, decision))
            before_commit()
            self.commit(connection)
            is_open = False
        except Crowded as crowded:
            return Moved(str(crowded), frozenset(crowded.keys))
        except (FundsMoved, KeysTaken) as moved:
            return Moved(repr(moved))
        except InvariantBroken as error:
            return Refused(error)
        except psycopg.Error as error:
            if connection.closed or isinstance(error, DoubtfulCommit):
                is_open = False
                return InDoubt(str(error).strip(), committing)
            return Passing(str(error).strip()) if is_passing(error) else Refused(error)
        finally:
            if is_open:
                self._roll_back(connection)
        self.renewed_at = time.monotonic()
        return committing

    def write(self, connection: WatchedConnection, batch: Batch, decision: Decision) -> Settled:
        """Write a decided batch into the open transaction."""
        with meter.phase(batch.context.shard_id, "write"), connection.cursor() as cursor:
            return transaction.write(cursor, batch.context, decision, batch.position)

    def commit(self, connection: WatchedConnection) -> None:
        """Commit, and wait until the commit outlives the server."""
        with meter.phase(self._session.shard_id, "commit"):
            connection.execute_lasting("COMMIT")

    def _roll_back(self, connection: WatchedConnection) -> None:
        try:
            connection.execute("ROLLBACK")
        except psycopg.Error:
            self._session.close()

    # --- beside a batch ---------------------------------------------------------------------------

    def read_figures(self, context: ShardContext, entries: list[Entry]) -> Figures | None:
        """Read as ``Settlement`` says, by a second session."""
        try:
            with meter.phase(context.shard_id, "read"):
                return transaction.read_figures(self._reading(), entries, context.scales)
        except psycopg.Error as error:
            self._note_unreadable("figures_unreadable", error)
            return None

    def list_waiting(self) -> list[Waiting]:
        """List as ``Settlement`` says, by the second session."""
        try:
            with self._reading().cursor() as cursor:
                return list_waiting(cursor, self._session.shard_id)
        except psycopg.Error as error:
            self._note_unreadable("handovers_unreadable", error)
            return []

    def read_handed(self, context: ShardContext, entries: list[Entry]) -> None:
        """Read as ``Settlement`` says, by the second session."""
        context.handed.clear()
        for entry in entries:
            command = entry.command
            handover_id = None if command is None else kind_of(command).handover_id(command)
            if handover_id is None:
                continue
            try:
                handed = read_handed(
                    self._reading(), self._session.shard_id, handover_id, self.keep_lease
                )
            except psycopg.Error as error:
                self._note_unreadable("handovers_unreadable", error)
            except (ZavoraError, InvariantBroken, Damaged, ArithmeticError, LookupError) as error:
                log.critical("handover_unsound", handover=handover_id, error=str(error))
            else:
                if handed is not None:
                    context.handed[handover_id] = handed

    def _reading(self) -> WatchedConnection:
        if self._reader is None or self._reader.closed:
            self._reader = connect(shard_id=self._session.shard_id, owner=self._session.owner)
        return self._reader

    def _note_unreadable(self, what: str, error: psycopg.Error) -> None:
        log.warning(what, shard=self._session.shard_id, error=str(error).strip())
        self.close()

    def close(self) -> None:
        """Close the second session; the first is its owner's."""
        reader, self._reader = self._reader, None
        if reader is not None:
            with suppress(psycopg.Error):
                reader.close()

    # --- the shard's row --------------------------------------------------------------------------

    def look_up(self) -> Position:
        """Look up as ``Settlement`` says."""
        while True:
            connection = self._session.reconnect()
            try:
                connection.execute("BEGIN")
                found = lease.lock_position(connection, self._session.shard_id)
                # The lock is written, too: its commit waits for all that is read here.
                connection.execute_lasting("COMMIT")
            except psycopg.OperationalError as error:
                log.warning("database_unreachable", error=str(error).strip())
            else:
                return found

    def keep_lease(self) -> None:
        """Renew as ``Settlement`` says; a commit has renewed it as well."""
        if time.monotonic() - self.renewed_at >= settings.ZAVORA_LEASE_MS / 3000:
            self.renew_lease()

    def renew_lease(self) -> None:
        """Renew as ``Settlement`` says."""
        now = time.monotonic()
        try:
            connection = self._session.connected()
            lease.renew(connection, shard_id=self._session.shard_id, epoch=self._epoch)
            self.renewed_at = now
        except psycopg.OperationalError as error:
            log.warning("database_unreachable", error=str(error).strip())
            self._session.reconnect()


def _learn_assets(
    connection: "psycopg.Connection[Any]", context: ShardContext, entries: list[Entry]
) -> None:
    """Read assets again before a command that may name a new one."""
    if any(entry.command is not None and kind_of(entry.command).names_assets for entry in entries):
        with connection.cursor() as cursor:
            context.assets.update(read_assets(cursor))
        context.scales.update({a.asset_id: a.scale for a in context.assets.values()})
