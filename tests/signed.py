"""Requests of v1 that a key signs, spelled as docs/api.md has them, without the product's code."""

import base64
import hashlib
import hmac
import time
from typing import Any

import redis
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def now_text(ahead_ms: int = 0) -> str:
    """Return the present time in microseconds, so that no two requests are the same."""
    return str(time.time_ns() // 1_000 + ahead_ms * 1_000)


def let_memory_be_old(redis_url: str) -> None:
    """Let an exchange that was started just now remember requests for two minutes already.

    What was signed before its memory began is refused, also where the clock would allow it.
    """
    with redis.Redis.from_url(redis_url) as server:
        server.set("{signed}:since", time.time_ns() // 1_000_000 - 120_000)


class SigningKey:
    """A key's name, and what its owner signs with: an HMAC secret, or a private key in PEM."""

    def __init__(self, name: str, secret: str) -> None:
        self.name = name
        self._secret = secret
        self._private: Any = (
            load_pem_private_key(secret.encode(), None) if secret.startswith("-----") else None
        )

    def signature(self, text: bytes) -> str:
        """Return the signature of a text."""
        if isinstance(self._private, Ed25519PrivateKey):
            return base64.b64encode(self._private.sign(text)).decode()
        if isinstance(self._private, RSAPrivateKey):
            made = self._private.sign(text, padding.PKCS1v15(), hashes.SHA256())
            return base64.b64encode(made).decode()
        return hmac.new(self._secret.encode(), text, hashlib.sha256).hexdigest()

    def headers(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        *,
        timestamp: str = "",
        window: str | None = None,
    ) -> dict[str, str]:
        """Return the headers of a request that is signed now."""
        timestamp = timestamp or now_text()
        lines = (timestamp, window or "5000", method, target, hashlib.sha256(body).hexdigest())
        found = {
            "Zavora-Key": self.name,
            "Zavora-Timestamp": timestamp,
            "Zavora-Signature": self.signature("\n".join(lines).encode()),
        }
        return found if window is None else {**found, "Zavora-Window": window}

    def params(self, *, timestamp: str = "", window: str | None = None) -> dict[str, str]:
        """Return what ``authenticate`` of the socket is sent."""
        headers = self.headers("authenticate", "/ws", timestamp=timestamp, window=window)
        return {name.removeprefix("Zavora-").lower(): text for name, text in headers.items()}
