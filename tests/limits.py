"""Limits as new, for tests that are about them: what others of this run used does not count."""

from accounts.access import attempts
from accounts.redis_client import get_redis
from zavora.foundation.leases import LEASES


def forget_limits() -> None:
    """Let nothing be used, neither in this process nor in the queue's server.

    The server is asked again at once, though a test before may have had none.
    """
    LEASES.forget()
    attempts._store.local.forget(list(attempts._store.local._counts))
    attempts._store.away_until = 0.0
    for pattern in ("bucket:*", "attempts:*"):
        for name in get_redis().scan_iter(pattern):
            get_redis().delete(name)


def hold_limits_here() -> None:
    """Let nothing be used, and leave the server alone for some seconds, should there be one."""
    LEASES.forget()
    LEASES.lose(ConnectionError("there is no server for this test"))
