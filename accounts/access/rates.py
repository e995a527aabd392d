"""How often a person may do what is rare and costs others something (docs/adr/0028-one-bucket.md).

For threads: the pages and REST ask here before they call the service. Guesses at passwords are
counted elsewhere (``accounts.access.attempts``), by rules of their own.
"""

from typing import Final

from accounts.redis_client import get_redis
from zavora.foundation.addresses import counted_as
from zavora.foundation.errors import RateLimited
from zavora.foundation.leases import LEASES, Limit

HOUR_S: Final = 3_600
_SIGN_UPS: Final = Limit("sign-ups", "ZAVORA_SIGN_UPS_PER_HOUR", HOUR_S)
_NEW_KEYS: Final = Limit("new-keys", "ZAVORA_NEW_KEYS_PER_HOUR", HOUR_S)
_WITHDRAWALS: Final = Limit("withdrawals", "ZAVORA_WITHDRAWALS_PER_HOUR", HOUR_S)
_ALERT_MAILS: Final = Limit("alert-mails", "ZAVORA_ALERT_MAILS_PER_HOUR", HOUR_S)


def take_sign_up(address: str) -> None:
    """Count a sign-up from an address (of IPv6 its network). Raises RateLimited."""
    _take(_SIGN_UPS, counted_as(address), "sign-ups from this address")


def take_new_key(user_id: int) -> None:
    """Count a key or token that a person is to be given. Raises RateLimited."""
    _take(_NEW_KEYS, user_id, "new keys")


def take_withdrawal(user_id: int) -> None:
    """Count a withdrawal that a person asks for, from whichever account. Raises RateLimited."""
    _take(_WITHDRAWALS, user_id, "withdrawals")


def take_alert_mail(user_id: int) -> None:
    """Count a mail about an alert that a person is to be sent. Raises RateLimited."""
    _take(_ALERT_MAILS, user_id, "mails about alerts")


def _take(limit: Limit, name: object, what: str) -> None:
    if not limit.capacity:
        return
    short = LEASES.take([(LEASES.of(limit, name), 1)], get_redis)
    if short is not None:
        raise RateLimited(
            f"Too many {what}: at most {limit.capacity} an hour.",
            retry_after=short.wait_s(1, LEASES.clock()),
            limit=limit.capacity,
        )
