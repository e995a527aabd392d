"""Request weights by address and new orders by account: counted here, in fixed windows.

A window is a minute, ten seconds or a day of the clock. Counts live in the process; ``sharing``
adds what other processes counted, a moment later. 0 switches a limit off.
"""

import ipaddress
import time
from functools import lru_cache
from typing import Any, Final

from django.conf import settings

from api.binance import errors

MINUTE_S: Final = 60
# Who goes on after this many refusals within a minute is shut out for a while ...
REFUSALS_MAX: Final = 60
# ... for two minutes the first time, twice as long each next time, three days at most.
BAN_FIRST_S: Final = 120
BAN_MAX_S: Final = 3 * 86_400
# A repeater is one whose last ban ended less than this ago.
BAN_REMEMBERED_S: Final = 86_400
# How many addresses or accounts are remembered; the oldest make room.
COUNTERS_MAX: Final = 50_000
ORDER_WINDOWS: Final = (("10S", 10, "10 SECOND"), ("1D", 86_400, "1 DAY"))


class _Address:
    """What an address used up of its present minute, and how it behaved."""

    __slots__ = ("banned_until", "bans", "minute", "others", "refusals", "weight")

    def __init__(self) -> None:
        self.minute = 0
        self.weight = 0
        # What other processes counted for the same minute, as last heard.
        self.others = 0
        self.refusals = 0
        self.banned_until = 0.0
        self.bans = 0


class _Window:
    """The orders of one account in one window."""

    __slots__ = ("count", "number", "others")

    def __init__(self) -> None:
        self.number = 0
        self.count = 0
        self.others = 0


_addresses: Final[dict[str, _Address]] = {}
_accounts: Final[dict[int, tuple[_Window, _Window]]] = {}


# --- weights --------------------------------------------------------------------------------------


def take_weight(ip: str, weight: int) -> int:
    """Count a request and return the weight used in this minute, itself included.

    Raises -1003: with 429 over the limit, with 418 for who goes on after many of those.
    """
    now = time.time()
    address = _address(ip, now)
    if address.banned_until > now:
        raise errors.banned(int(address.banned_until * 1000), int(address.banned_until - now) + 1)
    limit: int = settings.ZAVORA_COMPAT_WEIGHT_PER_MINUTE
    used = address.weight + address.others + weight
    if limit and used > limit:
        address.refusals += 1
        if address.refusals > REFUSALS_MAX and not _is_loopback(ip):
            raise _ban(address, now)
        raise errors.too_many_requests(limit, MINUTE_S - int(now) % MINUTE_S)
    address.weight += weight
    return used


def used_weight(ip: str) -> int:
    """Return the weight that an address used in this minute."""
    address = _address(ip, time.time())
    return address.weight + address.others


def _address(ip: str, now: float) -> _Address:
    address = _addresses.get(ip)
    if address is None:
        if len(_addresses) >= COUNTERS_MAX:
            del _addresses[next(iter(_addresses))]
        address = _addresses[ip] = _Address()
    minute = int(now) // MINUTE_S
    if address.minute != minute:
        address.minute = minute
        address.weight = address.others = address.refusals = 0
    return address


def _ban(address: _Address, now: float) -> errors.CompatError:
    if now - address.banned_until > BAN_REMEMBERED_S:
        address.bans = 0
    seconds = min(BAN_MAX_S, BAN_FIRST_S << min(address.bans, 20))
    address.bans += 1
    address.banned_until = now + seconds
    return errors.banned(int(address.banned_until * 1000), seconds)


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
    windows = _windows(account_pk, now)
    for window, limit, (_, seconds, interval) in zip(
        windows, _order_limits(), ORDER_WINDOWS, strict=True
    ):
        if limit and window.count + window.others >= limit:
            raise errors.too_many_orders(limit, interval, seconds - int(now) % seconds)
    for window in windows:
        window.count += 1


def give_order_back(account_pk: int) -> None:
    """Take back the count of an order that was refused."""
    for window in _windows(account_pk, time.time()):
        window.count = max(0, window.count - 1)


def order_counts(account_pk: int) -> tuple[int, int]:
    """Return an account's orders in the present ten seconds and in the present day."""
    short, long = _windows(account_pk, time.time())
    return short.count + short.others, long.count + long.others


def _windows(account_pk: int, now: float) -> tuple[_Window, _Window]:
    windows = _accounts.get(account_pk)
    if windows is None:
        if len(_accounts) >= COUNTERS_MAX:
            del _accounts[next(iter(_accounts))]
        windows = _accounts[account_pk] = (_Window(), _Window())
    for window, (_, seconds, _interval) in zip(windows, ORDER_WINDOWS, strict=True):
        number = int(now) // seconds
        if window.number != number:
            window.number = number
            window.count = window.others = 0
    return windows


def _order_limits() -> tuple[int, int]:
    return settings.ZAVORA_COMPAT_ORDERS_PER_10S, settings.ZAVORA_COMPAT_ORDERS_PER_DAY


# --- what clients are told ------------------------------------------------------------------------


def rate_limits() -> list[dict[str, Any]]:
    """Return the limits as exchangeInfo publishes them; one that is off is left out."""
    per_10s, per_day = _order_limits()
    weight: int = settings.ZAVORA_COMPAT_WEIGHT_PER_MINUTE
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
    _addresses.clear()
    _accounts.clear()
