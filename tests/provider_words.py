"""Secrets and signatures of the provider of the tests; knows nothing of Django."""

import time
from typing import Final

from accounts.providers.signing import SIGNATURE_HEADER, TIMESTAMP_HEADER, sign

OUR_SECRET: Final = "o" * 32
THEIR_SECRET: Final = "t" * 32
OLD_SECRET: Final = "x" * 32


def headers_of(body: bytes, *, secret: str = THEIR_SECRET, age_s: float = 0) -> dict[str, str]:
    """Return what signs a body, as somebody with this secret did so long ago."""
    timestamp = str(int(time.time() - age_s))
    return {
        TIMESTAMP_HEADER: timestamp,
        SIGNATURE_HEADER: sign(secret.encode(), timestamp, body),
    }
