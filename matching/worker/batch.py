"""Settling a batch, whatever fails: memory is ahead of the tables for one attempt at most.

A batch that did not commit is taken back in the engine, and one in doubt is looked up under the
shard's lock.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
import psycopg
import structlog
from django.conf import settings

from accounts.money.balances import BalanceKey
from accounts.money.ledger import read_totals
from matching.commands import kind_of
from matching.commands.room import Crowded
from matching.worker import lease, settle
from matching.worker.ahead import Flight
from matching.worker.connection import connect, limit_transactions, require_durable
from matching.worker.decide import Decision, Figures, ShardContext
from matching.worker.entries import Entry
from matching.worker.failures import (
    Blamed,
    CannotSettle,
    CommitInDoubt,
    Passing,
    blame,
    is_passing,
)
from matching.worker.lease import LeaseLost, Position
from matching.worker.rebuild import read_assets
from matching.worker.settle import FundsMoved, KeysTaken, Settled
from zavora.foundation.errors import InvariantBroken
from zavora.foundation.lasting import DoubtfulCommit, WatchedConnection
from zavora.foundation.times import moment_of

log = structlog.get_logger(__name__)

RECONNECT_WAIT_MAX_S: Final = 1.0
# A batch whose funds or keys were taken meanwhile is decided again; more often than this means
# that something is wrong, and the batch is tried command by command.
ATTEMPTS_MAX: Final = 5
PASSING_WAIT_S: Final = 0.05


class BatchSettler:
    """A shard's memory, its session, and how a batch gets from one into the other."""

    def __init__(self, shard_id: int, *, owner: str, clock_us: Callable[[], int]) -> None:
        self.shard_id = shard_id
        self.owner = owner
        self._clock_us = clock_us
        self._connection: WatchedConnection | None = None
        self._context: ShardContext | None = None
        self._position: Position | None = None
        self._is_stopping = False
        self._renewed_at = 0.0
        # A batch whose COMMIT was sent and not yet answered.
        self._in_doubt: tuple[Decision, Settled] | None = None

    # --- the session and the lease ----------------------------------------------------------------

    def _connected(self) -> WatchedConnection:
        if self._connection is None or self._connection.closed:
            self._connection = connect(shard_id=self.shard_id, owner=self.owner)
            require_durable(self._connection)
            lease.ensure_shard(self._connection, self.shard_id)
            if self._context is not None:
                limit_transactions(self._connection)
        return self._connection

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _owned_position(self) -> Position:
        if self._position is None:
            raise InvariantBroken("the worker works without a lease")
        return self._position

    def _owned_context(self) -> ShardContext:
        if self._context is None:
            raise InvariantBroken("the worker works without a shard")
        return self._context

    def _keep_lease(self) -> None:
        """Renew the lease from the loop's own progress, at least each third of its length."""
        now = time.monotonic()
        if now - self._renewed_at < settings.ZAVORA_LEASE_MS / 3000:
            return
        position = self._owned_position()
        try:
            lease.renew(self._connected(), shard_id=self.shard_id, epoch=position.epoch)
            self._renewed_at = now
        except psycopg.OperationalError as error:
            log.warning("database_unreachable", error=str(error).strip())
            self._reconnect()

    # --- a batch ----------------------------------------------------------------------------------

    def _settle(
        self, entries: list[Entry], flight: Flight | None = None
    ) -> tuple[Decision, Settled]:
        """Decide and commit; decide anew where figures moved; look a commit in doubt up."""
        attempts = 0
        watched: set[BalanceKey] = set()
        while attempts < ATTEMPTS_MAX:
            flying, flight = flight, None
            try:
                return self._attempt(entries, watched, flying)
            except Crowded as crowded:
                # Each balance is learnt of once; then only what moves meanwhile costs an attempt.
                attempts += crowded.keys <= watched
                watched |= crowded.keys
                log.info("decided_anew", shard=self.shard_id, why=str(crowded))
            except (FundsMoved, KeysTaken) as moved:
                attempts += 1
                log.info("decided_anew", shard=self.shard_id, why=repr(moved), attempts=attempts)
            except Passing as passing:
                log.warning("database_busy", shard=self.shard_id, cause=str(passing).strip())
                self._wait_out()
            except CommitInDoubt as doubt:
                decided = self._resolve(doubt)
                if decided is not None:
                    return decided
        if len(entries) == 1:
            raise Blamed(0, FundsMoved("figures moved at every attempt"))
        raise CannotSettle

    def _wait_out(self) -> None:
        """Wait a little for the database to come round, and make sure that the shard is ours."""
        if self._is_stopping:
            raise LeaseLost("stopped while the database was busy")
        time.sleep(PASSING_WAIT_S)  # between attempts
        self._renewed_at = 0.0
        self._keep_lease()

    def _attempt(
        self, entries: list[Entry], watched: set[BalanceKey], flight: Flight | None = None
    ) -> tuple[Decision, Settled]:
        context = self._owned_context()
        self._in_doubt = None
        try:
            connection = self._connected() if flight is None else flight.connection
        except psycopg.OperationalError as error:
            raise Passing(str(error)) from error
        try:
            if flight is None:
                decision, settled = self._decide_and_write(connection, entries, watched)
            else:
                decision, settled = self._landed(context, flight)
        except psycopg.Error as error:
            if connection.closed or isinstance(error, DoubtfulCommit):
                raise CommitInDoubt from error
            context.engine.undo()
            self._roll_back(connection)
            if is_passing(error):
                raise Passing(str(error)) from error
            raise blame(entries, error) from error
        except InvariantBroken as error:
            context.engine.undo()
            self._roll_back(connection)
            raise blame(entries, error) from error
        except BaseException:
            context.engine.undo()
            self._roll_back(connection)
            raise
        self._adopt(context, decision, settled)
        return decision, settled

    def _decide_and_write(
        self,
        connection: WatchedConnection,
        entries: list[Entry],
        watched: set[BalanceKey],
    ) -> tuple[Decision, Settled]:
        context, position = self._owned_context(), self._owned_position()
        with connection.cursor() as cursor:
            asked = settle.begin_and_read(connection, context, position, entries)
            self._learn_assets(cursor, context, entries)
            figures = asked.take(context.scales)
            if watched:
                figures.totals = read_totals(connection, watched, context.scales)
            decision = self._decide(context, figures, entries)
            settled = settle.write(cursor, context, decision, position)
            self._in_doubt = (decision, settled)
            connection.execute_lasting("COMMIT")
        return decision, settled

    def _landed(self, context: ShardContext, flight: Flight) -> tuple[Decision, Settled]:
        """Return what became of a batch in flight; raise as if it had been settled here."""
        try:
            return flight.decision, flight.future.result()
        except BaseException:
            # What was decided on top of it falls with it.
            flight.has_failed = True
            context.engine.undo(back_to=flight.decision.mark)
            if flight.written is not None:
                self._in_doubt = (flight.decision, flight.written)
            raise

    def _decide(
        self,
        context: ShardContext,
        figures: Figures,
        entries: Sequence[Entry],
        after: Flight | None = None,
    ) -> Decision:
        time_us = max(self._clock_us(), context.last_batch_us)
        journal_before = context.journal_sequence
        if after is not None:
            time_us = max(time_us, after.decision.time_us)
            journal_before += len(after.decision.journal_rows)
        decision = Decision(
            context,
            figures,
            time_us=time_us,
            time_text=_time_text(time_us),
            journal_before=journal_before,
        )
        for index, entry in enumerate(entries):
            try:
                decision.decide(entry)
            except Crowded:
                raise
            except Exception as error:  # the engine names its command by raising in its turn
                raise Blamed(index, error) from error
        decision.close()
        return decision

    def _learn_assets(
        self, cursor: "psycopg.Cursor[Any]", context: ShardContext, entries: Sequence[Entry]
    ) -> None:
        """Read assets again before a command that may name a new one."""
        if any(
            entry.command is not None and kind_of(entry.command).names_assets for entry in entries
        ):
            context.assets.update(read_assets(cursor))
            context.scales.update({a.asset_id: a.scale for a in context.assets.values()})

    def _adopt(self, context: ShardContext, decision: Decision, settled: Settled) -> None:
        """Make a committed batch the worker's memory."""
        context.engine.commit(up_to=decision.mark)
        context.terms.update(decision.new_terms)
        context.event_sequences.update(settled.event_sequences)
        context.journal_sequence += len(decision.journal_rows)
        context.last_batch_us = decision.time_us
        self._position = msgspec.structs.replace(
            self._owned_position(),
            journal_sequence=context.journal_sequence,
            last_stream_id=decision.last_stream_id,
            last_batch_us=decision.time_us,
            last_id=decision.rows.last_id,
        )

    # --- when the database fails --------------------------------------------------------------

    def _roll_back(self, connection: "psycopg.Connection[Any]") -> None:
        try:
            connection.execute("ROLLBACK")
        except psycopg.Error:
            self._drop_connection()

    def _reconnect(self) -> None:
        """Connect again, however long it takes; only asking to stop ends the wait."""
        self._drop_connection()
        wait_s = 0.05
        while not self._is_stopping:
            try:
                self._connected()
                return
            except psycopg.OperationalError as error:
                log.warning("database_unreachable", error=str(error).strip())
                time.sleep(wait_s)  # between attempts to connect
                wait_s = min(RECONNECT_WAIT_MAX_S, wait_s * 2)
        raise LeaseLost("stopped while the database was unreachable")

    def _resolve(self, doubt: CommitInDoubt) -> tuple[Decision, Settled] | None:
        """Find out under the shard's lock what became of a batch; None: it did not commit."""
        log.warning("commit_in_doubt", shard=self.shard_id, cause=str(doubt.__cause__).strip())
        in_doubt, self._in_doubt = self._in_doubt, None
        context, before = self._owned_context(), self._owned_position()
        while True:
            self._reconnect()
            try:
                connection = self._connected()
                connection.execute("BEGIN")
                found = lease.lock_position(connection, self.shard_id)
                # The lock is written, too: its commit waits for all that is read here.
                connection.execute_lasting("COMMIT")
                break
            except psycopg.OperationalError as error:
                log.warning("database_unreachable", error=str(error).strip())
        if found.epoch != before.epoch:
            raise LeaseLost(f"shard {self.shard_id} has another owner")
        if in_doubt is not None:
            rows = len(in_doubt[0].journal_rows)
            if found.journal_sequence == before.journal_sequence + rows:
                self._adopt(context, *in_doubt)
                lease.renew(self._connected(), shard_id=self.shard_id, epoch=before.epoch)
                return in_doubt
        if found.journal_sequence != before.journal_sequence:
            raise LeaseLost(f"shard {self.shard_id}: the tables are not what this worker wrote")
        context.engine.undo()
        lease.renew(self._connected(), shard_id=self.shard_id, epoch=before.epoch)
        return None


def _time_text(time_us: int) -> str:
    return moment_of(time_us).isoformat()
