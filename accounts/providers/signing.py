"""Signatures of what goes between the exchange and a provider: HMAC over the time and the body.

The time is in seconds since 1970, and is signed with the body: neither can be changed, and what is
older than the window is refused, so nothing that was overheard is worth anything for long.
"""

import hmac
import re
from collections.abc import Iterable
from typing import Final

TIMESTAMP_HEADER: Final = "Zavora-Timestamp"
SIGNATURE_HEADER: Final = "Zavora-Signature"
# How old what was signed may be, and how far ahead of our clock.
WINDOW_S: Final = 300
AHEAD_S: Final = 60
_TIMESTAMP: Final = re.compile(r"[0-9]{10,11}", re.ASCII)
_SIGNATURE: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


def sign(secret: bytes, timestamp: str, body: bytes) -> str:
    """Return the signature, in hex, of a body at a time (seconds since 1970, as text)."""
    return hmac.digest(secret, timestamp.encode() + b"." + body, "sha256").hex()


def is_signed(
    secrets: Iterable[bytes], *, timestamp: str, signature: str, body: bytes, now_s: float
) -> bool:
    """Tell whether a body was signed just now with one of the secrets."""
    if _TIMESTAMP.fullmatch(timestamp) is None or _SIGNATURE.fullmatch(signature) is None:
        return False
    if not -AHEAD_S <= now_s - int(timestamp) <= WINDOW_S:
        return False
    # Each is compared, whichever fits: the time tells nothing.
    fits = [hmac.compare_digest(sign(one, timestamp, body), signature) for one in secrets]
    return any(fits)
