"""What is hashed of a record, worked out a second time beside the database's own (migration 0010).

Whoever verifies must not ask the function that made the chain. What a column is as text is
PostgreSQL's; how the texts are put together, and the hash, are here
(docs/adr/0024-chained-records.md).
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from accounts.models import AuditRecord

# The present form, and what stands before the first link.
FORM: Final = 1
BEFORE_ALL: Final = bytes(32)
# The columns of a record as they are hashed, in order: how each is asked for as text.
COLUMNS: Final = {
    "id": "{}::text",
    "actor_kind": "{}",
    "actor_name": "{}",
    "role": "{}",
    "user_id": "{}::text",
    "key_id": "{}::text",
    "address": "{}",
    "request_id": "{}",
    "act": "{}",
    "subject": "{}",
    "reason": "{}",
    "details": "{}::text",
    # Microseconds since 1970, which no setting of the server writes in another way.
    "created_at": "trunc(extract(epoch FROM {}) * 1000000)::text",
}


def columns_as_text(table: str) -> str:
    """Return what to select of a record for ``link_hash``: its columns as text, in order."""
    columns = {field.name: field.column for field in AuditRecord._meta.concrete_fields}
    return ", ".join(form.format(f"{table}.{columns[name]}") for name, form in COLUMNS.items())


def link_hash(previous: bytes, position: int, columns: Sequence[str | None]) -> bytes:
    """Return the 32 bytes of the link at ``position`` that follows ``previous``."""
    parts = (_part(text) for text in (str(FORM), str(position), *columns))
    return hashlib.sha256(previous + b"".join(parts)).digest()


def _part(text: str | None) -> bytes:
    """Return a text so that none can be read as two, or as the end of another one."""
    if text is None:
        return b"-,"
    encoded = text.encode()
    return b"%d:%b," % (len(encoded), encoded)
