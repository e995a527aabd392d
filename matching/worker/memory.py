"""What a worker knows of its shard: as of the last commit, and ahead of it what is decided."""

from collections.abc import Callable, Sequence

import msgspec
import structlog

from matching.commands.room import Crowded
from matching.engine.undo import START, Mark
from matching.markets.handing import HandedOver
from matching.worker import meter
from matching.worker.calendar import Calendar
from matching.worker.decide import Decision, Figures, ShardContext
from matching.worker.entries import Entry
from matching.worker.lease import Position
from matching.worker.results import Committed, Moved, Refused
from zavora.foundation.errors import InvariantBroken
from zavora.foundation.times import moment_of

log = structlog.get_logger(__name__)

Decided = Decision | Moved | Refused


class ShardMemory:
    """The engine and all that is remembered beside it. Only a committed batch becomes part of it.

    A batch that is decided has changed the engine already; ``adopt`` keeps that, ``undo`` takes it
    back.
    """

    def __init__(
        self, context: ShardContext, position: Position, clock_us: Callable[[], int]
    ) -> None:
        self.context = context
        self.position = position
        self.clock_us = clock_us
        self.calendar = Calendar(context.terms.values(), context.last_batch_us)

    def decide(
        self, entries: Sequence[Entry], figures: Figures, after: Decision | None = None
    ) -> Decided:
        """Decide a batch, on top of ``after`` where that is not committed yet."""
        with meter.phase(self.context.shard_id, "decide"):
            return self._decide(entries, figures, after)

    def _decide(
        self, entries: Sequence[Entry], figures: Figures, after: Decision | None
    ) -> Decided:
        context = self.context
        # Not over a change by the calendar that was not taken yet, however late it is.
        time_us = max(min(self.clock_us(), self.calendar.before_us - 1), context.last_batch_us)
        journal_before, messages = context.journal_sequence, context.messages
        if after is not None:
            time_us = max(time_us, after.time_us)
            journal_before += len(after.journal_rows)
            messages = after.messages
        for handed in context.handed.values():
            context.ids.start_above(handed.last_id)
        decision = Decision(
            context,
            figures,
            time_us=time_us,
            time_text=moment_of(time_us).isoformat(),
            journal_before=journal_before,
            messages=messages,
        )
        for index, entry in enumerate(entries):
            try:
                decision.decide(entry)
            except Crowded as crowded:
                return Moved(str(crowded), frozenset(crowded.keys))
            except Exception as error:  # the engine names its command by raising in its turn
                return Refused(error, index)
        try:
            decision.close()
        except InvariantBroken as error:
            return Refused(error)
        return decision

    def adopt(self, committed: Committed) -> None:
        """Make a committed batch part of what is known."""
        context, decision = self.context, committed.decision
        context.engine.commit(up_to=decision.mark)
        context.terms.update(decision.new_terms)
        for terms in decision.new_terms.values():
            if not context.handed:
                self.calendar.follow(terms, decision.time_us)
        context.event_sequences.update(committed.settled.event_sequences)
        context.journal_sequence += len(decision.journal_rows)
        context.last_batch_us = decision.time_us
        context.messages.take_over(decision.messages)
        for market_id in decision.outcome.released:
            self._forget(market_id)
        for handed in context.handed.values():
            self._take(handed)
        context.handed.clear()
        self.position = msgspec.structs.replace(
            self.position,
            journal_sequence=context.journal_sequence,
            last_stream_id=decision.last_stream_id,
            last_batch_us=decision.time_us,
            last_id=decision.rows.last_id,
        )

    def _forget(self, market_id: int) -> None:
        """Forget a market that was let go."""
        context = self.context
        terms = context.terms.pop(market_id)
        context.event_sequences.pop(market_id)
        self.calendar.forget(market_id)
        log.info("market_released", market=terms.symbol, shard=context.shard_id)

    def _take(self, handed: HandedOver) -> None:
        """Take up a market, if it was adopted."""
        context, market_id = self.context, handed.market_id
        if market_id not in context.terms:
            return
        context.event_sequences[market_id] = handed.event_sequence
        context.messages.bring(handed.released_us, market_id, handed.messages)
        context.set_aside.pop(market_id, None)
        # What its former shard took of its calendar is what came by then.
        self.calendar.follow(handed.terms, handed.released_us)
        log.info("market_adopted", market=handed.terms.symbol, shard=context.shard_id)

    def undo(self, back_to: Mark = START) -> None:
        """Take back what was decided since the last commit, or since a later point."""
        self.context.engine.undo(back_to=back_to)

    def pass_to(self, stream_id: str) -> None:
        """Note that the stream was read up to there and asked for nothing."""
        self.position = msgspec.structs.replace(self.position, last_stream_id=stream_id)

    def state_hash(self) -> str:
        """Return the hash of the engine."""
        return self.context.engine.state_hash()
