"""Settings of more than one of everything: web processes on a port, workers, a database to read."""

from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

# More than this on one machine help nobody: each has a processor's worth of work.
WEB_REPLICAS_MAX: Final = 64
WORKERS_PER_SHARD_MAX: Final = 8
# The alias of the server that may be late.
REPLICA: Final = "replica"


def growth_settings(env: Any) -> dict[str, Any]:
    """Return these settings by name, from the environment; raise ImproperlyConfigured.

    ``env`` reads it as django-environ does.
    """
    return {
        "ZAVORA_WEB_REPLICAS": read_count(env, "ZAVORA_WEB_REPLICAS", most=WEB_REPLICAS_MAX),
        # Which of them this is: make run says so.
        "ZAVORA_WEB_NAME": env.str("ZAVORA_WEB_NAME", default=""),
        "ZAVORA_REPLICA_LAG_S": _lag(env),
    }


def read_count(env: Any, name: str, *, most: int) -> int:
    """Return how many there are to be, one where nothing says so; raise ImproperlyConfigured."""
    text = env.str(name, default="") or "1"
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise ImproperlyConfigured(f"{name}={text}: expected a whole number from 1 to {most}")
    return int(text)


def _lag(env: Any) -> int:
    text = env.str("ZAVORA_REPLICA_LAG_S", default="") or "5"
    if not text.isdecimal() or not 1 <= int(text) <= 3_600:
        raise ImproperlyConfigured(
            f"ZAVORA_REPLICA_LAG_S={text}: expected whole seconds from 1 to 3600"
        )
    return int(text)


def web_names(replicas: int) -> list[str]:
    """Return what the web processes of one machine are called."""
    return ["web"] if replicas == 1 else [f"web-{number}" for number in range(1, replicas + 1)]
