"""Limits of attempts to get in: by person and address, by address, and by person alone.

A stranger who guesses from many addresses is slowed, and cannot lock the person out by it: a device
that got in before has a budget of its own (``accounts.access.devices``), which no stranger can use
up. Where Redis is away this process counts for itself. Why no library: docs/adr/0014-one-door.md.
"""

import ipaddress
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Final, TypeVar

import structlog
from redis.exceptions import RedisError

from accounts.access.attempt_counters import Counters, LocalCounters, RedisCounters
from accounts.access.security_log import person_digest
from accounts.redis_client import get_redis
from zavora.foundation.setting_values import SettingValue

WINDOW_S: Final = 900
LOGINS_PER_PERSON_MAX: Final = 10
LOGINS_PER_DEVICE_MAX: Final = 10
# From all addresses together; each further guess has to wait twice as long as the one before.
STRANGERS_WINDOW_S: Final = 86_400
STRANGERS_FREE_MAX: Final = 20
STRANGERS_PAUSE_MAX_S: Final = 900
# Mails that a stranger may make us send to one address.
MAIL_PAUSE_S: Final = 60
MAILS_PER_DAY_MAX: Final = 20
# How long Redis is left alone after it did not answer: asking takes up to a second of a thread.
AWAY_S: Final = 5.0

_PER_ADDRESS_MAX: Final = SettingValue("ZAVORA_LOGIN_ATTEMPTS_PER_ADDRESS")

log = structlog.get_logger(__name__)
Answer = TypeVar("Answer")


class _Store:
    """Redis while it answers, else the counters of this process."""

    def __init__(self) -> None:
        self.local = LocalCounters()
        self.away_until = 0.0

    def ask(self, question: Callable[[Counters], Answer]) -> Answer:
        if time.monotonic() >= self.away_until:
            try:
                return question(RedisCounters(get_redis()))
            except RedisError as error:
                self.away_until = time.monotonic() + AWAY_S
                log.warning("attempts_counted_here_only", error=type(error).__name__)
        return question(self.local)


_store: Final = _Store()


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that was counted. It may go on unless ``refused_by`` names a limit."""

    names: tuple[str, ...]
    refused_by: str = ""
    retry_after_s: int = 0

    def forget(self) -> None:
        """Drop the failures of a person who got in after all."""
        if self.names:
            _store.ask(lambda counters: counters.forget(self.names))

    def give_back(self) -> None:
        """Take the attempt back: nothing was tried. The address's own count stands."""
        counted = [name for name in self.names if not name.endswith(":pause")]
        paused = [name for name in self.names if name.endswith(":pause")]

        def undo(counters: Counters) -> None:
            counters.uncount(counted)
            if paused:
                counters.forget(paused)

        if self.names:
            _store.ask(undo)


def pause_s(guesses: int) -> int:
    """Return how long the next guess waits after so many from unknown devices."""
    beyond = guesses - STRANGERS_FREE_MAX
    # The exponent is bounded, too: 2 to the power of a day's guesses is a large number.
    return 0 if beyond <= 0 else min(2 ** min(beyond, 16), STRANGERS_PAUSE_MAX_S)


def network_of(address: str) -> str:
    """Return what one client cannot choose freely of its address: of IPv6 the first half."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))


def count_attempt(*, address: str, email: str = "", device: str | None = None) -> Attempt:
    """Count an attempt to get in from ``address`` (as ``email``), and say whether it may go on.

    ``device`` is a device known as this person's: only its own budget counts then.
    """
    network = network_of(address)
    return _store.ask(lambda counters: _count(counters, network, email, device))


def may_mail(email: str) -> bool:
    """Count a mail to an address, and say whether it may go out now: few do, whoever asks."""
    name = f"attempts:mail:{person_digest(email)}"

    def take(counters: Counters) -> bool:
        if counters.hold(f"{name}:pause", MAIL_PAUSE_S * 1_000):
            return False
        (mails,) = counters.count([name], STRANGERS_WINDOW_S)
        return mails <= MAILS_PER_DAY_MAX

    return _store.ask(take)


def _count(counters: Counters, address: str, email: str, device: str | None) -> Attempt:
    if device:
        name = f"attempts:device:{device}"
        (used,) = counters.count([name], WINDOW_S)
        return _judged(counters, (name,), name, used, LOGINS_PER_DEVICE_MAX, "device")
    by_address = f"attempts:{address}"
    names = [by_address]
    if email:
        person = person_digest(email)
        names.append(f"attempts:{address}:{person}")
    counts = counters.count(names, WINDOW_S)
    address_max: int = _PER_ADDRESS_MAX.value
    if address_max and counts[0] > address_max:
        return _judged(counters, (), by_address, counts[0], address_max, "address")
    if not email:
        return Attempt(())
    if counts[1] > LOGINS_PER_PERSON_MAX:
        return _judged(counters, (), names[1], counts[1], LOGINS_PER_PERSON_MAX, "person")
    return _count_stranger(counters, names[1], f"attempts:person:{person}")


def _judged(
    counters: Counters, names: tuple[str, ...], name: str, used: int, most: int, limit: str
) -> Attempt:
    if used <= most:
        return Attempt(names)
    return Attempt((), limit, max(1, ceil(counters.left_ms(name) / 1_000)))


def _count_stranger(counters: Counters, by_pair: str, by_person: str) -> Attempt:
    """Count a guess of an unknown device among those of all addresses, and make the next wait."""
    pause = f"{by_person}:pause"
    (guesses,) = counters.count([by_person], STRANGERS_WINDOW_S)
    wait_ms = pause_s(guesses) * 1_000
    if wait_ms and (left_ms := counters.hold(pause, wait_ms)):
        counters.uncount([by_person])  # it was none, and makes nobody wait longer
        return Attempt((), "strangers", ceil(left_ms / 1_000))
    return Attempt((by_pair, by_person, pause))
