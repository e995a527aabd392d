"""Rows as PostgreSQL's COPY text format, and the statements and column lists they go with."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.db import connection, models
from psycopg import Connection, Cursor
from psycopg.pq import PipelineStatus

from zavora.foundation.errors import InvariantBroken

_SPECIAL: Final = re.compile(r"[\\\t\n\r]")
_ESCAPES: Final = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
NULL: Final = "\\N"


def copy_text(text: str) -> str:
    """Return ``text`` as a field of a COPY row."""
    if text.isprintable() and "\\" not in text:  # tabs and line ends are not printable
        return text
    return _SPECIAL.sub(lambda match: _ESCAPES[match.group()], text)


def copy_bytes(value: bytes) -> str:
    """Return ``value`` as a bytea field of a COPY row."""
    return "\\\\x" + value.hex()


def copy_or_null(text: str | None) -> str:
    """Return a field that may be NULL; the text itself must need no escaping."""
    return NULL if text is None else text


def array_text(values: Iterable[object]) -> str:
    """Return an array's text, for a parameter that is cast; its items must need no quotes.

    PostgreSQL reads it many times faster than psycopg adapts a list item by item.
    """
    return "{" + ",".join(map(str, values)) + "}"


def array_text_quoted(texts: Iterable[str]) -> str:
    """Return the text of an array of any texts, for a parameter that is cast."""
    return "{" + ",".join(map(_quoted, texts)) + "}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class RowTable:
    """A table that rows of COPY text are written to, by whichever statement suits."""

    def __init__(self, model: type[models.Model], columns: tuple[str, ...]) -> None:
        """Hold the rows' order of columns against the model's, but for ids the table makes itself.

        Raises InvariantBroken where code and table drifted apart.
        """
        fields = [f for f in model._meta.concrete_fields if not isinstance(f, models.AutoField)]
        found = tuple(field.column for field in fields)
        if found != columns:
            raise InvariantBroken(
                f"{model.__name__} has columns {found}, rows are written as {columns}"
            )
        self.name: Final = model._meta.db_table
        casts = [(field.db_type(connection) or "text").split("(")[0] for field in fields]
        into = f"{self.name} ({', '.join(columns)})"
        self.copy: Final = f"COPY {into} FROM STDIN"
        arrays = ", ".join(f"%s::{cast}[]" for cast in casts)
        self.insert: Final = f"INSERT INTO {into} SELECT * FROM unnest({arrays})"
        self._array_texts: Final = [
            _quoted_array if cast in _QUOTED_TYPES else _plain_array for cast in casts
        ]

    def arrays(self, rows: list[str]) -> list[str]:
        """Return rows as the parameters of ``insert``: an array's text for each column."""
        columns = zip(*(row.split("\t") for row in rows), strict=True)
        return [text(column) for text, column in zip(self._array_texts, columns, strict=True)]


def write_rows(cursor: "Cursor[Any]", table: RowTable, rows: list[str]) -> None:
    """Write rows (fields joined by tabs). Asserts that all of them arrived.

    In a pipeline, which knows no COPY, by one INSERT; it writes all rows or fails.
    """
    if not rows:
        return
    if is_pipelined(cursor.connection):
        cursor.execute(table.insert, table.arrays(rows))
        return
    with cursor.copy(table.copy) as copy:
        copy.write("\n".join(rows) + "\n")
    if cursor.rowcount != len(rows):
        raise InvariantBroken(f"{table.copy}: {cursor.rowcount} rows of {len(rows)}")


class RowCounts:
    """How many rows statements must have changed: known at once, or when a pipeline is synced."""

    def __init__(self) -> None:
        self._expected: list[tuple[Cursor[Any], int, str]] = []

    def execute(
        self,
        connection: "Connection[Any]",
        statement: str,
        parameters: Sequence[Any],
        *,
        rows: int,
        what: str,
    ) -> None:
        """Execute a statement that has to change so many rows of ``what``."""
        self._expected.append((connection.execute(statement, parameters), rows, what))

    def check(self) -> None:
        """Raise InvariantBroken where a statement changed another number of rows."""
        for cursor, rows, what in self._expected:
            if cursor.rowcount != rows:
                raise InvariantBroken(f"{cursor.rowcount} {what} written of {rows}")
        self._expected.clear()


def is_pipelined(connection: "Connection[Any]") -> bool:
    """Tell whether statements are being sent without waiting for their results."""
    return connection.pgconn.pipeline_status != PipelineStatus.OFF


# What an array's text must quote: texts may hold anything, and a bytea has a backslash.
_QUOTED_TYPES: Final = frozenset({"varchar", "text", "bytea"})
_UNESCAPED: Final = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}
_ESCAPED: Final = re.compile(r"\\[\\tnr]")


def _plain_array(fields: tuple[str, ...]) -> str:
    return "{" + ",".join(fields).replace(NULL, "NULL") + "}"


def _quoted_array(fields: tuple[str, ...]) -> str:
    return "{" + ",".join([_item(field) for field in fields]) + "}"


def _item(field: str) -> str:
    """Return a field of a COPY row as an array's item."""
    if "\\" in field:
        if field == NULL:
            return "NULL"
        field = _ESCAPED.sub(lambda match: _UNESCAPED[match.group()], field)
    return _quoted(field)
