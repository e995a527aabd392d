"""Request weights by address and new orders by account, and who is shut out for a while."""

import ipaddress
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final

from api.access.limits import COUNTERS_MAX, shared_counters
from api.binance.words import errors
from zavora.foundation.setting_values import SettingValue

MINUTE_S: Final = 60
# Who goes on after this many refusals within a minute is shut out for a while ...
REFUSALS_MAX: Final = 60
# ... for two minutes the first time, twice as long each next time, three days at most.
BAN_FIRST_S: Final = 120
BAN_MAX_S: Final = 3 * 86_400
# A repeater is one whose last ban ended less than this ago.
BAN_REMEMBERED_S: Final = 86_400
# Seconds of a window, and what it is called.
ORDER_WINDOWS: Final = ((10, "10 SECOND"), (86_400, "1 DAY"))

_WEIGHT_LIMIT: Final = SettingValue("ZAVORA_COMPAT_WEIGHT_PER_MINUTE")
_ORDERS_PER_10S: Final = SettingValue("ZAVORA_COMPAT_ORDERS_PER_10S")
_ORDERS_PER_DAY: Final = SettingValue("ZAVORA_COMPAT_ORDERS_PER_DAY")


class Behaviour:
    """How an address behaved that was refused: in the present minute, and before."""

    __slots__ = ("banned_until", "bans", "minute", "refusals")

    def __init__(self) -> None:
        self.minute = 0
        self.refusals = 0
        self.banned_until = 0.0
        self.bans = 0


_behaviours: Final[dict[str, Behaviour]] = {}


async def _share_bans(client: Any, ips: Iterable[str]) -> None:
    """Let every process shut out whom one of them has."""
    now = time.time()
    pipeline = client.pipeline(transaction=False)
    for ip in ips:
        key = f"compat:ban:{ip}"
        behaviour = _behaviours.get(ip)
        if behaviour is not None and behaviour.banned_until > now:
            seconds = int(behaviour.banned_until - now) + 1
            pipeline.set(key, f"{behaviour.banned_until} {behaviour.bans}", ex=seconds)
        pipeline.get(key)
    answers = [one for one in await pipeline.execute() if one is not True]
    for ip, found in zip(ips, answers, strict=True):
        if found is not None:
            until, bans = found.split()
            behaviour = _behaviour(ip)
            behaviour.banned_until = max(behaviour.banned_until, float(until))
            behaviour.bans = max(behaviour.bans, int(bans))


WEIGHTS: Final = shared_counters("compat:weight", MINUTE_S, also=_share_bans)
ORDERS: Final = shared_counters("compat:orders", *(seconds for seconds, _ in ORDER_WINDOWS))


# --- weights --------------------------------------------------------------------------------------


def take_weight(ip: str, weight: int) -> int:
    """Count a request and return the weight used in this minute, itself included.

    Raises -1003: with 429 over the limit, with 418 for who goes on after many of those.
    """
    now = time.time()
    (counter,) = WEIGHTS.of(ip, now)
    WEIGHTS.touch(ip)
    behaviour = _behaviours.get(ip)
    if behaviour is not None and behaviour.banned_until > now:
        left_s = int(behaviour.banned_until - now) + 1
        raise errors.banned(int(behaviour.banned_until * 1000), left_s)
    limit: int = _WEIGHT_LIMIT.value
    used = counter.count + counter.others + weight
    if limit and used > limit:
        raise _refusal(ip, limit, now)
    counter.count += weight
    return used


def used_weight(ip: str) -> int:
    """Return the weight that an address used in this minute."""
    return WEIGHTS.of(ip, time.time())[0].total


def _refusal(ip: str, limit: int, now: float) -> errors.CompatError:
    """Return what a request over the limit is answered, once it is counted as one."""
    behaviour = _behaviour(ip)
    minute = int(now) // MINUTE_S
    if behaviour.minute != minute:
        behaviour.minute, behaviour.refusals = minute, 0
    behaviour.refusals += 1
    if behaviour.refusals > REFUSALS_MAX and not _is_loopback(ip):
        return _ban(behaviour, now)
    return errors.too_many_requests(limit, MINUTE_S - int(now) % MINUTE_S)


def _behaviour(ip: str) -> Behaviour:
    behaviour = _behaviours.get(ip)
    if behaviour is None:
        if len(_behaviours) >= COUNTERS_MAX:
            del _behaviours[next(iter(_behaviours))]
        behaviour = _behaviours[ip] = Behaviour()
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


def take_order(account_pk: int) -> None:
    """Count a new order of an account, or raise -1015 (429). One refused later is given back."""
    now = time.time()
    windows = ORDERS.of(account_pk, now)
    for counter, limit, (seconds, interval) in zip(
        windows, _order_limits(), ORDER_WINDOWS, strict=True
    ):
        if limit and counter.total >= limit:
            raise errors.too_many_orders(limit, interval, seconds - int(now) % seconds)
    ORDERS.touch(account_pk)
    for counter in windows:
        counter.count += 1


def give_order_back(account_pk: int) -> None:
    """Take back the count of an order that was refused."""
    ORDERS.touch(account_pk)
    for counter in ORDERS.of(account_pk, time.time()):
        # Its window may have ended meanwhile.
        counter.count = max(0, counter.count - 1)


def order_counts(account_pk: int) -> tuple[int, int]:
    """Return an account's orders in the present ten seconds and in the present day."""
    short, long = ORDERS.of(account_pk, time.time())
    return short.total, long.total


def _order_limits() -> tuple[int, int]:
    return _ORDERS_PER_10S.value, _ORDERS_PER_DAY.value


# --- what clients are told ------------------------------------------------------------------------


def rate_limits() -> list[dict[str, Any]]:
    """Return the limits as exchangeInfo publishes them; one that is off is left out."""
    per_10s, per_day = _order_limits()
    weight: int = _WEIGHT_LIMIT.value
    limits = [
        _limit("REQUEST_WEIGHT", "MINUTE", 1, weight),
        _limit("ORDERS", "SECOND", 10, per_10s),
        _limit("ORDERS", "DAY", 1, per_day),
    ]
    return [limit for limit in limits if limit["limit"]]


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
    WEIGHTS.forget()
    ORDERS.forget()
    _behaviours.clear()
