"""Who holds tables for long: what would make a migration wait, and all batches behind it.

``pg_locks`` shows everybody's locks to every role, but not how old a transaction is. So one looks
twice: what holds a table in both looks, by the same transaction, is at least as old as the pause.
"""

import time
from typing import Final

import msgspec
from django.db.backends.base.base import BaseDatabaseWrapper

# So long a batch takes at most (``matching.worker``).
LONG_S: Final = 2.0
HOLDERS_TOLD_MAX: Final = 10

_HOLDERS: Final = """
SELECT coalesce(l.pid, 0), l.virtualtransaction,
    coalesce(a.application_name, ''), coalesce(a.usename, ''), coalesce(a.state, ''),
    array_agg(DISTINCT c.relname::text ORDER BY c.relname::text)
FROM pg_locks l
JOIN pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'p')
JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2
"""


class Holder(msgspec.Struct, frozen=True):
    """A transaction that holds tables. ``pid`` 0: it was prepared, and no session has it."""

    pid: int
    transaction: str
    application: str
    user: str
    state: str
    tables: list[str]

    def text(self) -> str:
        """Say who it is, as an operator looks for it."""
        who = f"session {self.pid}" if self.pid else f"a prepared transaction ({self.transaction})"
        told = ", ".join(word for word in (self.user, self.application, self.state) if word)
        return f"{who}{f' ({told})' if told else ''} holds {', '.join(self.tables)}"


# By session and transaction.
Holders = dict[tuple[int, str], Holder]


def holders(connection: BaseDatabaseWrapper) -> Holders:
    """Return which transactions hold tables of ours now."""
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS)
        found = [Holder(*row) for row in cursor.fetchall()]
    return {(one.pid, one.transaction): one for one in found}


def still_there(before: Holders, now: Holders) -> list[Holder]:
    """Return whoever of those before holds tables still, by the same transaction."""
    return [one for key, one in before.items() if key in now][:HOLDERS_TOLD_MAX]


def long_holders(connection: BaseDatabaseWrapper, *, pause_s: float = LONG_S) -> list[Holder]:
    """Return who holds tables for longer than ``pause_s``, which this takes."""
    before = holders(connection)
    if not before:
        return []
    time.sleep(pause_s)  # what is measured
    return still_there(before, holders(connection))
