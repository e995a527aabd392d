"""What is due by the clock becomes a command: journaled, decided and settled like any other.

The engine remembers what is due when. Only here is that held against the clock, and only the worker
makes such a command: one that comes by the stream is none (``stream``).
"""

from collections.abc import Iterator
from itertools import islice
from typing import Final

from matching.commands.due import FireTimer
from matching.engine import Engine
from matching.worker.entries import Entry, own_entry

DUE_IN_BATCH_MAX: Final = 100
# What could not be decided or stored was journaled as void and is still due: it is tried again.
RETRY_US: Final = 5_000_000


class DueSwitches:
    """Which switches are due by the clock and were not tried just before."""

    def __init__(self) -> None:
        # (due, account, key) of what was tried, and until when it is not tried again.
        self._held: dict[tuple[int, int, int], int] = {}

    def are_due(self, engine: Engine, now_us: int) -> bool:
        """Tell whether one is to be fired now."""
        return next(self._due(engine, now_us), None) is not None

    def wait_ms(self, engine: Engine, now_us: int, at_most_ms: int) -> int:
        """Return how long the worker may wait for commands before the next one is due."""
        for due_us, _, _ in engine.switches:
            if due_us > now_us:
                return min(at_most_ms, -(-(due_us - now_us) // 1000))
        return at_most_ms

    def take(self, engine: Engine, now_us: int, stream_id: str) -> list[Entry]:
        """Return entries for what is due, the earliest first; each is given once, then held."""
        self._held = {switch: until for switch, until in self._held.items() if until > now_us}
        due = list(islice(self._due(engine, now_us), DUE_IN_BATCH_MAX))
        self._held.update(dict.fromkeys(due, now_us + RETRY_US))
        return [
            own_entry(FireTimer(account_id, key_id, due_us), stream_id)
            for due_us, account_id, key_id in due
        ]

    def _due(self, engine: Engine, now_us: int) -> Iterator[tuple[int, int, int]]:
        for switch in engine.switches:
            if switch[0] > now_us:
                return
            if self._held.get(switch, 0) <= now_us:
                yield switch
