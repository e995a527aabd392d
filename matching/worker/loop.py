"""The worker's loop: take the lease, rebuild, then read, decide, settle, tell, again and again.

Whatever fails, memory is never ahead of the tables for longer than one attempt: a batch that did
not commit is taken back in the engine, and one in doubt is looked up under the shard's lock.
"""

import gc
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
import psycopg
import structlog
from django.conf import settings

from matching import wire
from matching.worker import lease, settle
from matching.worker.connection import connect, require_durable
from matching.worker.decide import Decision, Entry, Figures, ShardContext
from matching.worker.failures import (
    Blamed,
    CannotSettle,
    CommitInDoubt,
    Passing,
    blame,
    is_passing,
)
from matching.worker.lease import LeaseLost, Position
from matching.worker.loading import load_shard, read_assets
from matching.worker.settle import FundsMoved, KeysTaken, Settled
from matching.worker.stream import QUEUE_ERRORS, CommandStream
from zavora.errors import InvariantBroken

log = structlog.get_logger(__name__)

STANDBY_POLL_S: Final = 0.25
RECONNECT_WAIT_MAX_S: Final = 1.0
# A batch whose funds or keys were taken meanwhile is decided again; more often than this means
# that something is wrong, and the batch is tried command by command.
ATTEMPTS_MAX: Final = 5
BLAMED_IN_A_ROW_MAX: Final = 3
REASON_MAX: Final = 32  # as the journal's column
PASSING_WAIT_S: Final = 0.05
QUIET_EVENT_S: Final = 1.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class MatchingWorker:
    """One shard's worker. ``run`` returns when it was asked to stop or lost its lease."""

    def __init__(
        self,
        shard_id: int,
        *,
        clock_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        batch_max: int | None = None,
    ) -> None:
        self.shard_id = shard_id
        self.owner = f"{socket.gethostname()[:24]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._clock_us = clock_us
        self._batch_max = batch_max or settings.ZAVORA_BATCH_MAX
        self._connection: psycopg.Connection[Any] | None = None
        self._stream: CommandStream | None = None
        self._context: ShardContext | None = None
        self._position: Position | None = None
        self._is_stopping = False
        self._renewed_at = 0.0
        self._told_at: dict[int, float] = {}
        self._blamed_in_a_row = 0
        self._logs_commands = logging.getLogger(__name__).isEnabledFor(logging.DEBUG)
        # A batch whose COMMIT was sent and not yet answered.
        self._in_doubt: tuple[Decision, Settled] | None = None

    # --- life ---------------------------------------------------------------------------------

    def stop(self) -> None:
        """Ask the loop to end after what it is doing (safe in a signal handler)."""
        self._is_stopping = True

    def state_hash(self) -> str:
        """Return the hash of the engine in memory."""
        return self._owned_context().engine.state_hash()

    def run(self) -> None:
        """Wait for the lease, then work until stopped. Raises LeaseLost when another took over."""
        self._stream = CommandStream(self.shard_id)
        try:
            if self._become_owner():
                self._work()
        finally:
            self._leave()

    def take_over(self) -> bool:
        """Try once to take the lease and rebuild the shard; tell whether it is ours now."""
        connection = self._connected()
        epoch = lease.try_take(connection, shard_id=self.shard_id, owner=self.owner)
        if epoch is None:
            return False
        started = time.perf_counter()
        with lease.kept(shard_id=self.shard_id, owner=self.owner, epoch=epoch) as keep_lease:
            self._context, self._position = load_shard(
                connection, self.shard_id, keep_lease=keep_lease
            )
        if self._position.epoch != epoch:
            raise LeaseLost(f"shard {self.shard_id} was taken while loading")
        lease.renew(connection, shard_id=self.shard_id, epoch=epoch)
        self._renewed_at = time.monotonic()
        # Millions of small objects that are in no cycle: let the collector leave them alone.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        log.info(
            "lease_taken",
            shard=self.shard_id,
            epoch=epoch,
            markets=len(self._context.terms),
            journal_sequence=self._position.journal_sequence,
            seconds=round(time.perf_counter() - started, 3),
        )
        return True

    def _become_owner(self) -> bool:
        """Wait as a standby until the lease is ours; False if asked to stop before."""
        said = False
        wait_s = STANDBY_POLL_S
        while not self._is_stopping:
            try:
                if self.take_over():
                    return True
                wait_s = STANDBY_POLL_S
                self._owned_stream().show_standby(self.owner)
                if not said:
                    log.info("standby", shard=self.shard_id)
                    said = True
            except psycopg.OperationalError as error:
                log.warning("database_unreachable", error=str(error).strip())
                self._drop_connection()
                wait_s = min(RECONNECT_WAIT_MAX_S, wait_s * 2)
            time.sleep(wait_s)  # between polls of the lease, which only time can free
        return False

    def _leave(self) -> None:
        """Give the lease up if it is ours and nothing is in doubt; close everything."""
        try:
            if self._context is not None and self._position is not None and self._is_stopping:
                if self._stream is not None:
                    self._stream.end_life()
                if self._connection is not None:
                    lease.release(
                        self._connection, shard_id=self.shard_id, epoch=self._position.epoch
                    )
        except (psycopg.Error, *QUEUE_ERRORS) as error:
            log.warning("lease_not_released", error=str(error).strip())
        if self._stream is not None:
            self._stream.close()
        self._drop_connection()

    def _connected(self) -> "psycopg.Connection[Any]":
        if self._connection is None or self._connection.closed:
            self._connection = connect(shard_id=self.shard_id, owner=self.owner)
            require_durable(self._connection)
            lease.ensure_shard(self._connection, self.shard_id)
        return self._connection

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    # --- the loop -----------------------------------------------------------------------------

    def _work(self) -> None:
        fenced_connection = -1  # the connection to the queue on which the stream was fenced
        wait_s = 0.05
        while not self._is_stopping:
            stream, position = self._owned_stream(), self._owned_position()
            try:
                if fenced_connection != stream.connections:
                    stream.require_noeviction()
                    # Read before fencing: one that breaks meanwhile makes the next round fence.
                    fenced_connection = stream.connections
                    stream.fence(position.last_stream_id)
                    stream.trim(position.last_stream_id)
                stream.show_life(self.owner)
                entries = stream.read(position.last_stream_id, count_max=self._batch_max)
                wait_s = 0.05
            except QUEUE_ERRORS as error:
                log.warning("queue_unreachable", shard=self.shard_id, error=str(error))
                fenced_connection = -1
                time.sleep(wait_s)  # between attempts to connect
                wait_s = min(RECONNECT_WAIT_MAX_S, wait_s * 2)
                self._keep_lease()
                continue
            if entries:
                self._process(entries)
            self._keep_lease()
            self._tell_quiet_markets()

    def _owned_stream(self) -> CommandStream:
        if self._stream is None:
            raise InvariantBroken("the worker works without a queue")
        return self._stream

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

    def _tell_quiet_markets(self) -> None:
        """Repeat current sequences once a second, so that a lost last message is noticed."""
        context = self._owned_context()
        now = time.monotonic()
        quiet = []
        for market_id, sequence in context.event_sequences.items():
            if now - self._told_at.get(market_id, 0.0) < QUIET_EVENT_S:
                continue
            self._told_at[market_id] = now
            depth_sequence = context.engine.market(market_id).depth_sequence
            event = wire.MarketEvent(
                market_id, sequence, sequence, context.last_batch_us, depth_sequence,
                [], [], b"",
            )  # fmt: skip
            quiet.append((market_id, wire.encode(event)))
        if quiet:
            self._tell(quiet, {}, None)

    def _tell(
        self,
        events: list[tuple[int, bytes]],
        replies: dict[str, list[tuple[int, bytes]]],
        position: str | None,
    ) -> None:
        """Publish; what is lost here is found in the tables."""
        try:
            self._owned_stream().tell(events, replies, position)
        except QUEUE_ERRORS as error:
            log.warning("telling_failed", shard=self.shard_id, error=str(error))

    # --- a batch ------------------------------------------------------------------------------

    def _process(self, entries: list[Entry]) -> None:
        """Settle what was read and tell it."""
        commands = [entry for entry in entries if not entry.is_fence]
        if not commands:
            self._position = msgspec.structs.replace(
                self._owned_position(), last_stream_id=entries[-1].stream_id
            )
            self._tell([], {}, entries[-1].stream_id)  # a fence waits for nobody
            return
        self.process_commands(commands)

    def process_commands(self, entries: list[Entry]) -> None:
        """Settle commands in order, as one batch where nothing is wrong with any.

        A command that cannot be applied or stored is journaled as void; the others go on.
        """
        parts = [entries]  # a stack: what is to be settled, the next part last
        while parts:
            part = parts.pop()
            try:
                self._settle_and_tell(part)
                if part[0].blame:
                    self._blamed_in_a_row += 1
                    self._halt_after_blame(part[0])
            except CannotSettle:
                half = len(part) // 2
                parts += [part[half:], part[:half]]
            except Blamed as blamed:
                parts += self._without(part, blamed)

    def _without(self, part: list[Entry], blamed: Blamed) -> list[list[Entry]]:
        """Return what is to be settled of a part whose one command is to blame, last first."""
        entry = part[blamed.index]
        if entry.blame:
            raise blamed.cause  # not even its failure can be recorded
        log.error(
            "command_void",
            shard=self.shard_id,
            stream_id=entry.stream_id,
            request_id=entry.request_id,
            exc_info=blamed.cause,
        )
        void = msgspec.structs.replace(entry, blame=type(blamed.cause).__name__[:REASON_MAX])
        around = [part[blamed.index + 1 :], [void], part[: blamed.index]]
        return [entries for entries in around if entries]

    def _halt_after_blame(self, entry: Entry) -> None:
        """Halt the market of a third void command in a row; an operator must look."""
        if self._blamed_in_a_row < BLAMED_IN_A_ROW_MAX:
            return
        market_id = getattr(entry.command, "market_id", None)
        if market_id not in self._owned_context().terms:
            return
        log.critical("market_halted_by_failures", shard=self.shard_id, market_id=market_id)
        command = wire.SetMarketPhase(market_id, "halted")
        self._settle_and_tell(
            [Entry(entry.stream_id, wire.encode(command), entry.request_id, "", 0, command)]
        )
        self._blamed_in_a_row = 0

    def _settle_and_tell(self, entries: list[Entry]) -> None:
        decision, settled = self._settle(entries)
        if not entries[0].blame:
            self._blamed_in_a_row = 0
        now = time.monotonic()
        self._renewed_at = now
        for market_id, _ in settled.events:
            self._told_at[market_id] = now
        self._tell(settled.events, decision.replies, decision.last_stream_id)
        if self._logs_commands:
            self._log_commands(entries, decision, settled)

    def _log_commands(self, entries: list[Entry], decision: Decision, settled: Settled) -> None:
        """Say of each command by which request it came, where it is journaled, what told of it."""
        first = self._owned_context().journal_sequence - len(decision.journal_rows) + 1
        for index, entry in enumerate(entries):
            log.debug(
                "command_settled",
                shard=self.shard_id,
                request_id=entry.request_id,
                journal_sequence=first + index,
                stream_id=entry.stream_id,
                events=settled.event_sequences,
            )

    def _settle(self, entries: list[Entry]) -> tuple[Decision, Settled]:
        """Decide and commit; decide anew where figures moved; look a commit in doubt up."""
        attempts = 0
        while attempts < ATTEMPTS_MAX:
            try:
                return self._attempt(entries)
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

    def _attempt(self, entries: list[Entry]) -> tuple[Decision, Settled]:
        context, position = self._owned_context(), self._owned_position()
        self._in_doubt = None
        try:
            connection = self._connected()
        except psycopg.OperationalError as error:
            raise Passing(str(error)) from error
        try:
            with connection.cursor() as cursor:
                settle.begin(cursor, context, position)
                self._learn_assets(cursor, context, entries)
                figures = settle.read_figures(cursor, entries, context.scales)
                decision = self._decide(context, figures, entries)
                settled = settle.write(cursor, context, decision, position)
                self._in_doubt = (decision, settled)
                cursor.execute("COMMIT")
        except psycopg.Error as error:
            if connection.closed:
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

    def _decide(
        self, context: ShardContext, figures: Figures, entries: Sequence[Entry]
    ) -> Decision:
        time_us = max(self._clock_us(), context.last_batch_us)
        decision = Decision(context, figures, time_us=time_us, time_text=_time_text(time_us))
        for index, entry in enumerate(entries):
            try:
                decision.decide(entry)
            except Exception as error:  # the engine names its command by raising in its turn
                raise Blamed(index, error) from error
        return decision

    def _learn_assets(
        self, cursor: "psycopg.Cursor[Any]", context: ShardContext, entries: Sequence[Entry]
    ) -> None:
        """Read assets again before a command that may name a new one."""
        if any(type(entry.command) is wire.ConfigureMarket for entry in entries):
            context.assets.update(read_assets(cursor))
            context.scales.update({a.asset_id: a.scale for a in context.assets.values()})

    def _adopt(self, context: ShardContext, decision: Decision, settled: Settled) -> None:
        """Make a committed batch the worker's memory."""
        context.engine.commit()
        context.terms.update(decision.new_terms)
        context.event_sequences.update(settled.event_sequences)
        context.journal_sequence += len(decision.journal_rows)
        context.last_batch_us = decision.time_us
        self._position = msgspec.structs.replace(
            self._owned_position(),
            journal_sequence=context.journal_sequence,
            last_stream_id=decision.last_stream_id,
            last_batch_us=decision.time_us,
            last_id=decision.ids.last,
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
                with self._connected().transaction(), self._connected().cursor() as cursor:
                    found = lease.lock_position(cursor, self.shard_id)
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
    return (_EPOCH + timedelta(microseconds=time_us)).isoformat()
