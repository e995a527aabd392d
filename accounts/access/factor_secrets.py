"""Secrets of second factors at rest: sealed as those of API keys are."""

import base64
from typing import Final

from accounts.access.key_secrets import open_secret, present_prefix, seal_secret

_NAME: Final = "second factor"


def seal_factor(text: str) -> str:
    """Return a secret as it is stored."""
    return base64.b64encode(seal_secret(text.encode(), name=_NAME)).decode()


def open_factor(stored: str) -> str | None:
    """Return what ``seal_factor`` stored; None where no known key opens it."""
    try:
        opened = open_secret(base64.b64decode(stored, validate=True), name=_NAME)
    except ValueError:
        return None
    return None if opened is None else opened.decode()


def is_sealed_now(stored: str) -> bool:
    """Return whether what is stored is sealed by the key that seals now."""
    try:
        return base64.b64decode(stored, validate=True).startswith(present_prefix())
    except ValueError:
        return False
