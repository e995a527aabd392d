"""The worker's loop: take the lease, rebuild, then read, decide, settle, tell, again and again.

How one batch is settled, and what happens when that fails, stands in ``batch``. Where commands
wait, one batch is decided while the one before is being settled (``ahead``).
"""

import gc
import logging
import os
import secrets
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import msgspec
import psycopg
import structlog
from django.conf import settings

from matching.commands.phase import SetMarketPhase
from matching.commands.room import Crowded
from matching.engine.undo import START
from matching.worker import lease
from matching.worker.ahead import FLIGHT_COMMANDS_MIN, Ahead, Flight, can_fly
from matching.worker.batch import RECONNECT_WAIT_MAX_S, BatchSettler
from matching.worker.decide import Decision
from matching.worker.due import DueSwitches, own_entry
from matching.worker.entries import Entry
from matching.worker.failures import Blamed, CannotSettle
from matching.worker.lease import LeaseLost, Position
from matching.worker.quiet import quiet_events
from matching.worker.rebuild import load_shard
from matching.worker.settle import Settled
from matching.worker.stream import BLOCK_MS, QUEUE_ERRORS, CommandStream, News
from zavora.foundation.errors import InvariantBroken
from zavora.foundation.times import now_us

log = structlog.get_logger(__name__)

STANDBY_POLL_S: Final = 0.25
BLAMED_IN_A_ROW_MAX: Final = 3
REASON_MAX: Final = 32  # as the journal's column
# How soon a thread that has its answer from PostgreSQL goes on while the other one computes.
SWITCH_S: Final = 0.0002


class MatchingWorker(BatchSettler):
    """One shard's worker. ``run`` returns when it was asked to stop or lost its lease."""

    def __init__(
        self,
        shard_id: int,
        *,
        clock_us: Callable[[], int] = now_us,
        batch_max: int | None = None,
    ) -> None:
        super().__init__(
            shard_id,
            owner=f"{socket.gethostname()[:24]}-{os.getpid()}-{secrets.token_hex(4)}",
            clock_us=clock_us,
        )
        self._batch_max = batch_max or settings.ZAVORA_BATCH_MAX
        self._stream: CommandStream | None = None
        self._told_at: dict[int, float] = {}
        self._shown_at = 0.0
        self._blamed_in_a_row = 0
        self._logs_commands = logging.getLogger(__name__).isEnabledFor(logging.DEBUG)
        self._ahead = Ahead(shard_id, self.owner)
        self._flight: Flight | None = None
        self._due = DueSwitches()
        # What is committed and will be told in a moment; None: it is told at once.
        self._untold: list[News] | None = None

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
        sys.setswitchinterval(SWITCH_S)
        try:
            if self._become_owner():
                self._work()
                self._land()
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
        self._ahead.close()
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

    # --- the loop -----------------------------------------------------------------------------

    def _work(self) -> None:
        fenced_connection = -1  # the connection to the queue on which the stream was fenced
        wait_s = 0.05
        while not self._is_stopping:
            self._fire_due()
            stream = self._owned_stream()
            if fenced_connection != stream.connections:
                self._land()  # a fence must be above everything that was settled
            position = self._owned_position()
            try:
                if fenced_connection != stream.connections:
                    stream.require_noeviction()
                    # Read before fencing: one that breaks meanwhile makes the next round fence.
                    fenced_connection = stream.connections
                    stream.fence(position.last_stream_id)
                    stream.trim(position.last_stream_id)
                    self._shown_at = 0.0
                self._show_life(stream)
                entries = self._read(stream, position)
                wait_s = 0.05
            except QUEUE_ERRORS as error:
                log.warning("queue_unreachable", shard=self.shard_id, error=str(error))
                fenced_connection = -1
                self._land()
                time.sleep(wait_s)  # between attempts to connect
                wait_s = min(RECONNECT_WAIT_MAX_S, wait_s * 2)
                self._keep_lease()
                continue
            if self._flight is not None and len(entries) < FLIGHT_COMMANDS_MIN:
                self._land()  # and read again: more may have come meanwhile
            elif entries:
                self._process(entries)
            if self._flight is None:
                self._keep_lease()
                self._tell_quiet_markets()

    def _show_life(self, stream: CommandStream) -> None:
        """Say often enough that the loop goes on: a tenth of the lease is soon enough."""
        now = time.monotonic()
        if now - self._shown_at > settings.ZAVORA_LEASE_MS / 10_000:
            stream.show_life(self.owner, self._owned_context().set_aside.values())
            self._shown_at = now

    def _read(self, stream: CommandStream, position: Position) -> list[Entry]:
        """Return what waits after the batch in flight; without one, wait a little if none does."""
        if self._flight is not None:
            position_after = self._flight.decision.last_stream_id
            return stream.read(position_after, count_max=self._batch_max, block_ms=0)
        wait_ms = self._due.wait_ms(self._owned_context().engine, self._clock_us(), BLOCK_MS)
        return stream.read(position.last_stream_id, count_max=self._batch_max, block_ms=wait_ms)

    def _owned_stream(self) -> CommandStream:
        if self._stream is None:
            raise InvariantBroken("the worker works without a queue")
        return self._stream

    def _tell_quiet_markets(self) -> None:
        """Repeat current sequences once a second, so that a lost last message is noticed."""
        quiet = quiet_events(self._owned_context(), self._told_at, time.monotonic())
        if quiet:
            self._tell(News(quiet))

    def _tell(self, news: News) -> None:
        """Publish; what is lost here is found in the tables."""
        try:
            self._owned_stream().tell(news)
        except QUEUE_ERRORS as error:
            log.warning("telling_failed", shard=self.shard_id, error=str(error))

    # --- a batch ------------------------------------------------------------------------------

    def _fire_due(self) -> None:
        """Settle what is due by the clock, whether or not the queue can be reached."""
        engine = self._owned_context().engine
        if self._due.are_due(engine, self._clock_us()):
            self._land()  # it may put off what is due
            position = self._owned_position()
            entries = self._due.take(engine, self._clock_us(), position.last_stream_id)
            if entries:
                self.process_commands(entries)

    def _process(self, entries: list[Entry]) -> None:
        """Settle what was read and tell it."""
        commands = [entry for entry in entries if not entry.is_fence]
        if not commands:
            self._land()
            self._position = msgspec.structs.replace(
                self._owned_position(), last_stream_id=entries[-1].stream_id
            )
            self._tell(News(position=entries[-1].stream_id))  # a fence waits for nobody
            return
        if can_fly(commands):
            self._fly(commands)
        else:
            self._land()
            self.process_commands(commands)

    def _fly(self, commands: list[Entry]) -> None:
        """Decide a batch while the one before is being settled, then have it settled itself."""
        before = self._flight
        decision = self._decide_ahead(commands)
        with self._telling_later():  # PostgreSQL is not to wait while the queue is told
            self._land()
            self._take_off(commands, decision, before)

    @contextmanager
    def _telling_later(self) -> Iterator[None]:
        """Keep what is to be told until the end of the block, in order."""
        self._untold = []
        try:
            yield
        finally:
            untold, self._untold = self._untold, None
            for news in untold:
                self._tell(news)

    def _take_off(
        self, commands: list[Entry], decision: Decision | None, before: Flight | None
    ) -> None:
        """Have a batch settled that was decided on top of ``before``, which has landed."""
        if decision is None and before is not None:
            decision = self._decide_ahead(commands)
        elif before is not None and before.has_failed:
            decision = None
        try:
            connection = None if decision is None else self._connected()
        except psycopg.OperationalError:
            self._owned_context().engine.undo()
            connection = None
        if decision is None or connection is None:
            self.process_commands(commands)
            return
        context = self._owned_context()
        decision.mark = context.engine.mark()  # what was before it is committed
        self._flight = self._ahead.settle(
            connection, context, self._owned_position(), commands, decision
        )

    def _decide_ahead(self, commands: list[Entry]) -> Decision | None:
        """Decide a batch on top of the one in flight; None: it must be settled step by step."""
        context, flight = self._owned_context(), self._flight
        figures = self._ahead.read_figures(context, commands, flight)
        if figures is None:
            return None
        try:
            return self._decide(context, figures, commands, after=flight)
        except (Blamed, Crowded, InvariantBroken):
            context.engine.undo(back_to=START if flight is None else flight.decision.mark)
            return None

    def _land(self) -> None:
        """Wait for the batch in flight, if there is one, and see to it however it ended."""
        flight, self._flight = self._flight, None
        if flight is not None:
            self.process_commands(flight.entries, flight)

    def process_commands(self, entries: list[Entry], flight: Flight | None = None) -> None:
        """Settle commands in order, as one batch where nothing is wrong with any.

        A command that cannot be applied or stored is journaled as void; the others go on.
        ``flight``: they are being settled already.
        """
        parts = [entries]  # a stack: what is to be settled, the next part last
        while parts:
            part = parts.pop()
            flying, flight = flight, None
            try:
                self._settle_and_tell(part, flying)
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
        command = SetMarketPhase(market_id, "halted", actor="system:matching worker")
        self._settle_and_tell([own_entry(command, entry.stream_id, entry.request_id)])
        self._blamed_in_a_row = 0

    def _settle_and_tell(self, entries: list[Entry], flight: Flight | None = None) -> None:
        decision, settled = self._settle(entries, flight)
        if not entries[0].blame:
            self._blamed_in_a_row = 0
        now = time.monotonic()
        self._renewed_at = now
        for market_id, _ in settled.events:
            self._told_at[market_id] = now
        news = News(
            settled.events, settled.event_sequences, decision.replies, decision.last_stream_id
        )
        if self._untold is None:
            self._tell(news)
        else:
            self._untold.append(news)
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
