"""Idempotency keys: what a caller calls a request, so that a repeat is known as one."""

from typing import Final

# As the columns that keep them.
KEY_LENGTH_MAX: Final = 128


def is_key(text: str) -> bool:
    """Return whether a text may be an idempotency key; edges ask for ASCII as well."""
    return 0 < len(text) <= KEY_LENGTH_MAX and text.isprintable()
