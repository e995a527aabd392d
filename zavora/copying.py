"""PostgreSQL's COPY text format, and the column lists that rows must follow."""

import re
from collections.abc import Iterable
from typing import Any, Final

from django.db import models
from psycopg import Cursor

from zavora.errors import InvariantBroken

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


def copy_statement(model: type[models.Model], columns: tuple[str, ...]) -> str:
    """Return the COPY statement of a table; the rows' order is held against the model's columns.

    Raises InvariantBroken where code and table drifted apart.
    """
    found = tuple(field.column for field in model._meta.concrete_fields)
    if found != columns:
        raise InvariantBroken(
            f"{model.__name__} has columns {found}, rows are written as {columns}"
        )
    return f"COPY {model._meta.db_table} ({', '.join(columns)}) FROM STDIN"


def copy_rows(cursor: "Cursor[Any]", statement: str, rows: list[str]) -> None:
    """Write rows (fields joined by tabs) by one COPY; asserts that all of them arrived."""
    if not rows:
        return
    with cursor.copy(statement) as copy:
        copy.write("\n".join(rows) + "\n")
    if cursor.rowcount != len(rows):
        raise InvariantBroken(f"{statement}: {cursor.rowcount} rows of {len(rows)}")
