"""How much may be asked: by address, by credential and by account, for both APIs and all processes.

An address pays for every request before it is known who asks, REST or a message of a WebSocket. A
credential pays as well, once it is known; what it is refused is given back to its address, so that
whoever goes on asking takes nothing from others behind it. An account pays for what is placed and
amended, by whichever credential and API; cancels are always taken. All of it is in the buckets of
``zavora.foundation.leases``; 0 switches a limit off. Why so: docs/adr/0028-one-bucket.md.
"""

from collections.abc import Sequence
from typing import Final

from accounts.access.callers import Caller
from accounts.redis_client import get_redis
from api.process import web_process
from api.transport.errors import Headers
from zavora.foundation.addresses import counted_as
from zavora.foundation.errors import RateLimited
from zavora.foundation.leases import LEASES, Charge, Lease, Limit

MINUTE_S: Final = 60
BY_ADDRESS: Final = Limit("address", "ZAVORA_RATE_LIMIT_IP_PER_MINUTE", MINUTE_S)
BY_KEY: Final = Limit("key", "ZAVORA_RATE_LIMIT_KEY_PER_MINUTE", MINUTE_S)
BY_ACCOUNT: Final = Limit("account", "ZAVORA_RATE_LIMIT_ACCOUNT_PER_MINUTE", MINUTE_S)
# What v1's lists from the tables weigh; all else weighs 1, and a batch as much as it has orders.
LIST_WEIGHT: Final = 5


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


def tighter(one: Usage | None, other: Usage | None) -> Usage | None:
    """Return the usage that leaves less."""
    if one is None or other is None:
        return one or other
    return one if one.remaining < other.remaining else other


# --- who pays -------------------------------------------------------------------------------------


def of_address(ip: str, weight: int = 1) -> list[Charge]:
    """Return what an address pays: of IPv6 its network of 64 bits."""
    return _charges(BY_ADDRESS, counted_as(ip), weight)


def of_caller(caller: Caller, weight: int = 1) -> list[Charge]:
    """Return what a credential pays: a key, or the user of a browser session."""
    name = f"user-{caller.user_id}" if caller.key_id is None else caller.key_id
    return _charges(BY_KEY, name, weight)


def of_account(account_pk: int, weight: int = 1) -> list[Charge]:
    """Return what an account pays."""
    return _charges(BY_ACCOUNT, account_pk, weight)


def _charges(limit: Limit, name: object, weight: int) -> list[Charge]:
    return [(LEASES.of(limit, name), weight)] if limit.capacity and weight else []


# --- taking ---------------------------------------------------------------------------------------


async def take(charges: Sequence[Charge]) -> Lease | None:
    """Let all be paid and return None, or nothing and return which limit refuses."""
    return await web_process().limits.take(charges) if charges else None


def take_at_once(charges: Sequence[Charge]) -> bool:
    """Pay where this process has enough at hand, and tell whether it did."""
    return not LEASES.spend(charges)


def give_back(charges: Sequence[Charge]) -> None:
    """Give back what was paid for nothing."""
    LEASES.give_back(charges)


async def take_for_address(ip: str, weight: int = 1) -> Usage | None:
    """Let an address pay. Raises RateLimited; None where there is no limit."""
    charges = of_address(ip, weight)
    return _usage(charges, await take(charges))


async def take_for_caller(caller: Caller, ip: str, weight: int = 1) -> Usage | None:
    """Let a credential pay. Raises RateLimited; then ``ip`` has its weight back."""
    charges = of_caller(caller, weight)
    short = await take(charges)
    if short is not None:
        give_back(of_address(ip, weight))
    return _usage(charges, short)


async def take_for_account(account_pk: int) -> None:
    """Let an account pay for what it places or amends. Raises RateLimited."""
    charges = of_account(account_pk)
    _usage(charges, await take(charges))


def take_in_thread(charges: Sequence[Charge]) -> Usage | None:
    """Let all be paid, in a thread. Raises RateLimited."""
    return _usage(charges, LEASES.take(charges, get_redis) if charges else None)


def _usage(charges: Sequence[Charge], short: Lease | None) -> Usage | None:
    now = LEASES.clock()
    if short is not None:
        (weight,) = [weight for lease, weight in charges if lease is short]
        limit = short.limit.capacity
        raise RateLimited(
            f"More than {limit} requests a minute.",
            retry_after=short.wait_s(weight, now),
            limit=limit,
        )
    if not charges:
        return None
    lease = charges[0][0]
    return Usage(lease.limit.capacity, lease.remaining(now), lease.reset_s(now))
