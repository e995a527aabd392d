"""Password hashes: Argon2, and a bound on how many are computed at once.

A hash is slow by design, so whoever can ask for many at once can take the processors and the
threads from everybody else. Every hash of this process passes one gate, whatever asked for it
(log-in, sign-up, the admin, a command): few are computed at once, few more wait, and beyond that
``Overloaded`` says that nothing was tried. Waiting costs a thread, so the line is short.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.contrib.auth.hashers import Argon2PasswordHasher, PBKDF2PasswordHasher

from zavora.foundation.errors import Overloaded
from zavora.foundation.setting_values import SettingValue

WAITING_MAX: Final = 3
WAIT_MAX_S: Final = 2.0

_RUNNING_MAX: Final = SettingValue("ZAVORA_HASHES_MAX")


class Gate:
    """Lets ``running_max`` in at once; ``waiting_max`` more wait in line, ``wait_s`` at most."""

    def __init__(self, *, waiting_max: int, wait_s: float) -> None:
        self._waiting_max = waiting_max
        self._wait_s = wait_s
        self._changed = threading.Condition()
        self._running = 0
        self._waiting = 0

    @contextmanager
    def entered(self, running_max: int) -> Iterator[None]:
        """Hold a place; 0 lets everybody in. Raises Overloaded where there is none in time."""
        if running_max:
            self._enter(running_max)
        try:
            yield
        finally:
            if running_max:
                with self._changed:
                    self._running -= 1
                    self._changed.notify()

    def _enter(self, running_max: int) -> None:
        with self._changed:
            if self._running >= running_max:
                if self._waiting >= self._waiting_max:
                    raise Overloaded("Too many passwords are being checked right now.")
                self._waiting += 1
                try:
                    is_free = self._changed.wait_for(
                        lambda: self._running < running_max, timeout=self._wait_s
                    )
                finally:
                    self._waiting -= 1
                if not is_free:
                    raise Overloaded("Too many passwords are being checked right now.")
            self._running += 1


_gate: Final = Gate(waiting_max=WAITING_MAX, wait_s=WAIT_MAX_S)


@contextmanager
def hashing_place() -> Iterator[None]:
    """Hold one of this process's places for slow work on a password. Raises Overloaded."""
    with _gate.entered(_RUNNING_MAX.value):
        yield


class Argon2Hasher(Argon2PasswordHasher):
    """Argon2id as OWASP advises for a server that does other work, too: 19 MiB, one thread.

    Django's own 100 MiB in eight threads would take both processors of a small machine for each
    guess.
    """

    memory_cost = 19_456
    time_cost = 2
    parallelism = 1

    def encode(self, password: str, salt: str) -> str:
        """Return the hash of a password."""
        with hashing_place():
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Tell whether a hash is of this password."""
        with hashing_place():
            return super().verify(password, encoded)


class PBKDF2Hasher(PBKDF2PasswordHasher):
    """What passwords were hashed by before; opened, and replaced at the next log-in."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        """Return the hash of a password; ``verify`` and ``harden_runtime`` call this, too."""
        with hashing_place():
            return super().encode(password, salt, iterations)
