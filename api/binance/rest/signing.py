"""Who sent a request: the key's header, the clock's window, and the signature over the raw text.

The checks come in one order, so that one mistake has one answer: key, required parameters,
timestamp, signature. Parameter values come after that, in the handlers.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Callable
from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from accounts.access.callers import SCOPE_READ, SCOPE_TRADE, Caller, SigningKey
from api.access.auth import has_expired, is_allowed_from
from api.binance.rest.params import INTEGER_LEGAL, MICROSECOND_DIGITS, SIGNATURE, Params
from api.binance.rest.routes import Security
from api.binance.words import errors
from api.process import web_process
from zavora.foundation.times import now_ms

WINDOW_DEFAULT_MS: Final = 5_000
WINDOW_MAX_MS: Final = 60_000
# How far a client's clock may be ahead.
AHEAD_MAX_MS: Final = 1_000
_KEY: Final = re.compile(r"[A-Za-z0-9]{64}", re.ASCII)
_TIMESTAMP: Final = re.compile(r"[0-9]{1,20}", re.ASCII)
_WINDOW: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?", re.ASCII)
_WINDOW_LEGAL: Final = r"^[0-9]{1,5}(\.[0-9]{1,3})?$"
_SCOPES: Final = {
    Security.USER_STREAM: SCOPE_READ,
    Security.USER_DATA: SCOPE_READ,
    Security.TRADE: SCOPE_TRADE,
}

Identity = tuple[Caller, int, UUID]


async def authenticate(
    params: Params,
    api_key: str | None,
    ip: str,
    *,
    security: Security,
    check_required: Callable[[Params], None] | None = None,
    is_logged_on: bool = False,
) -> Identity:
    """Return the caller and the account (primary key, public id) that a key speaks for.

    ``check_required`` raises -1102 for the call's own mandatory parameters. ``is_logged_on``: the
    connection proved the key when it logged on, so that no signature is needed. Raises the
    published errors of keys (-2014, -2015), of repeated and missing parameters, of the timestamp
    (-1021, -1131) and of the signature (-1022), in this order.
    """
    key = await _find_key(api_key, ip, _SCOPES.get(security))
    params.check_repeated()
    if check_required is not None:
        check_required(params)
    if security is not Security.USER_STREAM:
        params.require("timestamp", *(() if is_logged_on else ("signature",)))
        _check_window(params)
        if not is_logged_on and not is_signed_by(key, params):
            raise errors.bad_signature()
    return key.caller, key.account_pk, key.account_id


async def _find_key(api_key: str | None, ip: str, scope: str | None) -> SigningKey:
    if api_key is None or _KEY.fullmatch(api_key) is None:
        raise errors.bad_key_format()
    key = await web_process().credentials.of_api_key(api_key)
    if key is None:
        raise errors.rejected_key()
    caller = key.caller
    if has_expired(caller):
        raise errors.rejected_key()
    if not is_allowed_from(caller, ip):
        raise errors.rejected_key()
    if scope is not None and scope not in caller.scopes:
        raise errors.rejected_key()
    return key


def _check_window(params: Params) -> None:
    """Check that the request was made just now. Raises -1100, -1131 or -1021."""
    sent = params.needed("timestamp")
    if _TIMESTAMP.fullmatch(sent) is None:
        raise errors.illegal("timestamp", INTEGER_LEGAL)
    timestamp_ms = int(sent)
    if len(sent) >= MICROSECOND_DIGITS:
        timestamp_ms //= 1_000
    window = params.text("recvWindow")
    window_us = WINDOW_DEFAULT_MS * 1_000
    if window is not None:
        if _WINDOW.fullmatch(window) is None:
            raise errors.illegal("recvWindow", _WINDOW_LEGAL)
        whole, _, fraction = window.partition(".")
        window_us = int(whole) * 1_000 + int(fraction.ljust(3, "0")[:3])
        if window_us > WINDOW_MAX_MS * 1_000:
            raise errors.window_too_large()
    now = now_ms()
    if timestamp_ms >= now + AHEAD_MAX_MS or (now - timestamp_ms) * 1_000 > window_us:
        raise errors.outside_window()


# --- signatures -----------------------------------------------------------------------------------


def is_signed_by(key: SigningKey, params: Params) -> bool:
    """Tell whether the signature of a request is this key's, over the text as it was received."""
    signature = params.get(SIGNATURE) or ""
    return any(_VERIFY[key.kind](key.material, text, signature) for text in params.signed_texts)


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
