"""Rows of idempotency keys: what a request led to, so that its repetition is told the same."""

from collections.abc import Mapping
from typing import Final

import msgspec

from matching.models import OrderKey
from zavora.foundation.rows import RowTable, copy_bytes, copy_text

KEYS: Final = RowTable(OrderKey, ("account_id", "key", "fingerprint", "result", "created_at"))
READ_KEYS: Final = (
    f"SELECT k.account_id, k.key, k.fingerprint, k.result FROM {KEYS.name} k"
    " JOIN unnest(%s::bigint[], %s::text[]) AS w(account_id, key)"
    " ON k.account_id = w.account_id AND k.key = w.key"
)

# An account and a key of its own; a request's fingerprint and its encoded first reply.
KeyName = tuple[int, str]
KeyBinding = tuple[bytes, bytes]


class KeyResult(msgspec.Struct, frozen=True):
    """What an idempotency key is bound to: a digest of the request, and the encoded first reply."""

    fingerprint: bytes
    result: bytes


def key_rows(keys: Mapping[KeyName, KeyBinding], time_text: str) -> list[str]:
    """Return the COPY rows that bind keys to their first results, in key order.

    Those bound before were read; one that another shard bound since then is rare enough for plain
    rows, which are twice as fast as inserting around conflicts, to fail on it.
    """
    rows = []
    for account_id, key in sorted(keys):
        fingerprint, result = keys[account_id, key]
        rows.append(
            f"{account_id}\t{copy_text(key)}\t{copy_bytes(fingerprint)}\t{copy_bytes(result)}"
            f"\t{time_text}"
        )
    return rows


def bindings_of(rows: list[tuple[int, str, bytes, bytes]]) -> dict[KeyName, KeyBinding]:
    """Return what rows of ``READ_KEYS`` bind."""
    return {(row[0], row[1]): (row[2], row[3]) for row in rows}


def find_key_result(*, account_id: int, key: str) -> KeyResult | None:
    """Return what a key is bound to, if a command with it has committed."""
    row = (
        OrderKey.objects.filter(account_id=account_id, key=key)
        .values_list("fingerprint", "result")
        .first()
    )
    return None if row is None else KeyResult(bytes(row[0]), bytes(row[1]))
