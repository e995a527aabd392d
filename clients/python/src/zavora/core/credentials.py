"""Who asks: a token, a key that signs, or a browser's session."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

SOCKET_METHOD: Final = "authenticate"
SOCKET_PATH: Final = "/ws"
WINDOW_MS: Final = 5_000


class Credential(Protocol):
    """What a request proves itself with."""

    def headers(self, *, method: str, target: str, body: bytes, now_us: int) -> dict[str, str]:
        """Return the headers of a request; `target` is path and query as they are sent."""

    def socket_params(self, *, now_us: int) -> dict[str, str]:
        """Return what `authenticate` takes on the WebSocket."""


@dataclass(frozen=True)
class Token:
    """A bearer token."""

    token: str

    def headers(self, *, method: str, target: str, body: bytes, now_us: int) -> dict[str, str]:
        """Return the token's header."""
        return {"Authorization": f"Bearer {self.token}"}

    def socket_params(self, *, now_us: int) -> dict[str, str]:
        """Return the token."""
        return {"token": self.token}

    def __repr__(self) -> str:
        return "Token(...)"


@dataclass(frozen=True)
class BrowserSession:
    """The cookies of a page that is logged in. Only such a one may make and revoke keys."""

    session: str
    csrf_token: str
    cookie_name: str = "sessionid"
    csrf_cookie_name: str = "csrftoken"

    def headers(self, *, method: str, target: str, body: bytes, now_us: int) -> dict[str, str]:
        """Return the cookies, and the token against forgery."""
        cookies = f"{self.cookie_name}={self.session}; {self.csrf_cookie_name}={self.csrf_token}"
        return {"Cookie": cookies, "X-CSRFToken": self.csrf_token}

    def socket_params(self, *, now_us: int) -> dict[str, str]:
        """Return nothing: the handshake's cookie says it."""
        return {}

    def __repr__(self) -> str:
        return "BrowserSession(...)"


class SigningKey:
    """A key that signs each request and never sends its secret: HMAC, Ed25519 or RSA.

    `secret` is the HMAC secret, or the private key in PEM (needs `zavora[keys]`).
    """

    def __init__(self, key: str, secret: str, *, window_ms: int = WINDOW_MS) -> None:
        self.key = key
        self.window_ms = window_ms
        self._sign = _signer(secret)

    def __repr__(self) -> str:
        return f"SigningKey({self.key[:8]}...)"

    def headers(self, *, method: str, target: str, body: bytes, now_us: int) -> dict[str, str]:
        """Return the headers that sign a request."""
        return {
            "Zavora-Key": self.key,
            "Zavora-Timestamp": str(now_us),
            "Zavora-Window": str(self.window_ms),
            "Zavora-Signature": self._signature(now_us, method, target, body),
        }

    def socket_params(self, *, now_us: int) -> dict[str, str]:
        """Return a signature of the connection."""
        return {
            "key": self.key,
            "timestamp": str(now_us),
            "window": str(self.window_ms),
            "signature": self._signature(now_us, SOCKET_METHOD, SOCKET_PATH, b""),
        }

    def _signature(self, now_us: int, method: str, target: str, body: bytes) -> str:
        hashed = hashlib.sha256(body).hexdigest()
        lines = [str(now_us), str(self.window_ms), method, target, hashed]
        return self._sign("\n".join(lines).encode())


def _signer(secret: str) -> Callable[[bytes], str]:
    if not secret.lstrip().startswith("-----BEGIN"):
        return lambda text: hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()
    try:
        # What HMAC and tokens do without is imported for those who need it.
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric import padding  # noqa: PLC0415
        from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
            Ed25519PrivateKey,
        )
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
            load_pem_private_key,
        )
    except ImportError:
        raise ImportError(
            "Keys in PEM need the package cryptography: pip install 'zavora[keys]'"
        ) from None
    private: Any = load_pem_private_key(secret.encode(), None)
    if isinstance(private, Ed25519PrivateKey):
        return lambda text: base64.b64encode(private.sign(text)).decode()
    if isinstance(private, RSAPrivateKey):
        return lambda text: base64.b64encode(
            private.sign(text, padding.PKCS1v15(), hashes.SHA256())
        ).decode()
    raise ValueError(f"expected an Ed25519 or RSA key, not {type(private).__name__}")
