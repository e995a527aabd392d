"""What each statement of a migration does to tables that were there before: locks, work, shape."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration
from psycopg.errors import ActiveSqlTransaction

from zavora.upgrade.shapes import Shapes, read_shapes

TEXT_MAX: Final = 300
# Writers wait for whoever has one of these: they conflict with what a batch takes (ROW EXCLUSIVE).
STRONG: Final = {
    "ShareLock": "SHARE",
    "ShareRowExclusiveLock": "SHARE ROW EXCLUSIVE",
    "ExclusiveLock": "EXCLUSIVE",
    "AccessExclusiveLock": "ACCESS EXCLUSIVE",
}
WRITING: Final = "RowExclusiveLock"

_TABLES: Final = (
    "SELECT c.oid, c.relname::text FROM pg_class c"
    " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace"
)
_LOOK: Final = """
SELECT t.oid, coalesce(c.relfilenode, 0), pg_stat_get_xact_numscans(t.oid),
    (SELECT array_agg(l.mode) FROM pg_locks l WHERE l.pid = pg_backend_pid()
        AND l.locktype = 'relation' AND l.relation = t.oid
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
FROM unnest(%s::oid[]) t(oid) LEFT JOIN pg_class c ON c.oid = t.oid
"""
_TRANSACTION: Final = (
    "SELECT virtualtransaction FROM pg_locks"
    " WHERE pid = pg_backend_pid() AND locktype = 'virtualxid'"
)


class Effect(msgspec.Struct):
    """What one statement did. ``transaction``: those with the same one are held together.

    ``locks``: table and mode (as ``pg_locks`` calls it) that its transaction holds since then.
    ``rewritten`` and ``read``: tables of which it wrote or read every row.
    """

    text: str
    transaction: str
    locks: list[tuple[str, str]]
    rewritten: list[str]
    read: list[str]


class Observed(msgspec.Struct):
    """What a migration did, statement by statement, and how tables look before and after it."""

    name: str
    effects: list[Effect] = []
    before: Shapes | None = None
    after: Shapes | None = None
    failure: str = ""


class Look(msgspec.Struct):
    """One look at the tables: files, scans and locks by their ids."""

    files: dict[int, int]
    scans: dict[int, int]
    locks: set[tuple[int, str]]
    transaction: str


class Observer:
    """Watches all statements on a connection; tables go by the names that they had at first."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        with connection.cursor() as cursor:
            cursor.execute(_TABLES)
            self._tables: dict[int, str] = dict(cursor.fetchall())
        self._effects: list[Effect] = []

    @contextlib.contextmanager
    def watching(self, migration: Migration) -> Iterator[Observed]:
        """Yield what a migration does, which is told when the block ends, however it ends."""
        observed = Observed(f"{migration.app_label}.{migration.name}")
        names = list(self._tables.values())
        observed.before = read_shapes(self._connection, names)
        self._effects = observed.effects
        try:
            with self._connection.execute_wrapper(self._watch):
                yield observed
        except Exception as error:  # whatever a migration may raise, is told of it
            observed.failure = f"{type(error).__name__}: {error}".strip()
            return
        observed.after = read_shapes(self._connection, names)

    def _watch(
        self, execute: Callable[..., Any], statement: str, params: Any, many: bool, context: Any
    ) -> Any:
        before = self._look()
        if self._connection.in_atomic_block:
            answer = execute(statement, params, many, context)
            self._note(statement, before, self._look())
            return answer
        # By itself it would be over, and its locks gone, before anybody looks.
        self._say("BEGIN")
        try:
            answer = execute(statement, params, many, context)
        except DatabaseError as error:
            self._say("ROLLBACK")
            if not isinstance(error.__cause__, ActiveSqlTransaction):
                raise
            # Such as CREATE INDEX CONCURRENTLY, which takes care of that itself.
            return execute(statement, params, many, context)
        self._note(statement, before, self._look())
        self._say("COMMIT")
        return answer

    def _note(self, statement: str, before: Look, now: Look) -> None:
        is_same = before.transaction == now.transaction
        had = before.locks if is_same else set()
        locks = sorted(
            (self._tables[oid], mode)
            for oid, mode in now.locks - had
            if mode in STRONG or mode == WRITING
        )
        rewritten = sorted(
            self._tables[oid]
            for oid, file in now.files.items()
            if file and before.files[oid] and file != before.files[oid]
        )
        # The server hands its counts on at times, and then begins at zero.
        read = sorted(
            self._tables[oid] for oid, n in now.scans.items() if n and n != before.scans[oid]
        )
        if locks or rewritten or read:
            text = " ".join(str(statement).split())[:TEXT_MAX]
            self._effects.append(Effect(text, now.transaction, locks, rewritten, read))

    def _look(self) -> Look:
        with self._raw() as cursor:
            cursor.execute(_LOOK, [list(self._tables)])
            rows = cursor.fetchall()
            cursor.execute(_TRANSACTION)
            (transaction,) = cursor.fetchone()
        return Look(
            files={oid: file for oid, file, _, _ in rows},
            scans={oid: scans for oid, _, scans, _ in rows},
            locks={(oid, mode) for oid, _, _, modes in rows for mode in modes or ()},
            transaction=transaction,
        )

    def _say(self, word: str) -> None:
        with self._raw() as cursor:
            cursor.execute(word)

    def _raw(self) -> Any:
        """Return a cursor that nobody watches."""
        assert self._connection.connection is not None
        return self._connection.connection.cursor()
