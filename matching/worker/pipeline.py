"""One batch ahead: while PostgreSQL settles a batch, the next one is decided.

One batch at most is in flight: decided, and being written and committed by a thread of its own on
the worker's session. The next is decided on top of it, with figures that were read in a second
session before the first one's COMMIT was sent, and to which the first one's own changes are added.
It is never written before the first has committed. Where the first fails, everything decided since
is taken back in the engine, and both are settled again one after the other.
"""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final

from django.conf import settings

from matching.commands import kind_of, parts_of
from matching.commands.due import FireTimer
from matching.commands.phase import SetMarketPhase
from matching.engine.undo import START
from matching.worker.batch import Batches
from matching.worker.decide import Decision, Figures
from matching.worker.due import Due
from matching.worker.entries import Entry, in_portions, own_entry, watched_positions
from matching.worker.memory import ShardMemory
from matching.worker.results import Committed, InDoubt, Result
from matching.worker.settlement import Batch, Settlement
from matching.worker.telling import Telling

# Below this a batch waits for little but its commit, and a thread would only cost time.
FLIGHT_COMMANDS_MIN: Final = 64


class Flight:
    """A decided batch while it is being settled."""

    def __init__(self, entries: list[Entry], decision: Decision) -> None:
        self.entries = entries
        self.decision = decision
        self.result: Future[Result] = Future()
        # Whether its COMMIT may have been sent, and the lock under which that is decided.
        self.gate = threading.Lock()
        self.is_committing = False
        self.has_failed = False

    def begin_commit(self) -> None:
        """Note that its COMMIT will be sent; whoever reads meanwhile has done so before."""
        with self.gate:
            self.is_committing = True


class Pipeline:
    """What the loop hands commands to: settles them at once, or in flight where that is worth it.

    ``flight_min``: how many commands make a batch worth settling in flight; ``commands_max``: how
    many are settled by one transaction, a message of several counted as so many.
    """

    def __init__(
        self,
        memory: ShardMemory,
        settlement: Settlement,
        telling: Telling,
        batches: Batches,
        *,
        flight_min: int = FLIGHT_COMMANDS_MIN,
        commands_max: int | None = None,
    ) -> None:
        self._memory = memory
        self._settlement = settlement
        self._telling = telling
        self._batches = batches
        self._flight_min = flight_min
        self._commands_max = commands_max or settings.ZAVORA_BATCH_MAX
        self._due = Due()
        self._thread: ThreadPoolExecutor | None = None
        self._flight: Flight | None = None

    @property
    def is_flying(self) -> bool:
        """Tell whether a batch is in flight: the settlement is the thread's until it has landed."""
        return self._flight is not None

    @property
    def last_stream_id(self) -> str:
        """Return up to where the stream was taken in, the batch in flight counted in."""
        if self._flight is not None:
            return self._flight.decision.last_stream_id
        return self._memory.position.last_stream_id

    def is_worth_a_flight(self, entries: list[Entry]) -> bool:
        """Tell whether so many commands go on top of the batch in flight."""
        if len(entries) >= self._flight_min:
            return True
        return sum(len(parts_of(entry.command)) for entry in entries) >= self._flight_min

    def process(self, entries: list[Entry]) -> None:
        """Settle what was read from the stream, at least an entry, and tell of it."""
        commands = [entry for entry in entries if not entry.is_fence]
        if not commands:
            self.land()
            self._memory.pass_to(entries[-1].stream_id)
            self._telling.tell_position(entries[-1].stream_id)  # a fence waits for nobody
        else:
            for portion in in_portions(commands, self._commands_max):
                self._process(portion)

    def _process(self, commands: list[Entry]) -> None:
        if self.can_fly(commands):
            self._fly(commands)
        else:
            self.land()
            self._batches.settle(commands)

    def can_fly(self, entries: list[Entry]) -> bool:
        """Tell whether a batch is worth settling in flight, and can be."""
        return (
            self.is_worth_a_flight(entries)
            and all(
                entry.command is not None and kind_of(entry.command).may_fly and not entry.blame
                for entry in entries
            )
            and not watched_positions(entries, self._memory.context.terms)
        )

    def land(self) -> None:
        """Wait for the batch in flight, if there is one, and see to it however it ended."""
        flight, self._flight = self._flight, None
        if flight is None:
            return
        memory = self._memory
        try:
            result = flight.result.result()
        except BaseException:
            memory.undo()
            raise
        if not isinstance(result, Committed):
            # What was decided on top of it falls with it.
            flight.has_failed = True
            memory.undo(back_to=flight.decision.mark if isinstance(result, InDoubt) else START)
        self._batches.settle(flight.entries, result)

    def close(self) -> None:
        """Wait for the thread; what is in flight commits, or does not, and is told by nobody."""
        if self._thread is not None:
            self._thread.shutdown()

    # --- in flight --------------------------------------------------------------------------------

    def _fly(self, commands: list[Entry]) -> None:
        """Decide a batch while the one before is being settled, then have it settled itself."""
        before = self._flight
        decision = self._decide_ahead(commands)
        with self._telling.later():  # PostgreSQL is not to wait while the queue is told
            self.land()
            if decision is None and before is not None:
                decision = self._decide_ahead(commands)
            elif before is not None and before.has_failed:
                decision = None
            if decision is None:
                self._batches.settle(commands)
            else:
                self._take_off(commands, decision)

    def _decide_ahead(self, commands: list[Entry]) -> Decision | None:
        """Decide a batch on top of the one in flight; None: it must be settled step by step."""
        memory, flight = self._memory, self._flight
        figures = self._figures(commands, flight)
        if figures is None:
            return None
        after = None if flight is None else flight.decision
        decision = memory.decide(commands, figures, after)
        if isinstance(decision, Decision):
            return decision
        memory.undo(back_to=START if after is None else after.mark)
        return None

    def _figures(self, entries: list[Entry], flight: Flight | None) -> Figures | None:
        """Return what a batch is decided with, the batch in flight counted in.

        None where it cannot be read apart from that: then it must land first.
        """
        context, settlement = self._memory.context, self._settlement
        if flight is None:
            return settlement.read_figures(context, entries)
        with flight.gate:
            figures = None
            if not flight.is_committing:
                figures = settlement.read_figures(context, entries)
        if figures is None:
            return None
        for key, change in flight.decision.outcome.changes.items():
            figures.available[key] = figures.available.get(key, 0) + change.available_units
        figures.keys.update(flight.decision.keys)
        return figures

    def _take_off(self, commands: list[Entry], decision: Decision) -> None:
        """Have a decided batch settled by the thread; nothing else is in flight."""
        memory = self._memory
        decision.mark = memory.context.engine.mark()  # what was before it is committed
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="settle")
        flight = self._flight = Flight(commands, decision)
        batch = Batch(
            commands, memory.context, memory.position, partial(memory.decide, commands), set()
        )
        flight.result = self._thread.submit(
            self._settlement.settle_decided, batch, decision, flight.begin_commit
        )

    # --- by the clock -----------------------------------------------------------------------------

    def wait_ms(self, at_most_ms: int) -> int:
        """Return how long the stream may be waited for: not at all while a batch is in flight."""
        if self._flight is not None:
            return 0
        memory = self._memory
        now_us = memory.clock_us()
        calendar_ms = max(0, -(-(memory.calendar.wakes_us - now_us) // 1000))
        at_most_ms = min(at_most_ms, calendar_ms)
        return self._due.wait_ms(memory.context.engine, now_us, at_most_ms)

    def fire_due(self) -> None:
        """Settle what is due by the clock, whether or not the queue can be reached."""
        memory = self._memory
        context, engine = memory.context, memory.context.engine
        is_due = self._due.are_due(engine, memory.clock_us())
        if not is_due and memory.clock_us() < memory.calendar.wakes_us:
            return
        self.land()  # it may put off what is due
        now_us = memory.clock_us()
        phases = memory.calendar.take(engine, now_us)
        changed = {phase.market_id for phase in phases}
        commands: list[FireTimer | SetMarketPhase] = [
            command
            for command in self._due.take(engine, now_us)
            # An auction that the calendar has begun ends as its next line says.
            if command.what != "auction" or command.market_id not in changed
        ]
        commands += phases
        if not commands:
            return
        stream_id, before = memory.position.last_stream_id, dict(context.event_sequences)
        self._batches.settle([own_entry(command, stream_id) for command in commands])
        after = context.event_sequences
        self._due.go_on(
            command
            for command in commands
            if before.get(command.market_id) != after.get(command.market_id)
        )
