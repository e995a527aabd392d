"""Secrets of API keys at rest: tokens as digests, others sealed with AES-256-GCM.

A server must know an HMAC secret to check a signature, so it cannot be hashed. Sealed by a key
made of ``ZAVORA_SEALING_KEYS`` (the first seals, all open), a copy of the database alone signs
nothing. The name of what the secret is of is bound in: one that is moved to another row does not
open. Where there are no sealing keys ``SECRET_KEY`` seals; it and ``SECRET_KEY_FALLBACKS`` still
open what they sealed. ``manage.py rotate_keys`` seals everything anew.
"""

import hashlib
import os
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

# Sealed by a key of the settings' secret: which one is found by trying.
BY_SECRET_KEY: Final = b"\x01"
# Sealed by a sealing key, whose mark follows.
BY_SEALING_KEY: Final = b"\x02"
MARK_BYTES: Final = 4
NONCE_BYTES: Final = 12
KEY_BYTES: Final = 32
_PURPOSE: Final = b"zavora: secrets of API keys, version 1"
_PURPOSE_OF_MARK: Final = b"zavora: mark of a sealing key, version 1"

log = structlog.get_logger(__name__)


def token_digest(token: str) -> str:
    """Return what is stored of a bearer token: its SHA-256, as the token itself is random."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def seal_secret(secret: bytes, *, name: str) -> bytes:
    """Return ``secret`` as it is stored in the row of what is called ``name``."""
    keys: list[str] = settings.ZAVORA_SEALING_KEYS
    master = keys[0] if keys else settings.SECRET_KEY
    nonce = os.urandom(NONCE_BYTES)
    return present_prefix() + nonce + _cipher(master).encrypt(nonce, secret, name.encode())


def open_secret(stored: bytes, *, name: str) -> bytes | None:
    """Return the secret that ``seal_secret`` stored; None where no known key opens it."""
    kind, masters, rest = stored[:1], _masters(stored), stored[1:]
    if kind == BY_SEALING_KEY:
        rest = rest[MARK_BYTES:]
    elif kind != BY_SECRET_KEY:
        return None
    nonce, sealed = rest[:NONCE_BYTES], rest[NONCE_BYTES:]
    for master in masters:
        try:
            return _cipher(master).decrypt(nonce, sealed, name.encode())
        except (InvalidTag, ValueError):
            continue
    log.error("key_secret_unreadable", key=name[:8])
    return None


def present_prefix() -> bytes:
    """Return how everything begins that is sealed by the key that seals now."""
    keys: list[str] = settings.ZAVORA_SEALING_KEYS
    return BY_SEALING_KEY + _mark(keys[0]) if keys else BY_SECRET_KEY


def _masters(stored: bytes) -> Iterable[str]:
    """Return the settings' secrets that may have sealed something."""
    if stored[:1] == BY_SECRET_KEY:
        return (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    mark = stored[1 : 1 + MARK_BYTES]
    return [key for key in settings.ZAVORA_SEALING_KEYS if _mark(key) == mark]


@lru_cache(16)
def _cipher(master: str) -> AESGCM:
    return AESGCM(_derived(master, _PURPOSE))


@lru_cache(16)
def _mark(master: str) -> bytes:
    """Return by what a sealing key is known again; it tells nothing of the key."""
    return _derived(master, _PURPOSE_OF_MARK)[:MARK_BYTES]


def _derived(master: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(
        master.encode()
    )
