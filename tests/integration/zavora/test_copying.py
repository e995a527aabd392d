"""Rows written by COPY and, in a pipeline, by INSERT: the same rows, whatever the fields hold."""

from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching.models import OrderKey
from zavora.foundation.errors import InvariantBroken
from zavora.foundation.rows import (
    RowCounts,
    RowTable,
    copy_bytes,
    copy_text,
    is_pipelined,
    write_rows,
)

pytestmark = pytest.mark.django_db(transaction=True)

COLUMNS = ("account_id", "key", "fingerprint", "result", "created_at")
NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
# PostgreSQL stores every character but the zero byte.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
KEYS = st.lists(
    st.tuples(st.integers(1, 2**53), TEXTS, st.binary(max_size=16), st.binary(max_size=64)),
    max_size=5,
    unique_by=lambda key: key[:2],
)


def _own_session() -> "psycopg.Connection[Any]":
    parameters = connection.get_connection_params()
    for name in ("context", "cursor_factory", "prepare_threshold"):
        parameters.pop(name, None)
    return psycopg.connect(autocommit=True, **parameters)


def _rows(keys: list[tuple[int, str, bytes, bytes]]) -> list[str]:
    return [
        f"{account}\t{copy_text(key)}\t{copy_bytes(digest)}\t{copy_bytes(result)}\t{NOW.isoformat()}"
        for account, key, digest, result in keys
    ]


def _stored() -> list[tuple[Any, ...]]:
    rows = OrderKey.objects.order_by("id").values_list(*COLUMNS)
    return [(a, key, bytes(digest), bytes(result), at) for a, key, digest, result, at in rows]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(keys=KEYS)
def test_a_pipeline_writes_what_copy_writes(keys: list[tuple[int, str, bytes, bytes]]) -> None:
    table = RowTable(OrderKey, COLUMNS)
    with _own_session() as session, session.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table.name}")
        write_rows(cursor, table, _rows(keys))
        copied = _stored()
        cursor.execute(f"TRUNCATE {table.name}")
        with session.pipeline():
            assert is_pipelined(session)
            write_rows(cursor, table, _rows(keys))
        assert copied == _stored() == [(*key, NOW) for key in keys]
        cursor.execute(f"TRUNCATE {table.name}")


def test_a_pipeline_that_fails_writes_nothing() -> None:
    table = RowTable(OrderKey, COLUMNS)
    rows = _rows([(1, "a", b"", b""), (1, "a", b"", b"")])
    with _own_session() as session, session.cursor() as cursor:
        with pytest.raises(psycopg.errors.UniqueViolation), session.pipeline():
            write_rows(cursor, table, rows)
        assert _stored() == []


@pytest.mark.parametrize("is_together", [False, True])
def test_a_statement_that_changes_too_few_rows_is_noticed(is_together: bool) -> None:
    update = "UPDATE matching_orderkey SET key = 'b' WHERE key = %s"
    with _own_session() as session:
        counts = RowCounts()
        if is_together:
            with session.pipeline():
                counts.execute(session, update, ("none",), rows=1, what="keys")
        else:
            counts.execute(session, update, ("none",), rows=1, what="keys")
        with pytest.raises(InvariantBroken, match="0 keys written of 1"):
            counts.check()


def test_rows_must_follow_the_tables_columns() -> None:
    with pytest.raises(InvariantBroken, match="OrderKey has columns"):
        RowTable(OrderKey, COLUMNS[:-1])
