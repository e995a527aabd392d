"""Request weights per minute, by key and by address, counted in this process.

A fixed window of a minute that begins with the first request. With several web processes each
counts for itself; the settings say what one of them allows. 0 switches a limit off.
"""

import time
from typing import Final

from accounts.access.callers import Caller
from api.transport.errors import Headers
from zavora.foundation.errors import RateLimited
from zavora.foundation.setting_values import SettingValue

WINDOW_S: Final = 60
# How many keys or addresses are remembered; the oldest windows make room.
COUNTERS_MAX: Final = 50_000

_IP_LIMIT: Final = SettingValue("ZAVORA_RATE_LIMIT_IP_PER_MINUTE")
_KEY_LIMIT: Final = SettingValue("ZAVORA_RATE_LIMIT_KEY_PER_MINUTE")


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


class _Windows:
    """Counters of one kind: name -> (start of its minute, weight used)."""

    def __init__(self) -> None:
        self._windows: dict[object, list[float]] = {}

    def count(self, name: object, *, weight: int, limit: int, now: float) -> Usage | None:
        """Add ``weight`` and return the usage; None where the limit would be passed."""
        window = self._windows.get(name)
        if window is None or now - window[0] >= WINDOW_S:
            if window is None and len(self._windows) >= COUNTERS_MAX:
                del self._windows[next(iter(self._windows))]
            window = [now, 0]
            self._windows[name] = window
        if window[1] + weight > limit:
            return None
        window[1] += weight
        return Usage(limit, limit - int(window[1]), WINDOW_S - int(now - window[0]))

    def retry_after_s(self, name: object, now: float) -> int:
        """Return the seconds until the minute of ``name`` is over, at least one."""
        window = self._windows.get(name)
        return max(1, WINDOW_S - int(now - window[0])) if window else 1


_by_ip: Final = _Windows()
_by_key: Final = _Windows()


def _take(windows: _Windows, name: object, weight: int, limit: int) -> Usage | None:
    """Return the usage after counting, None where there is no limit; raise RateLimited."""
    if not limit:
        return None
    now = time.monotonic()
    usage = windows.count(name, weight=weight, limit=limit, now=now)
    if usage is None:
        retry_after = windows.retry_after_s(name, now)
        raise RateLimited(
            f"More than {limit} requests a minute.", retry_after=retry_after, limit=limit
        )
    return usage


def take_for_ip(ip: str, weight: int = 1) -> Usage | None:
    """Count a request of an address."""
    return _take(_by_ip, ip, weight, _IP_LIMIT.value)


def take_for_key(name: object, weight: int = 1) -> Usage | None:
    """Count a request of a credential: a key's id, or a user's for browser sessions."""
    return _take(_by_key, name, weight, _KEY_LIMIT.value)


def name_of(caller: Caller) -> tuple[str, int]:
    """Return under which name a caller's requests are counted."""
    return ("user", caller.user_id) if caller.key_id is None else ("key", caller.key_id)


def tighter(one: Usage | None, other: Usage | None) -> Usage | None:
    """Return the usage that leaves less."""
    if one is None or other is None:
        return one or other
    return one if one.remaining < other.remaining else other


def forget() -> None:
    """Drop all counters (tests)."""
    _by_ip._windows.clear()
    _by_key._windows.clear()
