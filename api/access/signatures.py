"""Signatures of keys: what verifies them, and the clock's window in which they count.

One place for both APIs. What is signed differs: in the compatible API the parameters as they were
sent, in v1 the lines of ``signed_text``.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from accounts.access.callers import Caller, SigningKey
from api.access.replays import AHEAD_MAX_MS, WINDOW_MAX_MS, Mark
from api.access.usable import check_usable
from zavora.foundation.errors import Unauthorized, ValidationFailed
from zavora.foundation.times import now_ms

WINDOW_DEFAULT_MS: Final = 5_000
# A timestamp of so many digits is in microseconds.
MICROSECOND_DIGITS: Final = 16
KEY_NAME: Final = re.compile(r"[A-Za-z0-9]{64}", re.ASCII)


def milliseconds_of(timestamp: str) -> int:
    """Return a timestamp's milliseconds; one of 16 digits or more is in microseconds."""
    number = int(timestamp)
    return number // 1_000 if len(timestamp) >= MICROSECOND_DIGITS else number


def is_recent(timestamp_ms: int, *, window_us: int) -> bool:
    """Tell whether something was signed just now: not earlier than the window, hardly later."""
    now = now_ms()
    return timestamp_ms < now + AHEAD_MAX_MS and (now - timestamp_ms) * 1_000 <= window_us


# --- the kinds ------------------------------------------------------------------------------------


def is_signed_by(key: SigningKey, text: bytes, signature: str) -> bool:
    """Tell whether a signature of a text is this key's: HMAC in hex, the others in base64."""
    return _VERIFY[key.kind](key.material, text, signature)


def _is_hmac(secret: bytes, text: bytes, signature: str) -> bool:
    expected = hmac.digest(secret, text, "sha256").hex()
    return hmac.compare_digest(expected.encode(), signature.lower().encode("utf-8", "replace"))


def _is_ed25519(public_key: bytes, text: bytes, signature: str) -> bool:
    made = _from_base64(signature)
    if made is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(made, text)
    except InvalidSignature:
        return False
    return True


def _is_rsa(public_key: bytes, text: bytes, signature: str) -> bool:
    made = _from_base64(signature)
    loaded = load_der_public_key(public_key)
    if made is None or not isinstance(loaded, RSAPublicKey):
        return False
    try:
        loaded.verify(made, text, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _from_base64(text: str) -> bytes | None:
    try:
        # A plus sign that was not percent-encoded reads as a space.
        return base64.b64decode(text.replace(" ", "+"), validate=True)
    except (binascii.Error, ValueError):
        return None


_VERIFY: Final[dict[str, Callable[[bytes, bytes, str], bool]]] = {
    "hmac": _is_hmac,
    "ed25519": _is_ed25519,
    "rsa": _is_rsa,
}


# --- v1 -------------------------------------------------------------------------------------------

KEY_HEADER: Final = "Zavora-Key"
TIMESTAMP_HEADER: Final = "Zavora-Timestamp"
SIGNATURE_HEADER: Final = "Zavora-Signature"
WINDOW_HEADER: Final = "Zavora-Window"
HEADERS: Final = (KEY_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER, WINDOW_HEADER)
# In a message on the socket, in the same order.
PARAMS: Final = ("key", "timestamp", "signature", "window")
# Base64 of the longest RSA signature (8,192 bits).
SIGNATURE_LENGTH_MAX: Final = 1_368
# What a client of the socket signs in place of a method and a path.
SOCKET_METHOD: Final = "authenticate"
SOCKET_PATH: Final = b"/ws"
_TIMESTAMP: Final = re.compile(r"[0-9]{13}(?:[0-9]{3})?", re.ASCII)
_WINDOW: Final = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)
_SIGNATURE: Final = re.compile(rf"[0-9A-Za-z+/=]{{1,{SIGNATURE_LENGTH_MAX}}}", re.ASCII)
_FORMS: Final = (
    (KEY_NAME, "the 64 letters and digits of a key's name"),
    (_TIMESTAMP, "milliseconds since 1970 (13 digits), or microseconds (16)"),
    (_SIGNATURE, "the signature in hex (HMAC) or base64 (Ed25519, RSA)"),
    (_WINDOW, f"milliseconds from 1 to {WINDOW_MAX_MS}"),
)


class Signed(NamedTuple):
    """What came with a signed request: a key's name, the time, the window and the signature."""

    key_name: str
    timestamp: str
    signature: str
    window: str


def read_signed(texts: Sequence[str | None], names: tuple[str, ...] = HEADERS) -> Signed | None:
    """Return what a request is signed with, None where there is nothing of it.

    ``texts``: key, timestamp, signature and window; ``names``: what the client calls them. Raises
    ValidationFailed that names each part that is missing or not as expected.
    """
    key_name, timestamp, signature, window = texts
    if key_name is None and timestamp is None and signature is None and window is None:
        return None
    window = window if window is not None else str(WINDOW_DEFAULT_MS)
    found = (key_name, timestamp, signature, window)
    wrong = {
        name: f"expected {expected}"
        for name, text, (form, expected) in zip(names, found, _FORMS, strict=True)
        if text is None or form.fullmatch(text) is None
    }
    if not wrong and int(window) > WINDOW_MAX_MS:
        wrong = {names[3]: f"expected {_FORMS[3][1]}"}
    if wrong or key_name is None or timestamp is None or signature is None:
        error = ValidationFailed(f"These are not as expected: {', '.join(wrong)}.")
        error.details = dict(wrong)
        raise error
    return Signed(key_name, timestamp, signature, window)


def signed_text(signed: Signed, method: str, target: bytes, body: bytes) -> bytes:
    """Return what v1 has signed: five lines without a line feed at the end.

    Timestamp and window as they were sent (a window that was not is 5000), the method, the path
    with its query as it was sent, the SHA-256 of the body in hex.
    """
    head = f"{signed.timestamp}\n{signed.window}\n{method}\n".encode()
    return head + target + b"\n" + sha256(body).hexdigest().encode()


def check_signed(
    key: SigningKey | None, signed: Signed, text: bytes, *, ip: str
) -> tuple[Caller, Mark]:
    """Return who signed a text just now, and by what it is known if it comes again.

    Raises Unauthorized, with a ``reason`` among its details, or Forbidden for a foreign address.
    The caller of this asks ``replays`` about the mark before anything is done.
    """
    if key is None:
        raise Unauthorized("This credential is not valid.", reason="unknown_key")
    caller = check_usable(key.caller, ip=ip)
    timestamp_ms = milliseconds_of(signed.timestamp)
    if not is_recent(timestamp_ms, window_us=int(signed.window) * 1_000):
        raise Unauthorized(
            "The timestamp is outside of the window.",
            reason="outside_window",
            server_time_ms=now_ms(),
        )
    if not is_signed_by(key, text, signed.signature):
        raise Unauthorized("The signature is not this key's.", reason="bad_signature")
    return caller, Mark.of(caller.key_id, timestamp_ms, text)
