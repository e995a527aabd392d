"""Rows of idempotency keys: what a request led to, so that its repetition is told the same."""

from collections.abc import Mapping, Sequence
from typing import Final

from django.db import connection

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


def find_key_results(names: Sequence[KeyName]) -> dict[KeyName, KeyBinding]:
    """Return what keys are bound to, those of commands that have committed."""
    with connection.cursor() as cursor:
        cursor.execute(READ_KEYS, [[name[0] for name in names], [name[1] for name in names]])
        return bindings_of([(row[0], row[1], bytes(row[2]), bytes(row[3])) for row in cursor])
