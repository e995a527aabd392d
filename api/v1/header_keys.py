"""The Idempotency-Key header, the same for money and orders."""

from api.v1.fields import wrong_fields
from zavora.foundation.idempotency import KEY_LENGTH_MAX, is_key


def checked_header_key(text: str | None) -> str | None:
    """Return the key that a header carries, None without one; raises ValidationFailed."""
    if text is not None and not (is_key(text) and text.isascii()):
        expected = f"expected 1 to {KEY_LENGTH_MAX} printable ASCII characters"
        raise wrong_fields({"Idempotency-Key": expected})
    return text
