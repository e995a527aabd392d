"""Batches, whatever becomes of them: memory is ahead of the tables for one attempt at most.

A batch that did not commit is taken back in the engine, and one in doubt is looked up under the
shard's lock. A command that cannot be applied or stored is journaled as void; the others go on.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec
import structlog

from accounts.money.balances import BalanceKey
from matching.commands import parts_of
from matching.commands.phase import SetMarketPhase
from matching.worker import meter, traced
from matching.worker.entries import Entry, in_turn, numbered, own_entry, watched_positions
from matching.worker.lease import LeaseLost
from matching.worker.memory import ShardMemory
from matching.worker.results import Committed, InDoubt, Moved, Passing, Refused, Result
from matching.worker.settlement import Batch, Settlement
from matching.worker.telling import Telling

log = structlog.get_logger(__name__)

# A batch whose funds or keys were taken meanwhile is decided again; more often than this means
# that something is wrong, and the batch is tried command by command.
ATTEMPTS_MAX: Final = 5
PASSING_WAIT_S: Final = 0.05
BLAMED_IN_A_ROW_MAX: Final = 3
REASON_MAX: Final = 32  # as the journal's column


class FiguresMoved(Exception):
    """What a command is decided with moved at every attempt."""


class Batches:
    """Settles commands in order, and tells of what has committed."""

    def __init__(
        self,
        memory: ShardMemory,
        settlement: Settlement,
        telling: Telling,
        *,
        is_stopping: Callable[[], bool],
    ) -> None:
        self._memory = memory
        self._settlement = settlement
        self._telling = telling
        self._is_stopping = is_stopping
        self._blamed_in_a_row = 0
        self._logs_commands = logging.getLogger(__name__).isEnabledFor(logging.DEBUG)
        self._shard_id = memory.context.shard_id

    def settle(self, entries: list[Entry], landed: Result | None = None) -> None:
        """Settle commands in order, as one batch where nothing is wrong with any.

        ``landed``: what became of a first attempt, if there was one already.
        """
        # A stack: what is to be settled, the next part last. What stands alone is never in flight.
        parts = [entries] if landed else list(in_turn(entries))[::-1]
        while parts:
            part = parts.pop()
            result = self._settle_part(part, landed)
            landed = None
            if isinstance(result, Committed):
                self._note(part, result)
            elif result.index is None and len(part) > 1:
                half = len(part) // 2
                parts += [part[half:], part[:half]]
            else:
                parts += self._without(part, result.index or 0, result.cause)

    # --- one batch --------------------------------------------------------------------------------

    def _settle_part(self, entries: list[Entry], result: Result | None) -> Committed | Refused:
        """Decide and commit; decide anew where figures moved; look a commit in doubt up."""
        attempts = 0
        watched = watched_positions(entries, self._memory.context.terms)
        while attempts < ATTEMPTS_MAX:
            if result is None:
                result = self._attempt(entries, watched)
            match result:
                case Committed():
                    self._memory.adopt(result)
                    return result
                case InDoubt():
                    meter.retried(self._shard_id, "in_doubt")
                    committed = self._look_up(result)
                    if committed is not None:
                        return committed
                case Refused():
                    return result
                case Passing():
                    meter.retried(self._shard_id, "busy")
                    log.warning("database_busy", shard=self._shard_id, cause=result.cause)
                    self._wait_out()
                case Moved():
                    meter.retried(self._shard_id, "moved")
                    # A balance is learnt of once; then only what moves meanwhile is an attempt.
                    attempts += result.crowded <= watched
                    watched |= result.crowded
                    log.info(
                        "decided_anew", shard=self._shard_id, why=result.why, attempts=attempts
                    )
            result = None
        return Refused(FiguresMoved("figures moved at every attempt"))

    def _attempt(self, entries: list[Entry], watched: set[BalanceKey]) -> Result:
        """Settle once; the engine is as before unless that committed, or is in doubt."""
        memory = self._memory
        self._settlement.read_handed(memory.context, entries)
        batch = Batch(
            entries, memory.context, memory.position, partial(memory.decide, entries), watched
        )
        try:
            result = self._settlement.settle(batch)
        except BaseException:
            memory.undo()
            raise
        if not isinstance(result, Committed | InDoubt):
            memory.undo()
        return result

    def _look_up(self, doubt: InDoubt) -> Committed | None:
        """Find out under the shard's lock what became of a batch; None: it did not commit."""
        log.warning("commit_in_doubt", shard=self._shard_id, cause=doubt.cause)
        memory, before = self._memory, self._memory.position
        found = self._settlement.look_up()
        if found.epoch != before.epoch:
            raise LeaseLost(f"shard {self._shard_id} has another owner")
        committed = doubt.committing
        if committed is not None:
            rows = len(committed.decision.journal_rows)
            if found.journal_sequence == before.journal_sequence + rows:
                memory.adopt(committed)
                self._settlement.renew_lease()
                return committed
        if found.journal_sequence != before.journal_sequence:
            raise LeaseLost(f"shard {self._shard_id}: the tables are not what this worker wrote")
        memory.undo()
        self._settlement.renew_lease()
        return None

    def _wait_out(self) -> None:
        """Wait a little for the database to come round, and make sure that the shard is ours."""
        if self._is_stopping():
            raise LeaseLost("stopped while the database was busy")
        time.sleep(PASSING_WAIT_S)  # between attempts
        self._settlement.renew_lease()

    def _note(self, entries: list[Entry], committed: Committed) -> None:
        """Tell of a committed batch, and count void commands in a row."""
        sampled = traced.sampled(entries)
        self._telling.tell(committed, traced.to_tell(sampled, committed))
        decision = committed.decision
        meter.committed(self._shard_id, decision)
        first = self._memory.context.journal_sequence - len(decision.journal_rows) + 1
        if sampled:
            traced.record(self._shard_id, numbered(entries, first), committed)
        if self._logs_commands:
            self._log_commands(entries, first, committed)
        if entries[0].blame:
            self._blamed_in_a_row += 1
            self._halt_after_blame(entries[0])
        else:
            self._blamed_in_a_row = 0

    # --- what is wrong with a command -------------------------------------------------------------

    def _without(self, part: list[Entry], index: int, cause: Exception) -> list[list[Entry]]:
        """Return what is to be settled of a part whose one command is to blame, last first."""
        entry = part[index]
        if entry.blame:
            raise cause  # not even its failure can be recorded
        meter.voided(self._shard_id)
        log.error(
            "command_void",
            shard=self._shard_id,
            stream_id=entry.stream_id,
            request_id=entry.request_id,
            exc_info=cause,
        )
        void = msgspec.structs.replace(entry, blame=type(cause).__name__[:REASON_MAX])
        around = [part[index + 1 :], [void], part[:index]]
        return [entries for entries in around if entries]

    def _halt_after_blame(self, entry: Entry) -> None:
        """Halt the market of a third void command in a row; an operator must look."""
        if self._blamed_in_a_row < BLAMED_IN_A_ROW_MAX:
            return
        markets = {getattr(part, "market_id", None) for part in parts_of(entry.command)}
        market_id = markets.pop() if len(markets) == 1 else None
        if market_id not in self._memory.context.terms:
            return
        meter.halted(self._shard_id)
        log.critical("market_halted_by_failures", shard=self._shard_id, market_id=market_id)
        command = SetMarketPhase(
            market_id, "halted", actor="system:matching worker", cause="system"
        )
        halt = [own_entry(command, entry.stream_id, entry.request_id)]
        result = self._settle_part(halt, None)
        if isinstance(result, Refused):
            raise result.cause
        self._note(halt, result)

    def _log_commands(self, entries: list[Entry], first: int, committed: Committed) -> None:
        """Say of each command by which request it came, where it is journaled, what told of it."""
        for entry, sequence in numbered(entries, first):
            log.debug(
                "command_settled",
                shard=self._shard_id,
                request_id=entry.request_id,
                journal_sequence=sequence,
                stream_id=entry.stream_id,
                events=committed.settled.event_sequences,
            )
