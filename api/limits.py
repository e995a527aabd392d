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


# What a request was paid of: the tighter limit, None where there is none.
Paid = Lease | None


def tighter(one: Paid, other: Paid) -> Paid:
    """Return the lease that leaves less."""
    if one is None or other is None:
        return one or other
    return one if one.left + one.tokens < other.left + other.tokens else other


def usage(paid: Lease) -> tuple[int, int, int]:
    """Return the limit, what is left of it, and in how many seconds nothing is used."""
    return paid.limit.capacity, *paid.standing(LEASES.clock())


def headers(paid: Lease) -> Headers:
    """Return the headers by which a client can keep below its limit."""
    limit, remaining, reset_s = usage(paid)
    return [
        (b"x-ratelimit-limit", b"%d" % limit),
        (b"x-ratelimit-remaining", b"%d" % remaining),
        (b"x-ratelimit-reset", b"%d" % reset_s),
    ]


# --- who pays -------------------------------------------------------------------------------------


def of_address(ip: str, weight: int = 1) -> list[Charge]:
    """Return what an address pays: of IPv6 its network of 64 bits."""
    return _charges(BY_ADDRESS, counted_as(ip), weight)


def of_caller(caller: Caller, weight: int = 1) -> list[Charge]:
    """Return what a credential pays: a key, or the user of a browser session."""
    return _charges(BY_KEY, _name_of(caller), weight)


def of_account(account_pk: int, weight: int = 1) -> list[Charge]:
    """Return what an account pays."""
    return _charges(BY_ACCOUNT, account_pk, weight)


def _name_of(caller: Caller) -> int | str:
    return f"user-{caller.user_id}" if caller.key_id is None else caller.key_id


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


async def take_for_address(ip: str, weight: int = 1) -> Paid:
    """Let an address pay. Raises RateLimited."""
    if not BY_ADDRESS.capacity:
        return None
    lease = LEASES.of(BY_ADDRESS, counted_as(ip))
    return lease if LEASES.spend_at_once(lease, weight) else await _pay(lease, weight)


async def take_for_caller(caller: Caller, ip: str, weight: int = 1) -> Paid:
    """Let a credential pay. Raises RateLimited; then ``ip`` has its weight back."""
    if not BY_KEY.capacity:
        return None
    lease = LEASES.of(BY_KEY, _name_of(caller))
    if LEASES.spend_at_once(lease, weight):
        return lease
    try:
        return await _pay(lease, weight)
    except RateLimited:
        give_back(of_address(ip, weight))
        raise


async def take_for_account(account_pk: int) -> None:
    """Let an account pay for what it places or amends. Raises RateLimited."""
    if BY_ACCOUNT.capacity:
        lease = LEASES.of(BY_ACCOUNT, account_pk)
        if not LEASES.spend_at_once(lease, 1):
            await _pay(lease, 1)


def take_in_thread(charges: Sequence[Charge]) -> Paid:
    """Let all be paid, in a thread. Raises RateLimited."""
    if not charges:
        return None
    if (short := LEASES.take(charges, get_redis)) is not None:
        raise _refusal(charges, short)
    return charges[0][0]


async def _pay(lease: Lease, weight: int) -> Lease:
    """Let one pay what is not at hand."""
    charges = [(lease, weight)]
    if (short := await web_process().limits.take(charges)) is not None:
        raise _refusal(charges, short)
    return lease


def _refusal(charges: Sequence[Charge], short: Lease) -> RateLimited:
    (weight,) = [weight for lease, weight in charges if lease is short]
    limit = short.limit.capacity
    return RateLimited(
        f"More than {limit} requests a minute.",
        retry_after=short.wait_s(weight, LEASES.clock()),
        limit=limit,
    )
