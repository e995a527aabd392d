"""How much was asked: counted by name in windows of the clock, for both APIs and all processes.

A window is a minute, ten seconds or a day of the clock. Counts live in the process, so that
counting waits for nothing; ``limits_sharing`` adds what other processes counted, a moment later.
v1 counts requests by address and by credential. 0 switches a limit off.
"""

import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

from accounts.access.callers import Caller
from api.transport.errors import Headers
from zavora.foundation.errors import RateLimited
from zavora.foundation.setting_values import SettingValue

WINDOW_S: Final = 60
# How many names of one kind are remembered; the oldest make room.
COUNTERS_MAX: Final = 50_000

_IP_LIMIT: Final = SettingValue("ZAVORA_RATE_LIMIT_IP_PER_MINUTE")
_KEY_LIMIT: Final = SettingValue("ZAVORA_RATE_LIMIT_KEY_PER_MINUTE")


class Counter:
    """What was counted in one window of the clock, here and, as last heard, elsewhere."""

    __slots__ = ("count", "number", "others", "seconds", "shared")

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        # Of the window, counted from the beginning of the clock.
        self.number = 0
        self.count = 0
        # How much of ``count`` other processes have been told.
        self.shared = 0
        self.others = 0

    @property
    def total(self) -> int:
        """Return what every process together counted."""
        return self.count + self.others


Windows = tuple[Counter, ...]
# Shares what else belongs to names that were counted, over a client of the queue.
ShareMore = Callable[[Any, Iterable[Any]], Awaitable[None]]


class Counters:
    """Counts of one kind, by name, in one or more windows of so many seconds each."""

    def __init__(self, kind: str, *windows_s: int, also: ShareMore | None = None) -> None:
        self.kind = kind
        self.windows_s = windows_s
        self.also = also
        self._windows: dict[Any, Windows] = {}
        # Counted, but not told to other processes yet; and what was told the last time.
        self._touched: set[Any] = set()
        self._touched_before: set[Any] = set()

    def of(self, name: Any, now: float) -> Windows:
        """Return a name's counters of the present windows, in the order of their seconds."""
        windows = self._windows.get(name)
        if windows is None:
            if len(self._windows) >= COUNTERS_MAX:
                del self._windows[next(iter(self._windows))]
            windows = self._windows[name] = tuple(map(Counter, self.windows_s))
        second = int(now)
        for counter in windows:  # asked for with every request
            number = second // counter.seconds
            if counter.number != number:
                counter.number = number
                counter.count = counter.shared = counter.others = 0
        return windows

    def touch(self, name: Any) -> None:
        """Note that a name was counted, or asked for: other processes are to be told, and heard."""
        self._touched.add(name)

    def take_touched(self) -> dict[Any, Windows]:
        """Return the counters of names touched since the call before the last one.

        Twice each, as what another process counted before the first time may be told only after.
        """
        names = self._touched | self._touched_before
        self._touched_before, self._touched = self._touched, set()
        now = time.time()
        return {name: self.of(name, now) for name in names if name in self._windows}

    def forget(self) -> None:
        """Drop everything (tests)."""
        self._windows.clear()
        self._touched.clear()
        self._touched_before.clear()

    def __len__(self) -> int:
        return len(self._windows)


# Every kind that is counted by all processes together.
SHARED: Final[list[Counters]] = []


def shared_counters(kind: str, *windows_s: int, also: ShareMore | None = None) -> Counters:
    """Return counters that ``limits_sharing`` shares; ``kind`` names them in the queue."""
    counters = Counters(kind, *windows_s, also=also)
    SHARED.append(counters)
    return counters


# --- v1 -------------------------------------------------------------------------------------------


class Usage:
    """What is left of the tighter limit, for the answer's headers."""

    __slots__ = ("limit", "remaining", "reset_s")

    def __init__(self, limit: int, remaining: int, reset_s: int) -> None:
        self.limit = limit
        self.remaining = remaining
        self.reset_s = reset_s

    def pairs(self) -> list[tuple[str, str]]:
        """Return the headers by which a client can keep below its limit."""
        return [
            ("X-RateLimit-Limit", str(self.limit)),
            ("X-RateLimit-Remaining", str(self.remaining)),
            ("X-RateLimit-Reset", str(self.reset_s)),
        ]

    def headers(self) -> Headers:
        """Return the same for a bare ASGI answer."""
        return [
            (b"x-ratelimit-limit", b"%d" % self.limit),
            (b"x-ratelimit-remaining", b"%d" % self.remaining),
            (b"x-ratelimit-reset", b"%d" % self.reset_s),
        ]


BY_IP: Final = shared_counters("v1:address", WINDOW_S)
BY_KEY: Final = shared_counters("v1:credential", WINDOW_S)


def take(counters: Counters, name: object, weight: int, limit: int) -> Usage | None:
    """Count in counters of a minute; return the usage, None without limit; raise RateLimited."""
    if not limit:
        return None
    now = time.time()
    (counter,) = counters.of(name, now)
    counters.touch(name)
    left_s = WINDOW_S - int(now) % WINDOW_S
    used = counter.count + counter.others + weight
    if used > limit:
        raise RateLimited(f"More than {limit} requests a minute.", retry_after=left_s, limit=limit)
    counter.count += weight
    return Usage(limit, limit - used, left_s)


def take_for_ip(ip: str, weight: int = 1) -> Usage | None:
    """Count a request of an address."""
    return take(BY_IP, ip, weight, _IP_LIMIT.value)


def take_for_key(name: object, weight: int = 1) -> Usage | None:
    """Count a request of a credential: a key's id, or a user's for browser sessions."""
    return take(BY_KEY, name, weight, _KEY_LIMIT.value)


def name_of(caller: Caller) -> tuple[str, int]:
    """Return under which name a caller's requests are counted."""
    return ("user", caller.user_id) if caller.key_id is None else ("key", caller.key_id)


def tighter(one: Usage | None, other: Usage | None) -> Usage | None:
    """Return the usage that leaves less."""
    if one is None or other is None:
        return one or other
    return one if one.remaining < other.remaining else other
