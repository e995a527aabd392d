"""Opaque cursors of paged lists: a page's last id, as a text that promises nothing else."""

import base64
import binascii
from typing import Any, Final

from api.v1.fields import Fields

_PREFIX: Final = b"z1:"
ID_MAX: Final = 2**63 - 1
LIMIT_DEFAULT: Final = 100
LIMIT_MAX: Final = 500  # selectors read one more, to see whether a page follows


def cursor_after(last_id: int) -> str:
    """Return the cursor that continues after ``last_id``."""
    return base64.urlsafe_b64encode(_PREFIX + str(last_id).encode()).decode().rstrip("=")


def id_of(cursor: str) -> int | None:
    """Return the id inside a cursor, or None where it is not one of ours."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        plain = base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    digits = plain.removeprefix(_PREFIX)
    if not plain.startswith(_PREFIX) or not digits.isdigit() or len(digits) > 19:
        return None
    last_id = int(digits)
    return last_id if 0 < last_id <= ID_MAX else None


def next_cursor(ids: list[int], limit: int) -> str | None:
    """Return the cursor after a page of ``limit``, None where ``ids`` (one more asked) ended."""
    return cursor_after(ids[limit - 1]) if len(ids) > limit else None


def take_page(fields: Fields) -> tuple[int, int | None]:
    """Take ``limit`` and ``cursor`` from a query: how many, and the id to continue before."""
    limit = fields.integer("limit", default=LIMIT_DEFAULT, low=1, high=LIMIT_MAX)
    cursor: Any = fields.take("cursor")
    if cursor is None:
        return limit, None
    before_id = id_of(cursor) if isinstance(cursor, str) and len(cursor) <= 64 else None
    if before_id is None:
        fields.refuse("cursor", "expected a cursor that a page's meta.next gave")
    return limit, before_id
