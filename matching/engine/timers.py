"""What is due by the clock: dead-man's switches, and orders whose time in force ends.

A switch cancels everything of an account, unless it is put off. The engine reads no clock. It
remembers what is due when; the worker looks at the clock and says so.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from heapq import heapify, heappop, heappush
from typing import Final

from matching.engine.commands import FireSwitch, SetSwitch
from matching.engine.events import Event, SwitchSet
from matching.engine.undo import SwitchName, UndoLog

# How many entries of orders that are gone are kept beside as many that are not.
STALE_MIN: Final = 64


class Expiries:
    """When the orders of a market end. What left the market is dropped when it is come across."""

    __slots__ = ("_due", "_heap")

    def __init__(self) -> None:
        self._due: dict[int, int] = {}
        self._heap: list[tuple[int, int]] = []

    def __len__(self) -> int:
        """Return how many orders end in time."""
        return len(self._due)

    def add(self, order_id: int, due_us: int) -> None:
        """Note when an order ends."""
        self._due[order_id] = due_us
        heappush(self._heap, (due_us, order_id))
        if len(self._heap) > 2 * len(self._due) + STALE_MIN:
            self._heap = [(due, order) for order, due in self._due.items()]
            heapify(self._heap)

    def remove(self, order_id: int) -> None:
        """Forget an order, if it is there."""
        self._due.pop(order_id, None)

    def next_us(self) -> int | None:
        """Return when the next order ends; None: none does."""
        heap, due = self._heap, self._due
        while heap and due.get(heap[0][1]) != heap[0][0]:
            heappop(heap)
        return heap[0][0] if heap else None

    def first_due(self, time_us: int) -> int | None:
        """Return the id of the order that ends first, if that is by now."""
        next_us = self.next_us()
        return self._heap[0][1] if next_us is not None and next_us <= time_us else None

    def count_due(self, time_us: int, *, at_most: int) -> int:
        """Return how many orders end by now, as far as one cares; some may be gone since."""
        heap, places, count = self._heap, [0], 0
        while places and count < at_most:
            place = places.pop()
            if place < len(heap) and heap[place][0] <= time_us:  # else nothing below it is due
                count += 1
                places += [2 * place + 1, 2 * place + 2]
        return count


class Switches:
    """A shard's switches, in the order in which they are due: one an account and credential."""

    __slots__ = ("_due", "_log", "_queue")

    def __init__(self, log: UndoLog) -> None:
        self._log = log
        self._due: dict[SwitchName, int] = {}
        self._queue: list[tuple[int, int, int]] = []

    def __iter__(self) -> Iterator[tuple[int, int, int]]:
        """Yield (due in microseconds, account, key) of each, the earliest first."""
        return iter(self._queue)

    def due_us(self, account_id: int, key_id: int) -> int | None:
        """Return when a switch is due; None: there is none of that account and credential."""
        return self._due.get((account_id, key_id))

    def set(self, command: SetSwitch) -> list[Event]:
        """Set a switch, set it anew, or clear it; clearing none is no event."""
        name = command.account_id, command.key_id
        if command.due_us is None and name not in self._due:
            return []
        return self._change(name, command.due_us)

    def fire(self, command: FireSwitch) -> list[Event]:
        """Clear a switch whose time has come; one that is due at another time by now stays."""
        name = command.account_id, command.key_id
        if self._due.get(name) != command.due_us:
            return []
        return self._change(name, None)

    def put(self, name: SwitchName, due_us: int | None) -> None:
        """Give a switch its time, None: take it out. Not noted: for loading and taking back."""
        before = self._due.pop(name, None)
        if before is not None:
            del self._queue[bisect_left(self._queue, (before, *name))]
        if due_us is not None:
            self._due[name] = due_us
            insort(self._queue, (due_us, *name))

    def _change(self, name: SwitchName, due_us: int | None) -> list[Event]:
        self._log.puts.append((self.put, name, self._due.get(name)))
        self.put(name, due_us)
        return [SwitchSet(*name, due_us)]
