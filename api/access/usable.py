"""Whether a credential may be used just now, and from there: for keys of every kind."""

import ipaddress
from datetime import UTC, datetime

from accounts.access.callers import Caller
from zavora.foundation.errors import Forbidden, Unauthorized


def check_usable(caller: Caller | None, *, ip: str) -> Caller:
    """Return the caller of a token, or raise Unauthorized or Forbidden where it may not act now."""
    if caller is None:
        raise Unauthorized("This credential is not valid.")
    if has_expired(caller):
        raise Unauthorized("This credential has expired.")
    if not is_allowed_from(caller, ip):
        raise Forbidden("This credential is not allowed from your address.")
    return caller


def has_expired(caller: Caller) -> bool:
    """Tell whether a credential's time is over: it may have ended since it was remembered."""
    return caller.expires_at is not None and caller.expires_at <= datetime.now(UTC)


def is_allowed_from(caller: Caller, ip: str) -> bool:
    """Tell whether a credential may be used from an address."""
    if not caller.ip_allowed:
        return True
    try:
        address = ipaddress.ip_address(ip)
        return any(address == ipaddress.ip_address(one) for one in caller.ip_allowed)
    except ValueError:
        return False
