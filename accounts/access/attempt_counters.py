"""Counters that forget by themselves: in Redis for all processes, or in this one alone.

The second stands in while the first is away, so that limits of guesses hold then, too: each process
counts for itself, in a bounded number of names.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from redis import Redis

NAMES_MAX: Final = 50_000


class Counters(Protocol):
    """What both kinds can do; each step is atomic."""

    def count(self, names: Sequence[str], window_s: int) -> list[int]:
        """Add one to each and return them; a window begins with its first count."""

    def uncount(self, names: Sequence[str]) -> None:
        """Take one away from each that is there."""

    def hold(self, name: str, pause_ms: int) -> int:
        """Take ``name`` for a while and return 0; else return for how many ms it is still taken."""

    def left_ms(self, name: str) -> int:
        """Return the milliseconds until a name is forgotten."""

    def forget(self, names: Sequence[str]) -> None:
        """Drop names."""


# Only a counter that is there may fall: one that has just expired would never expire again.
_UNCOUNT: Final = "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('DECR', KEYS[1]) end"


class RedisCounters:
    """Counters of all processes. Every method raises RedisError where Redis is away."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    def count(self, names: Sequence[str], window_s: int) -> list[int]:
        """Add one to each and return them."""
        with self._client.pipeline(transaction=True) as pipe:
            for name in names:
                pipe.incr(name)
                pipe.expire(name, window_s, nx=True)
            return [int(result) for result in pipe.execute()[::2]]

    def uncount(self, names: Sequence[str]) -> None:
        """Take one away from each that is there."""
        for name in names:
            self._client.eval(_UNCOUNT, 1, name)

    def hold(self, name: str, pause_ms: int) -> int:
        """Take ``name``, or say for how long it is taken."""
        if self._client.set(name, 1, nx=True, px=pause_ms):
            return 0
        return max(1, self.left_ms(name))

    def left_ms(self, name: str) -> int:
        """Return the milliseconds until a name is forgotten."""
        return max(0, int(self._client.pttl(name)))

    def forget(self, names: Sequence[str]) -> None:
        """Drop names."""
        self._client.delete(*names)


class LocalCounters:
    """Counters of this process: name -> (count, when it is forgotten). The oldest make room."""

    def __init__(
        self, *, names_max: int = NAMES_MAX, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._names_max = names_max
        self._clock = clock
        self._lock = threading.Lock()
        self._counts: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def count(self, names: Sequence[str], window_s: int) -> list[int]:
        """Add one to each and return them."""
        with self._lock:
            return [self._add(name, window_s) for name in names]

    def uncount(self, names: Sequence[str]) -> None:
        """Take one away from each that is there."""
        with self._lock:
            for name in names:
                if kept := self._live(name):
                    self._counts[name] = (kept[0] - 1, kept[1])

    def hold(self, name: str, pause_ms: int) -> int:
        """Take ``name``, or say for how long it is taken."""
        with self._lock:
            if kept := self._live(name):
                return max(1, round((kept[1] - self._clock()) * 1_000))
            self._add(name, pause_ms / 1_000)
            return 0

    def left_ms(self, name: str) -> int:
        """Return the milliseconds until a name is forgotten."""
        with self._lock:
            kept = self._live(name)
            return round((kept[1] - self._clock()) * 1_000) if kept else 0

    def forget(self, names: Sequence[str]) -> None:
        """Drop names."""
        with self._lock:
            for name in names:
                self._counts.pop(name, None)

    def __len__(self) -> int:
        """Return how many names are kept."""
        return len(self._counts)

    def _live(self, name: str) -> tuple[int, float] | None:
        kept = self._counts.get(name)
        return kept if kept is not None and kept[1] > self._clock() else None

    def _add(self, name: str, window_s: float) -> int:
        kept = self._live(name)
        if kept is None:
            self._counts.pop(name, None)
            if len(self._counts) >= self._names_max:
                self._counts.popitem(last=False)
            kept = (0, self._clock() + window_s)
        self._counts[name] = (kept[0] + 1, kept[1])
        return kept[0] + 1
