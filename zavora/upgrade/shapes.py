"""How tables look, and what a former version would miss of that: what has to wait until it is gone.

Tables go by their names, as those who read and write them know nothing else: one that was renamed
and has a namesake with the same columns is the same to them. Partitions are as their tables are.
"""

from typing import Final

import msgspec
from django.db.backends.base.base import BaseDatabaseWrapper

_COLUMNS: Final = """
SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull,
    a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> ''
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition
    AND c.relnamespace = current_schema()::regnamespace AND c.relname = ANY(%s)
"""
# Rules that rows have to keep: constraints, and unique indexes that are none.
_RULES: Final = """
SELECT t.relname::text, k.conname::text, pg_get_constraintdef(k.oid),
    array(SELECT a.attname::text FROM pg_attribute a
          WHERE a.attrelid = t.oid AND a.attnum = ANY(k.conkey))
FROM pg_constraint k JOIN pg_class t ON t.oid = k.conrelid
WHERE k.contype IN ('c', 'f', 'u', 'x') AND t.relnamespace = current_schema()::regnamespace
    AND t.relname = ANY(%s)
UNION ALL
SELECT t.relname::text, i.relname::text, pg_get_indexdef(i.oid),
    array(SELECT a.attname::text FROM pg_attribute a
          WHERE a.attrelid = t.oid AND a.attnum = ANY(x.indkey))
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid
WHERE x.indisunique AND t.relnamespace = current_schema()::regnamespace AND t.relname = ANY(%s)
    AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.oid)
"""


class Column(msgspec.Struct, frozen=True):
    """A column. ``is_filled``: what an INSERT leaves out the server fills in."""

    type: str
    is_not_null: bool
    is_filled: bool


class Rule(msgspec.Struct, frozen=True):
    """What every row has to keep, and which columns it is about."""

    text: str
    columns: list[str]


class Shapes(msgspec.Struct, frozen=True):
    """Columns by table and name, rules by table and name."""

    columns: dict[str, dict[str, Column]]
    rules: dict[str, dict[str, Rule]]


def read_shapes(connection: BaseDatabaseWrapper, tables: list[str]) -> Shapes:
    """Return how the tables of these names look now."""
    found = Shapes({}, {})
    with connection.cursor() as cursor:
        cursor.execute(_COLUMNS, [tables])
        for table, name, *rest in cursor.fetchall():
            found.columns.setdefault(table, {})[name] = Column(*rest)
        cursor.execute(_RULES, [tables, tables])
        for table, name, *rest in cursor.fetchall():
            found.rules.setdefault(table, {})[name] = Rule(*rest)
    return found


def missed(before: Shapes, after: Shapes) -> list[str]:
    """Return what a version that knows only ``before`` would fail at, a line each."""
    lines = []
    for table, columns in sorted(before.columns.items()):
        now = after.columns.get(table)
        if now is None:
            lines.append(f"{table} is gone")
            continue
        for name, column in columns.items():
            lines += _missed_of_column(f"{table}.{name}", column, now.get(name))
        for name in now.keys() - columns.keys():
            if now[name].is_not_null and not now[name].is_filled:
                lines.append(
                    f"{table}.{name} is new, NOT NULL and without a default of the database's"
                    " (db_default): the former version's INSERT fails"
                )
        lines += _missed_of_rules(table, before, after)
    return lines


def _missed_of_column(name: str, column: Column, now: Column | None) -> list[str]:
    if now is None:
        return [f"{name} is gone"]
    if now.is_not_null and not column.is_not_null:
        return [f"{name} is NOT NULL, which the former version need not keep"]
    if now.is_not_null and column.is_filled and not now.is_filled:
        return [f"{name} has no default any more: the former version's INSERT may lean on it"]
    return []


def _missed_of_rules(table: str, before: Shapes, after: Shapes) -> list[str]:
    known, columns = before.rules.get(table, {}), before.columns[table]
    texts = {rule.text for rule in known.values()}
    # One that took the place of another of its name is a wider one, where its author is careful;
    # one about new columns alone is kept by whoever leaves them out.
    return [
        f"{table}: {name} is new, {rule.text}, which the former version need not keep"
        for name, rule in sorted(after.rules.get(table, {}).items())
        if name not in known and rule.text not in texts and set(rule.columns) & columns.keys()
    ]
