"""How Django reaches PostgreSQL: the server that writes, a replica that may be late, the owner."""

from typing import Any, Final

import environ

from zavora.foundation.growth_settings import REPLICA

# The connection of who owns the tables; known to commands that change them alone.
OWNER: Final = "owner"
# A server that is gone without a word is noticed within seconds; the URL may say otherwise.
_OPTIONS: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
# One that somebody else answers for is given up much sooner; what is read of it is long, at times.
_REPLICA_OPTIONS: Final[dict[str, Any]] = {
    **_OPTIONS,
    "connect_timeout": 2,
    "tcp_user_timeout": 3_000,
    "application_name": "zavora-replica",
    "options": "-c default_transaction_read_only=on -c statement_timeout=5s",
}


def databases(env: Any, url: str, *, replica_url: str, owner_url: str) -> dict[str, dict[str, Any]]:
    """Return Django's ``DATABASES``. An empty URL: no server is known of.

    ``env`` reads the environment as django-environ does.
    """
    found: dict[str, dict[str, Any]] = {
        "default": environ.Env.db_url_config(url)
        if url
        # Commands that need none still work, others say so on first use.
        else {"ENGINE": "django.db.backends.postgresql", "NAME": "zavora"}
    }
    if replica_url:
        found[REPLICA] = environ.Env.db_url_config(replica_url)
    age_s = env.int("DATABASE_CONN_MAX_AGE", default=60)
    for alias, options in (("default", _OPTIONS), (REPLICA, _REPLICA_OPTIONS)):
        if alias in found:
            one = found[alias]
            one["OPTIONS"] = {**options, **one.get("OPTIONS", {})}
            one |= {"CONN_MAX_AGE": age_s, "CONN_HEALTH_CHECKS": True}
    if found["default"]["ENGINE"] == "django.db.backends.postgresql":
        found["default"]["ENGINE"] = "zavora.foundation.postgresql"
    if owner_url:
        found[OWNER] = environ.Env.db_url_config(owner_url)
    return found
