"""Who sent a request: the key's header, the clock's window, and the signature over the raw text.

The checks come in one order, so that one mistake has one answer: key, required parameters,
timestamp, signature, whether it came before. Parameter values come after that, in the handlers.

What is signed names no method and no path, and clients may repeat what reads. What writes counts
once (ZAVORA_COMPAT_SIGNED_ONCE): a text that came before, wherever it was sent to, writes nothing.
"""

import re
from collections.abc import Callable
from typing import Final
from uuid import UUID

from accounts.access.callers import SCOPE_READ, SCOPE_TRADE, Caller, SigningKey
from api.access import signatures
from api.access.replays import WINDOW_MAX_MS, Mark
from api.access.signatures import KEY_NAME, WINDOW_DEFAULT_MS
from api.access.usable import check_usable
from api.binance.rest.params import INTEGER_LEGAL, SIGNATURE, Params
from api.binance.rest.routes import Security
from api.binance.words import errors
from api.process import web_process
from zavora.foundation.errors import Forbidden, RateLimited, Unauthorized
from zavora.foundation.setting_values import SettingValue

_ONCE: Final = SettingValue("ZAVORA_COMPAT_SIGNED_ONCE")
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
    is_write: bool = True,
) -> Identity:
    """Return the caller and the account (primary key, public id) that a key speaks for.

    ``check_required`` raises -1102 for the call's own mandatory parameters. ``is_logged_on``: the
    connection proved the key when it logged on, so that no signature is needed. ``is_write``: its
    signature counts once. Raises the published errors of keys (-2014, -2015), of repeated and
    missing parameters, of the timestamp (-1021, -1131), of the signature (-1022) and of one that
    came before (-1021), in this order.
    """
    key = await _find_key(api_key, ip, _SCOPES.get(security))
    params.check_repeated()
    if check_required is not None:
        check_required(params)
    if security is not Security.USER_STREAM:
        params.require("timestamp", *(() if is_logged_on else ("signature",)))
        _check_window(params)
        if not is_logged_on:
            await _check_signature(key, params, is_write=is_write)
    web_process().key_uses.note(key.caller, ip)
    return key.caller, key.account_pk, key.account_id


async def _find_key(api_key: str | None, ip: str, scope: str | None) -> SigningKey:
    if api_key is None or KEY_NAME.fullmatch(api_key) is None:
        raise errors.bad_key_format()
    key, _ = await web_process().credentials.of_api_key(api_key)
    try:
        caller = check_usable(None if key is None else key.caller, ip=ip)
    except (Unauthorized, Forbidden):
        raise errors.rejected_key() from None
    if key is None or (scope is not None and scope not in caller.scopes):
        raise errors.rejected_key()
    return key


def _check_window(params: Params) -> None:
    """Check that the request was made just now. Raises -1100, -1131 or -1021."""
    sent = params.needed("timestamp")
    if _TIMESTAMP.fullmatch(sent) is None:
        raise errors.illegal("timestamp", INTEGER_LEGAL)
    window = params.text("recvWindow")
    window_us = WINDOW_DEFAULT_MS * 1_000
    if window is not None:
        if _WINDOW.fullmatch(window) is None:
            raise errors.illegal("recvWindow", _WINDOW_LEGAL)
        whole, _, fraction = window.partition(".")
        window_us = int(whole) * 1_000 + int(fraction.ljust(3, "0")[:3])
        if window_us > WINDOW_MAX_MS * 1_000:
            raise errors.window_too_large()
    if not signatures.is_recent(signatures.milliseconds_of(sent), window_us=window_us):
        raise errors.outside_window()


async def _check_signature(key: SigningKey, params: Params, *, is_write: bool) -> None:
    """Check that a request is signed, and anew if it writes. Raises -1022 or -1021."""
    text = signed_text(key, params)
    if text is None:
        raise errors.bad_signature()
    if not _ONCE.value:
        return
    sent = signatures.milliseconds_of(params.needed("timestamp"))
    mark = Mark.of(key.caller.key_id, sent, text)
    replays = web_process().replays
    if not is_write:
        replays.note(mark)
        return
    try:
        await replays.require_new(mark, is_write=True)
    except Unauthorized:
        raise errors.came_before() from None
    except RateLimited:
        raise errors.overloaded() from None


def signed_text(key: SigningKey, params: Params) -> bytes | None:
    """Return the text, as it was received, that a request's signature of this key is of."""
    signature = params.get(SIGNATURE) or ""
    for text in params.signed_texts:
        if signatures.is_signed_by(key, text, signature):
            return text
    return None
