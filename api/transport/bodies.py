"""A request's body: read whole, in bounded time and space, before anything is borrowed for it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from api.transport.errors import PayloadTooLarge, RequestTimeout
from zavora.foundation.bodies import FREE_BYTES, HeldBody
from zavora.foundation.errors import Overloaded
from zavora.foundation.setting_values import SettingValue

Receive = Callable[[], Awaitable[dict[str, Any]]]

_BYTES_MAX: Final = SettingValue("ZAVORA_BODY_BYTES_MAX")
_WAIT_S: Final = SettingValue("ZAVORA_BODY_WAIT_S")


class ClientGone(Exception):
    """The client closed the connection before its body was complete."""


async def read_body(receive: Receive, headers: dict[bytes, bytes], held: HeldBody) -> bytes:
    """Return the whole body of a request; whoever asks releases ``held`` when done with it.

    Raises PayloadTooLarge before more than the bound is held, RequestTimeout where it has not come
    in time, Overloaded where too many bodies are held, and ClientGone.
    """
    length = headers.get(b"content-length")
    if length is None:
        if b"transfer-encoding" not in headers:
            return await _read(receive, held)
    elif length.isdigit() and int(length[:20]) > _BYTES_MAX.value:
        raise _too_large()
    wait_s: float = _WAIT_S.value
    try:
        async with asyncio.timeout(wait_s or None):
            return await _read(receive, held)
    except TimeoutError:
        raise RequestTimeout(f"The body did not come within {wait_s:g} s.") from None


async def _read(receive: Receive, held: HeldBody) -> bytes:
    bytes_max: int = _BYTES_MAX.value
    parts: list[bytes] = []
    total = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientGone
        part: bytes = message.get("body", b"")
        total += len(part)
        if total > bytes_max:
            raise _too_large()
        if not held.add(len(part)):
            raise Overloaded(f"Too many bodies of more than {FREE_BYTES} bytes are being sent.")
        if not message.get("more_body", False):
            return b"".join((*parts, part)) if parts else part
        parts.append(part)


def _too_large() -> PayloadTooLarge:
    return PayloadTooLarge(f"A body has at most {_BYTES_MAX.value} bytes.")
