"""The published limits: request weights by address, new orders by account, and who is shut out.

They are windows of the clock, as clients know them, in the same buckets as all limits of
``api.limits``, which hold for this API as well: whoever asks through v1 has as much less here.
"""

import ipaddress
import time
from collections import OrderedDict
from functools import lru_cache
from typing import Any, Final

import structlog

from accounts.access.callers import Caller
from api import limits
from api.access.lease_keeper import SHARED_MORE
from api.binance.words import errors
from zavora.foundation.addresses import counted_as
from zavora.foundation.leases import LEASES, Charge, Lease, Limit

log = structlog.get_logger(__name__)

MINUTE_S: Final = 60
# Who goes on after this many refusals within a minute is shut out for a while ...
REFUSALS_MAX: Final = 60
# ... for two minutes the first time, twice as long each next time, three days at most.
BAN_FIRST_S: Final = 120
BAN_MAX_S: Final = 3 * 86_400
# A repeater is one whose last ban ended less than this ago.
BAN_REMEMBERED_S: Final = 86_400
# How many addresses are remembered that were refused; the oldest make room.
BEHAVIOURS_MAX: Final = 50_000
# How many addresses one settling tells of, and asks about.
SHARED_MAX: Final = 500

BY_WEIGHT: Final = Limit(
    "compat-weight", "ZAVORA_COMPAT_WEIGHT_PER_MINUTE", MINUTE_S, in_windows=True
)
BY_ORDERS_10S: Final = Limit(
    "compat-orders-10s", "ZAVORA_COMPAT_ORDERS_PER_10S", 10, in_windows=True
)
BY_ORDERS_DAY: Final = Limit(
    "compat-orders-day", "ZAVORA_COMPAT_ORDERS_PER_DAY", 86_400, in_windows=True
)
# What a limit's period is called in its refusal.
_INTERVALS: Final = {
    BY_ORDERS_10S: "10 SECOND",
    BY_ORDERS_DAY: "1 DAY",
    limits.BY_ACCOUNT: "1 MINUTE",
}


class Behaviour:
    """How an address behaved that was refused: in the present minute, and before."""

    __slots__ = ("banned_until", "bans", "minute", "refusals")

    def __init__(self) -> None:
        self.minute = 0
        self.refusals = 0
        self.banned_until = 0.0
        self.bans = 0


_behaviours: Final[OrderedDict[str, Behaviour]] = OrderedDict()
# Addresses that asked since bans were last shared.
_seen: Final[dict[str, None]] = {}


async def share_bans(client: Any) -> None:
    """Let every process shut out whom one of them has."""
    now = time.time()
    names = list(_seen)[:SHARED_MAX]
    for name in names:
        del _seen[name]
    pipeline = client.pipeline(transaction=False)
    for name in names:
        key = f"compat:ban:{name}"
        behaviour = _behaviours.get(name)
        if behaviour is not None and behaviour.banned_until > now:
            seconds = int(behaviour.banned_until - now) + 1
            pipeline.set(key, f"{behaviour.banned_until} {behaviour.bans}", ex=seconds)
        pipeline.get(key)
    answers = [one for one in await pipeline.execute() if one is not True]
    for name, found in zip(names, answers, strict=True):
        if found is None:
            continue
        try:
            until, bans = found.split()
            ended_at, count = float(until), int(bans)
        except ValueError:  # somebody else's in the queue; the others' bans are read all the same
            log.warning("ban_not_read", key=f"compat:ban:{name}")
            continue
        behaviour = _behaviour(name)
        behaviour.banned_until = max(behaviour.banned_until, ended_at)
        behaviour.bans = max(behaviour.bans, count)


SHARED_MORE.append(share_bans)


# --- weights --------------------------------------------------------------------------------------


async def take_weight(ip: str, weight: int) -> int:
    """Count a request and return the weight used in this minute, itself included.

    Raises -1003: with 429 over the limit, with 418 for who goes on after many of those.
    """
    name = counted_as(ip)
    _check_ban(name)
    short = await limits.take(_of_address(name, weight))
    if short is not None:
        raise _refusal(ip, short, weight)
    return _used_weight(name)


def take_weight_at_once(ip: str, weight: int) -> int | None:
    """Count a request where that waits for nothing, and return the weight used in this minute.

    None: it was not counted, ``take_weight`` can. Raises -1003 for who is shut out.
    """
    name = counted_as(ip)
    _check_ban(name)
    if not limits.take_at_once(_of_address(name, weight)):
        return None
    return _used_weight(name)


async def take_for_key(caller: Caller, ip: str, weight: int) -> None:
    """Let a key pay for a request that its address has paid for. Raises -1003 (429).

    The address then has its weight back: the key alone is refused.
    """
    charges = limits.of_caller(caller, weight)
    short = await limits.take(charges)
    if short is not None:
        limits.give_back(_of_address(counted_as(ip), weight))
        wait_s = short.wait_s(weight, LEASES.clock())
        raise errors.too_many_requests(short.limit.capacity, wait_s)


def used_weight(ip: str) -> int:
    """Return the weight that an address used in this minute."""
    return _used_weight(counted_as(ip))


def _used_weight(name: str) -> int:
    """Return the weight used; as much as leaves no more than is left of the address's limit."""
    published = _published_weight()
    if not published:
        return 0
    now = LEASES.clock()
    remaining = LEASES.of(BY_WEIGHT, name).remaining(now)
    if limits.BY_ADDRESS.capacity:
        remaining = min(remaining, LEASES.of(limits.BY_ADDRESS, name).remaining(now))
    return max(0, published - remaining)


def _published_weight() -> int:
    """Return the weight that an address may use in a minute: no more than through all APIs."""
    weight, in_all = BY_WEIGHT.capacity, limits.BY_ADDRESS.capacity
    return min(weight, in_all) if in_all else weight


def _of_address(name: str, weight: int) -> list[Charge]:
    charges = limits.of_address(name, weight)
    if BY_WEIGHT.capacity:
        charges.append((LEASES.of(BY_WEIGHT, name), weight))
    return charges


def _check_ban(name: str) -> None:
    if len(_seen) < BEHAVIOURS_MAX:
        _seen[name] = None
    behaviour = _behaviours.get(name)
    if behaviour is not None and behaviour.banned_until > (now := time.time()):
        left_s = int(behaviour.banned_until - now) + 1
        raise errors.banned(int(behaviour.banned_until * 1000), left_s)


def _refusal(ip: str, short: Lease, weight: int) -> errors.CompatError:
    """Return what a request over the limit is answered, once it is counted as one."""
    behaviour = _behaviour(counted_as(ip))
    now = time.time()
    minute = int(now) // MINUTE_S
    if behaviour.minute != minute:
        behaviour.minute, behaviour.refusals = minute, 0
    behaviour.refusals += 1
    if behaviour.refusals > REFUSALS_MAX and not _is_loopback(ip):
        return _ban(behaviour, now)
    return errors.too_many_requests(_published_weight(), short.wait_s(weight, LEASES.clock()))


def _behaviour(name: str) -> Behaviour:
    behaviour = _behaviours.get(name)
    if behaviour is None:
        if len(_behaviours) >= BEHAVIOURS_MAX:
            _behaviours.popitem(last=False)
        behaviour = _behaviours[name] = Behaviour()
    return behaviour


def _ban(behaviour: Behaviour, now: float) -> errors.CompatError:
    if now - behaviour.banned_until > BAN_REMEMBERED_S:
        behaviour.bans = 0
    seconds = min(BAN_MAX_S, BAN_FIRST_S << min(behaviour.bans, 20))
    behaviour.bans += 1
    behaviour.banned_until = now + seconds
    return errors.banned(int(behaviour.banned_until * 1000), seconds)


@lru_cache(4_096)
def _is_loopback(ip: str) -> bool:
    try:
        return ipaddress.ip_address(ip).is_loopback
    except ValueError:
        return False


# --- orders ---------------------------------------------------------------------------------------


async def take_order(account_pk: int, count: int = 1) -> None:
    """Count new orders of an account, or raise -1015 (429). What is refused later is given back.

    ``count``: how many they are; to v1's limits a list is one.
    """
    short = await limits.take(_of_order(account_pk, count))
    if short is not None:
        wait_s = short.wait_s(count, LEASES.clock())
        raise errors.too_many_orders(short.limit.capacity, _INTERVALS[short.limit], wait_s)


def give_order_back(account_pk: int, count: int = 1) -> None:
    """Take back the count of orders that were refused."""
    limits.give_back(_of_order(account_pk, count))


def _of_order(account_pk: int, count: int) -> list[Charge]:
    """Return what new orders cost their account."""
    charges = limits.of_account(account_pk)
    for limit in (BY_ORDERS_10S, BY_ORDERS_DAY):
        if limit.capacity:
            charges.append((LEASES.of(limit, account_pk), count))
    return charges


def order_counts(account_pk: int) -> tuple[int, int]:
    """Return an account's orders in the present ten seconds and in the present day."""
    now = LEASES.clock()
    short, long = (
        limit.capacity - LEASES.of(limit, account_pk).remaining(now)
        for limit in (BY_ORDERS_10S, BY_ORDERS_DAY)
    )
    return short, long


# --- what clients are told ------------------------------------------------------------------------


def rate_limits() -> list[dict[str, Any]]:
    """Return the limits as exchangeInfo publishes them; one that is off is left out."""
    published = [
        _limit("REQUEST_WEIGHT", "MINUTE", 1, _published_weight()),
        _limit("ORDERS", "SECOND", 10, BY_ORDERS_10S.capacity),
        _limit("ORDERS", "DAY", 1, BY_ORDERS_DAY.capacity),
    ]
    return [limit for limit in published if limit["limit"]]


def rate_limits_used(ip: str, account_pk: int | None = None) -> list[dict[str, Any]]:
    """Return the limits with what is used of them, as WebSocket API answers carry them.

    Those of orders only for an account.
    """
    shown = []
    for limit in rate_limits():
        if limit["rateLimitType"] == "REQUEST_WEIGHT":
            shown.append({**limit, "count": used_weight(ip)})
        elif account_pk is not None:
            short, long = order_counts(account_pk)
            shown.append({**limit, "count": short if limit["interval"] == "SECOND" else long})
    return shown


def _limit(kind: str, interval: str, number: int, limit: int) -> dict[str, Any]:
    return {
        "rateLimitType": kind,
        "interval": interval,
        "intervalNum": number,
        "limit": limit,
    }


def forget() -> None:
    """Drop all counters (tests)."""
    LEASES.forget()
    _behaviours.clear()
    _seen.clear()
