"""What was refused at the edges of both APIs, in the log: who wanted what, from where, and why not.

Refusals of the market itself (no balance, no such order, a halt) are answers, and are not here.
"""

from typing import Final

import structlog

from zavora.foundation.errors import (
    AccountNotFound,
    BadRequest,
    Forbidden,
    Unauthorized,
    ValidationFailed,
)

# Who came was not let in, or wanted what is not theirs. An account of others is not found.
_OF_ACCESS: Final = frozenset(
    {Unauthorized.code, Forbidden.code, AccountNotFound.code, -1002, -1021, -1022, -2014, -2015}
)
# What came could not be read, or is no call of ours.
_UNREADABLE: Final = frozenset(
    {
        BadRequest.code,
        ValidationFailed.code,
        *("method_not_allowed", "payload_too_large", "unsupported_media_type"),
        *range(-1199, -1099),
    }
)

PATH_LENGTH_MAX: Final = 200

log = structlog.get_logger(__name__)


def note_refused(
    code: str | int, *, address: str, method: str, path: str = "", request_id: str = ""
) -> None:
    """Write a line of a refusal; ``code`` is v1's word, or the compatible API's number.

    ``method`` is that of HTTP, or the address of a socket. Queries and bodies, which hold keys and
    signatures, are never written.
    """
    if code in _OF_ACCESS:
        write = log.warning
    elif code in _UNREADABLE:
        write = log.info
    else:
        return
    facts = {"path": path[:PATH_LENGTH_MAX], "request_id": request_id}
    write(
        "refused",
        code=code,
        address=address,
        method=method,
        **{name: text for name, text in facts.items() if text},
    )
