"""Settlements that do what a test says: one on the real tables, one that has none."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from matching.rows.handovers import Waiting
from matching.worker.decide import Decision, Figures, ShardContext
from matching.worker.entries import Entry
from matching.worker.lease import Position
from matching.worker.memory import Decided
from matching.worker.results import Committed, Result
from matching.worker.session import Session
from matching.worker.settlement import Batch, PostgresSettlement
from matching.worker.transaction import Settled
from zavora.foundation.lasting import WatchedConnection

# Is given what does the step, and the session it is done in.
AroundWrite = Callable[[Callable[[], Settled], WatchedConnection], Settled]
AroundCommit = Callable[[Callable[[], None], WatchedConnection], None]
# Is given a batch and what would really settle it.
Answer = Callable[[Batch, Callable[[], Result]], Result]


class WatchedSettlement(PostgresSettlement):
    """Settles on the real tables, and lets a test stand around two of the steps."""

    def __init__(self, session: Session, epoch: int) -> None:
        super().__init__(session, epoch)
        self.around_write: AroundWrite | None = None
        self.around_commit: AroundCommit | None = None
        self.results: list[Result] = []

    def settle(self, batch: Batch) -> Result:
        """Settle, and note what became of it."""
        self.results.append(super().settle(batch))
        return self.results[-1]

    def settle_decided(self, *arguments: Any) -> Result:
        """Settle, and note what became of it."""
        self.results.append(super().settle_decided(*arguments))
        return self.results[-1]

    @property
    def kinds(self) -> list[str]:
        """Return what became of each attempt, by name."""
        return [type(result).__name__ for result in self.results]

    def write(self, connection: WatchedConnection, batch: Batch, decision: Decision) -> Settled:
        """Write, in the test's own way."""

        def write() -> Settled:
            return PostgresSettlement.write(self, connection, batch, decision)

        return write() if self.around_write is None else self.around_write(write, connection)

    def commit(self, connection: WatchedConnection) -> None:
        """Commit, in the test's own way."""

        def commit() -> None:
            PostgresSettlement.commit(self, connection)

        if self.around_commit is None:
            commit()
        else:
            self.around_commit(commit, connection)


class ScriptedSettlement:
    """Tables in memory that keep nothing but the position: commits unless the script says else.

    ``answers``: what becomes of the next attempts, in order: a result, or what is given the batch
    and what would settle it.
    """

    def __init__(
        self, position: Position, figures: Figures, answers: Iterable[Result | Answer | None] = ()
    ) -> None:
        self.position = position
        self.figures = figures
        self.answers = list(answers)
        self.committed: list[Committed] = []
        self.attempts: list[list[Entry]] = []
        self.watched: list[set[Any]] = []
        self.renewals = 0

    def settle(self, batch: Batch) -> Result:
        """Settle as the script says."""
        return self._settle(batch, lambda: batch.decide(self._read()), lambda: None)

    def settle_decided(
        self, batch: Batch, decision: Decision, before_commit: Callable[[], None]
    ) -> Result:
        """Settle as the script says."""
        return self._settle(batch, lambda: decision, before_commit)

    def _settle(
        self, batch: Batch, decide: Callable[[], Decided], before_commit: Callable[[], None]
    ) -> Result:
        self.attempts.append(batch.entries)
        self.watched.append(set(batch.watched))

        def really() -> Result:
            decided = decide()
            if not isinstance(decided, Decision):
                return decided
            before_commit()
            return self.keep(decided)

        answer = self.answers.pop(0) if self.answers else None
        if answer is None:
            return really()
        return answer(batch, really) if callable(answer) else answer

    def _read(self) -> Figures:
        return msgspec.structs.replace(self.figures, available=dict(self.figures.available))

    def keep(self, decision: Decision) -> Committed:
        """Commit."""
        self.position = msgspec.structs.replace(
            self.position,
            journal_sequence=self.position.journal_sequence + len(decision.journal_rows),
            last_stream_id=decision.last_stream_id,
            last_batch_us=decision.time_us,
            last_id=decision.rows.last_id,
        )
        self.committed.append(Committed(decision, Settled([], {})))
        return self.committed[-1]

    def read_figures(self, context: ShardContext, entries: list[Entry]) -> Figures | None:
        """Return the figures that there are."""
        return self._read()

    def list_waiting(self) -> list[Waiting]:
        """Nobody lets a market go."""
        return []

    def read_handed(self, context: ShardContext, entries: list[Entry]) -> None:
        """Nobody lets a market go."""

    def look_up(self) -> Position:
        """Return the position."""
        return self.position

    def keep_lease(self) -> None:
        """Nobody else wants it."""

    def renew_lease(self) -> None:
        """Count."""
        self.renewals += 1

    def close(self) -> None:
        """There is nothing to close."""
