"""How many WebSockets each address has, how fast it opens them, and whether a silent one may stay.

The servers bound connections (``zavora.serving``); behind a proxy those are all the proxy's. This
counts by the client that the proxy names.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from zavora.foundation.addresses import counted_as
from zavora.foundation.setting_values import SettingValue

_PER_ADDRESS_MAX: Final = SettingValue("ZAVORA_SOCKETS_PER_ADDRESS_MAX")
# How many addresses are known before those whose turns are past are looked for.
PURGE_AT_LEAST: Final = 1_024
_SILENCE_S: Final = SettingValue("ZAVORA_SOCKET_SILENCE_S")


class SocketCounts:
    """Open sockets by address. For one event loop."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def open(self, address: str) -> bool:
        """Count one more; False where the address has as many as it may."""
        if self.is_full(address):
            return False
        name = counted_as(address)
        self._counts[name] = self._counts.get(name, 0) + 1
        return True

    def is_full(self, address: str) -> bool:
        """Tell whether an address has as many as it may."""
        return bool(0 < _PER_ADDRESS_MAX.value <= self._counts.get(counted_as(address), 0))

    def close(self, address: str) -> None:
        """Count one less."""
        name = counted_as(address)
        count = self._counts[name] - 1
        if count:
            self._counts[name] = count
        else:
            del self._counts[name]


class Turns:
    """Lets each address begin one thing after the other: so much time lies between two.

    What costs more than its answer may wait for its turn; one address never waits for another.
    """

    def __init__(self, spacing_s: float) -> None:
        self._spacing_s = spacing_s
        # The earliest turn that an address can have next; what is past is dropped now and then.
        self._next: dict[str, float] = {}
        self._purge_at = PURGE_AT_LEAST

    def __len__(self) -> int:
        return len(self._next)

    def wait_s(self, address: str, now: float) -> float:
        """Take a turn and return how long it is until it comes."""
        if len(self._next) >= self._purge_at:
            self._next = {name: turn for name, turn in self._next.items() if turn > now}
            self._purge_at = max(PURGE_AT_LEAST, 2 * len(self._next))
        name = counted_as(address)
        turn = max(now, self._next.get(name, now))
        self._next[name] = turn + self._spacing_s
        return turn - now


class Silence:
    """Ends a socket that neither says nor follows anything, once it has been so for a while.

    ``is_needed`` tells whether the socket has a reason to stay silent: it follows something, or is
    somebody's. ``end`` is called at most once.
    """

    __slots__ = ("_end", "_handle", "_heard", "_is_needed", "_wait_s")

    def __init__(self, end: Callable[[], None], is_needed: Callable[[], bool]) -> None:
        self._end = end
        self._is_needed = is_needed
        self._heard = False
        self._wait_s: float = _SILENCE_S.value
        self._handle: asyncio.TimerHandle | None = None
        self._wait()

    def heard(self) -> None:
        """Note that the client said something."""
        self._heard = True

    def stop(self) -> None:
        """Watch no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _wait(self) -> None:
        if self._wait_s:
            loop = asyncio.get_running_loop()
            self._handle = loop.call_later(self._wait_s, self._look)

    def _look(self) -> None:
        self._handle = None
        if self._heard or self._is_needed():
            self._heard = False
            self._wait()
        else:
            self._end()


SOCKETS: Final = SocketCounts()
