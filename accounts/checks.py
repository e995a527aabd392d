"""What ``manage.py check --deploy`` says of settings that only we have."""

from typing import Any, Final

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Error, Tags, register

KEY_LENGTH_MIN: Final = 32


@register(Tags.security, deploy=True)
def check_sealing_keys(**_: Any) -> list[CheckMessage]:
    """Say where stored secrets are not sealed by long keys of their own."""
    keys: list[str] = settings.ZAVORA_SEALING_KEYS
    if not keys:
        return [
            checks.Warning(
                "ZAVORA_SEALING_KEYS is not set: SECRET_KEY seals the secrets of API keys.",
                hint="Set it, then run manage.py rotate_keys (docs/operations.md).",
                id="zavora.W001",
            )
        ]
    found: list[CheckMessage] = []
    if {settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS} & set(keys):
        found.append(Error("A sealing key is the SECRET_KEY, too.", id="zavora.E001"))
    if min(map(len, keys)) < KEY_LENGTH_MIN:
        text = f"A sealing key has fewer than {KEY_LENGTH_MIN} characters."
        found.append(Error(text, id="zavora.E002"))
    return found
