"""The Redis connection of this app: short waits, and never a repeated command.

What goes over it may be lost (notices, counters of log-in attempts); nothing depends on it.
"""

from functools import cache

import redis

from zavora.foundation.queue import connect

TIMEOUT_S = 1.0


@cache
def get_redis() -> redis.Redis:
    """Return this process's client; it connects on first use."""
    return connect(timeout_s=TIMEOUT_S)
