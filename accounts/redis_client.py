"""The Redis connection of this app: short waits, and never a repeated command.

What goes over it may be lost (notices, counters of log-in attempts); nothing depends on it.
"""

from functools import cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_S = 1.0


@cache
def get_redis() -> redis.Redis:
    """Return this process's client; it connects on first use."""
    return redis.Redis.from_url(
        settings.REDIS_URL or "redis://127.0.0.1:6379/0",
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )
