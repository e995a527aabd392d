"""Limits of log-in and sign-up attempts: counters in Redis that forget by themselves.

Where Redis is away attempts are not counted: a person can still log in, and passwords are hashed
slowly by design.
"""

import hashlib
from typing import Final

import structlog
from redis.exceptions import RedisError

from accounts.redis_client import get_redis

WINDOW_S: Final = 900
LOGINS_PER_PERSON_MAX: Final = 10
ATTEMPTS_PER_ADDRESS_MAX: Final = 200

log = structlog.get_logger(__name__)


def _names(address: str, email: str) -> tuple[str, str]:
    digest = hashlib.sha256(email.strip().lower().encode("utf-8", "replace")).hexdigest()[:32]
    return f"attempts:{address}", f"attempts:{address}:{digest}"


def count_attempt(*, address: str, email: str = "") -> bool:
    """Count an attempt to get in; return whether it is still allowed.

    Ten in 15 minutes for one e-mail address from one network address, 200 for a network address.
    """
    by_address, by_person = _names(address, email)
    try:
        with get_redis().pipeline(transaction=True) as pipe:
            pipe.incr(by_address)
            pipe.expire(by_address, WINDOW_S, nx=True)
            if email:
                pipe.incr(by_person)
                pipe.expire(by_person, WINDOW_S, nx=True)
            results = pipe.execute()
    except RedisError as error:
        log.warning("attempts_not_counted", error=str(error))
        return True
    of_address, of_person = int(results[0]), int(results[2]) if email else 0
    return of_address <= ATTEMPTS_PER_ADDRESS_MAX and of_person <= LOGINS_PER_PERSON_MAX


def forget_attempts(*, address: str, email: str) -> None:
    """Forget the failures of a person who got in after all."""
    try:
        get_redis().delete(_names(address, email)[1])
    except RedisError as error:
        log.warning("attempts_not_forgotten", error=str(error))
