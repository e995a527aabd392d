"""Request weights by address and new orders by account: counted here, in fixed windows.

A window is a minute, ten seconds or a day of the clock. Counts live in the process;
``limits_sharing`` adds what other processes counted, a moment later. 0 switches a limit off.
"""

import ipaddress
import time
from functools import lru_cache
from typing import Any, Final

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
# How many addresses or accounts are remembered; the oldest make room.
COUNTERS_MAX: Final = 50_000
# Seconds of a window, and what it is called.
ORDER_WINDOWS: Final = ((10, "10 SECOND"), (86_400, "1 DAY"))

_WEIGHT_LIMIT: Final = SettingValue("ZAVORA_COMPAT_WEIGHT_PER_MINUTE")
_ORDERS_PER_10S: Final = SettingValue("ZAVORA_COMPAT_ORDERS_PER_10S")
_ORDERS_PER_DAY: Final = SettingValue("ZAVORA_COMPAT_ORDERS_PER_DAY")


class Counter:
    """What was counted in one window of the clock, here and, as last heard, elsewhere."""

    __slots__ = ("count", "number", "others", "shared")

    def __init__(self) -> None:
        self.number = 0
        self.count = 0
        # How much of ``count`` other processes have been told.
        self.shared = 0
        self.others = 0

    def roll(self, number: int) -> bool:
        """Begin anew where the window of that number is another one; tell whether it is."""
        if self.number == number:
            return False
        self.number = number
        self.count = self.shared = self.others = 0
        return True

    @property
    def total(self) -> int:
        """Return what every process together counted."""
        return self.count + self.others


class Address:
    """What an address used up of its present minute, and how it behaved."""

    __slots__ = ("banned_until", "bans", "refusals", "weight")

    def __init__(self) -> None:
        self.weight = Counter()
        self.refusals = 0
        self.banned_until = 0.0
        self.bans = 0


Windows = tuple[Counter, Counter]
_addresses: Final[dict[str, Address]] = {}
_accounts: Final[dict[int, Windows]] = {}
# Counted, but not told to other processes yet (``limits_sharing``).
_touched_addresses: Final[set[str]] = set()
_touched_accounts: Final[set[int]] = set()
_touched_before: Final[list[Any]] = [set(), set()]


# --- weights --------------------------------------------------------------------------------------


def take_weight(ip: str, weight: int) -> int:
    """Count a request and return the weight used in this minute, itself included.

    Raises -1003: with 429 over the limit, with 418 for who goes on after many of those.
    """
    now = time.time()
    address = _address(ip, now)
    _touched_addresses.add(ip)
    if address.banned_until > now:
        raise errors.banned(int(address.banned_until * 1000), int(address.banned_until - now) + 1)
    limit: int = _WEIGHT_LIMIT.value
    counter = address.weight
    used = counter.count + counter.others + weight
    if limit and used > limit:
        address.refusals += 1
        if address.refusals > REFUSALS_MAX and not _is_loopback(ip):
            raise _ban(address, now)
        raise errors.too_many_requests(limit, MINUTE_S - int(now) % MINUTE_S)
    counter.count += weight
    return used


def used_weight(ip: str) -> int:
    """Return the weight that an address used in this minute."""
    return _address(ip, time.time()).weight.total


def _address(ip: str, now: float) -> Address:
    address = _addresses.get(ip)
    if address is None:
        if len(_addresses) >= COUNTERS_MAX:
            del _addresses[next(iter(_addresses))]
        address = _addresses[ip] = Address()
    if address.weight.roll(int(now) // MINUTE_S):
        address.refusals = 0
    return address


def _ban(address: Address, now: float) -> errors.CompatError:
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
    for counter, limit, (seconds, interval) in zip(
        windows, _order_limits(), ORDER_WINDOWS, strict=True
    ):
        if limit and counter.total >= limit:
            raise errors.too_many_orders(limit, interval, seconds - int(now) % seconds)
    _touched_accounts.add(account_pk)
    for counter in windows:
        counter.count += 1


def give_order_back(account_pk: int) -> None:
    """Take back the count of an order that was refused."""
    _touched_accounts.add(account_pk)
    for counter in _windows(account_pk, time.time()):
        # Its window may have ended meanwhile.
        counter.count = max(0, counter.count - 1)


def order_counts(account_pk: int) -> tuple[int, int]:
    """Return an account's orders in the present ten seconds and in the present day."""
    short, long = _windows(account_pk, time.time())
    return short.total, long.total


def _windows(account_pk: int, now: float) -> Windows:
    windows = _accounts.get(account_pk)
    if windows is None:
        if len(_accounts) >= COUNTERS_MAX:
            del _accounts[next(iter(_accounts))]
        windows = _accounts[account_pk] = (Counter(), Counter())
    second = int(now)
    windows[0].roll(second // ORDER_WINDOWS[0][0])
    windows[1].roll(second // ORDER_WINDOWS[1][0])
    return windows


def _order_limits() -> tuple[int, int]:
    return _ORDERS_PER_10S.value, _ORDERS_PER_DAY.value


# --- what other processes are told ----------------------------------------------------------------


def take_touched() -> tuple[dict[str, Address], dict[int, Windows]]:
    """Return the counters that changed since the call before the last one.

    Twice each, as what another process counted before the first time may be told only after it.
    """
    now = time.time()
    names, numbers = _touched_addresses | _touched_before[0], _touched_accounts | _touched_before[1]
    _touched_before[:] = [set(_touched_addresses), set(_touched_accounts)]
    _touched_addresses.clear()
    _touched_accounts.clear()
    addresses = {ip: _address(ip, now) for ip in names if ip in _addresses}
    accounts = {pk: _windows(pk, now) for pk in numbers if pk in _accounts}
    return addresses, accounts


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
    _addresses.clear()
    _accounts.clear()
    _touched_addresses.clear()
    _touched_accounts.clear()
    _touched_before[:] = [set(), set()]
