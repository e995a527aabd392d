"""Settings of how long things are kept, sessions last and withdrawals pause; wrong ones refused."""

from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

# What is kept for so many days: its default, and the least that makes sense. Below it people could
# not use what was made for them, or operators not find out what happened.
KEPT_DAYS: Final = {
    "ZAVORA_REPORTS_KEPT_DAYS": (30, 1),
    "ZAVORA_KEEP_EXPORTS_DAYS": (7, 1),
    "ZAVORA_KEEP_REVOKED_KEYS_DAYS": (90, 30),
    "ZAVORA_KEEP_REMOVED_ADDRESSES_DAYS": (365, 30),
    "ZAVORA_KEEP_INVITATIONS_DAYS": (30, 1),
    "ZAVORA_KEEP_PROVIDER_BODIES_DAYS": (90, 30),
    "ZAVORA_KEEP_DESK_LOG_DAYS": (365, 30),
    # One checkpoint of the journal a day and shard; of 0 celery makes none.
    "ZAVORA_CHECKPOINTS_KEPT": (14, 0),
}
_MINUTES_A_DAY: Final = 1_440
# Where DEBUG is off and where it is on: minutes without use, and minutes altogether.
SESSION_MINUTES: Final = {
    "ZAVORA_SESSION_IDLE_MINUTES": (30, 14 * _MINUTES_A_DAY),
    "ZAVORA_SESSION_MINUTES": (720, 14 * _MINUTES_A_DAY),
    "ZAVORA_OPERATORS_SESSION_IDLE_MINUTES": (15, 14 * _MINUTES_A_DAY),
    "ZAVORA_OPERATORS_SESSION_MINUTES": (480, 14 * _MINUTES_A_DAY),
}
PAUSE: Final = "ZAVORA_WITHDRAWAL_PAUSE_HOURS"
PAUSE_HOURS: Final = 24


def privacy_settings(env: Any, *, debug: bool) -> dict[str, int]:
    """Return these settings by name, from the environment; raise ImproperlyConfigured.

    ``env`` reads it as django-environ does.
    """
    found = {name: env.int(name, default=days) for name, (days, _) in KEPT_DAYS.items()}
    for name, (_, least) in KEPT_DAYS.items():
        _require(name, found[name], least)
    for name, minutes in SESSION_MINUTES.items():
        found[name] = env.int(name, default=minutes[debug])
        _require(name, found[name], 1)
    for whose in ("ZAVORA_", "ZAVORA_OPERATORS_"):
        idle, whole = f"{whose}SESSION_IDLE_MINUTES", f"{whose}SESSION_MINUTES"
        if found[idle] > found[whole]:
            raise ImproperlyConfigured(f"{idle}: expected at most {whole}, {found[whole]}")
    for kind in ("SESSION_IDLE_MINUTES", "SESSION_MINUTES"):
        if found[f"ZAVORA_OPERATORS_{kind}"] > found[f"ZAVORA_{kind}"]:
            most = found[f"ZAVORA_{kind}"]
            raise ImproperlyConfigured(
                f"ZAVORA_OPERATORS_{kind}: expected at most ZAVORA_{kind}, {most}"
            )
    # Reading a session is what ends it; the browser may keep its cookie as long as it may live.
    found["SESSION_COOKIE_AGE"] = 60 * found["ZAVORA_SESSION_MINUTES"]
    found[PAUSE] = env.int(PAUSE, default=0 if debug else PAUSE_HOURS)
    _require(PAUSE, found[PAUSE], 0 if debug else 1)
    return found


def _require(name: str, figure: int, least: int) -> None:
    if figure < least:
        raise ImproperlyConfigured(f"{name}: expected at least {least}")
