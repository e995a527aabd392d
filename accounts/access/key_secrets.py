"""Secrets of API keys at rest: tokens as digests, others sealed with AES-256-GCM.

A server must know an HMAC secret to check a signature, so it cannot be hashed. Sealed by a key
made of the settings' secret, a copy of the database alone signs nothing. The name of the key is
bound in: a sealed secret that is moved to another row does not open. ``SECRET_KEY_FALLBACKS``
still open what they sealed.
"""

import hashlib
import os
from functools import lru_cache
from typing import Final

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

VERSION: Final = b"\x01"
NONCE_BYTES: Final = 12
KEY_BYTES: Final = 32
_PURPOSE: Final = b"zavora: secrets of API keys, version 1"

log = structlog.get_logger(__name__)


def token_digest(token: str) -> str:
    """Return what is stored of a bearer token: its SHA-256, as the token itself is random."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def seal_secret(secret: bytes, *, name: str) -> bytes:
    """Return ``secret`` as it is stored in the row of the key called ``name``."""
    nonce = os.urandom(NONCE_BYTES)
    sealed = _cipher(settings.SECRET_KEY).encrypt(nonce, secret, name.encode())
    return VERSION + nonce + sealed


def open_secret(stored: bytes, *, name: str) -> bytes | None:
    """Return the secret that ``seal_secret`` stored; None where no known key opens it."""
    if stored[:1] != VERSION:
        return None
    nonce, sealed = stored[1 : 1 + NONCE_BYTES], stored[1 + NONCE_BYTES :]
    for master in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        try:
            return _cipher(master).decrypt(nonce, sealed, name.encode())
        except (InvalidTag, ValueError):
            continue
    log.error("key_secret_unreadable", key=name[:8])
    return None


@lru_cache(8)
def _cipher(master: str) -> AESGCM:
    derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=_PURPOSE)
    return AESGCM(derived.derive(master.encode()))
