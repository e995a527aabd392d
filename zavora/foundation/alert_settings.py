"""Settings of price alerts: what a person can make the exchange keep and send."""

from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

# By name: what it is by default, and the least and the most it may be.
BOUNDS: Final = {
    "ZAVORA_ALERTS_MAX": (100, 1, 1_000),
    "ZAVORA_ALERT_PAUSE_S": (300, 1, 86_400),
    "ZAVORA_ALERT_MAILS_PER_HOUR": (20, 0, 1_000),
}


def alert_settings(env: Any) -> dict[str, int]:
    """Return these settings by name, from the environment; raise ImproperlyConfigured.

    ``env`` reads it as django-environ does.
    """
    found = {name: env.int(name, default=figure) for name, (figure, _, _) in BOUNDS.items()}
    for name, (_, least, most) in BOUNDS.items():
        if not least <= found[name] <= most:
            raise ImproperlyConfigured(f"{name}: expected {least} to {most}")
    return found
