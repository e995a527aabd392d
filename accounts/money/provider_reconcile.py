"""Does a provider's statement agree with the ledger? Row by row, and the other way round.

The statement's rows go into a temporary table, some at a time, so neither side is ever held in
memory; one snapshot answers for the exchange. Nothing is written that stays.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, Final

import msgspec
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from accounts.models import Asset, Deposit, LedgerTransaction, Payout, Withdrawal
from accounts.providers.statements import Row

ROWS_AT_A_TIME: Final = 2_000
# Of each check; how many there are altogether is counted.
DIFFERENCES_MAX: Final = 100
MISSING_HERE: Final = "missing here"
MISSING_THERE: Final = "missing there"
DIFFERS: Final = "differs"
TWICE: Final = "more than once in the statement"

_TABLE: Final = "statement_rows"
_MAKE: Final = (
    f"CREATE TEMPORARY TABLE {_TABLE} (kind text NOT NULL, reference text NOT NULL,"
    " asset text NOT NULL, amount numeric NOT NULL, at timestamptz NOT NULL) ON COMMIT DROP"
)
# What the ledger has of a provider: credited deposits, and payouts that it paid.
_OURS: Final = (
    " (SELECT 'deposit' AS kind, d.external_reference AS reference, a.code AS asset, d.amount,"
    f" t.created_at AS at FROM {Deposit._meta.db_table} d"
    f" JOIN {Asset._meta.db_table} a ON a.id = d.asset_id"
    f" JOIN {LedgerTransaction._meta.db_table} t ON t.id = d.transaction_id"
    " WHERE d.source = %(provider)s"
    " UNION ALL SELECT 'withdrawal', p.public_id::text, a.code, w.amount, t.created_at"
    f" FROM {Payout._meta.db_table} p JOIN {Withdrawal._meta.db_table} w ON w.id = p.withdrawal_id"
    f" JOIN {Asset._meta.db_table} a ON a.id = w.asset_id"
    f" JOIN {LedgerTransaction._meta.db_table} t ON t.id = w.transaction_id"
    " WHERE p.provider = %(provider)s AND p.state = 'paid') AS ours"
)
_CHECKS: Final = {
    TWICE: (
        "SELECT kind, reference, 'once', count(*)::text || ' times', count(*) OVER ()"
        f" FROM {_TABLE} GROUP BY kind, reference HAVING count(*) > 1"
    ),
    MISSING_HERE: (
        "SELECT s.kind, s.reference, s.amount || ' ' || s.asset, 'nothing', count(*) OVER ()"
        f" FROM {_TABLE} s LEFT JOIN {_OURS} USING (kind, reference) WHERE ours.asset IS NULL"
    ),
    DIFFERS: (
        "SELECT s.kind, s.reference, s.amount || ' ' || s.asset, ours.amount || ' ' || ours.asset,"
        f" count(*) OVER () FROM {_TABLE} s JOIN {_OURS} USING (kind, reference)"
        " WHERE (s.amount, s.asset) <> (ours.amount, ours.asset)"
    ),
    MISSING_THERE: (
        "SELECT ours.kind, ours.reference, 'nothing', ours.amount || ' ' || ours.asset,"
        f" count(*) OVER () FROM {_OURS} LEFT JOIN {_TABLE} s USING (kind, reference)"
        " WHERE s.asset IS NULL AND ours.at >= %(since)s AND ours.at < %(until)s"
    ),
}


class Difference(msgspec.Struct, frozen=True):
    """What does not agree: what the statement has, and what the ledger has."""

    check: str
    kind: str
    reference: str
    statement: str
    ledger: str

    def text(self) -> str:
        """Return the difference as one readable line."""
        found = f"statement {self.statement}, ledger {self.ledger}"
        return f"{self.check}: {self.kind} {self.reference}: {found}"


class Compared(msgspec.Struct, frozen=True):
    """What came of it: rows of the statement, the period, all differences counted, some shown."""

    rows: int
    since: datetime | None
    until: datetime | None
    counts: dict[str, int]
    differences: list[Difference]


def compare_statement(
    rows: Iterable[Row],
    *,
    provider: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Compared:
    """Return how a provider's statement and the ledger differ.

    What the ledger has from ``since`` on and before ``until`` has to be in the statement; by
    default the period is that of its rows, from the first to the last. What the statement has is
    looked for whenever it was. Must not be called inside a transaction. Raises ValidationFailed for
    a bad row.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SET LOCAL enable_nestloop = off")
        cursor.execute(_MAKE)
        count = sum(_write(cursor, batch) for batch in _batches(rows))
        cursor.execute(f"ANALYZE {_TABLE}")
        cursor.execute(f"SELECT min(at), max(at) + interval '1 microsecond' FROM {_TABLE}")
        first, last = cursor.fetchone()
        since, until = since or first, until or last
        period = {"provider": provider, "since": since, "until": until}
        differences: list[Difference] = []
        counts: dict[str, int] = {}
        for check, statement in _CHECKS.items():
            found, counts[check] = _ask(cursor, check, statement, period)
            differences += found
    return Compared(count, since, until, counts, differences)


def _batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, ROWS_AT_A_TIME)):
        yield batch


def _write(cursor: CursorWrapper, batch: list[Row]) -> int:
    names = ("kind", "reference", "asset", "amount", "time")
    cursor.execute(
        f"INSERT INTO {_TABLE} SELECT * FROM unnest(%s::text[], %s::text[], %s::text[],"
        " %s::numeric[], %s::timestamptz[])",
        [[getattr(row, name) for row in batch] for name in names],
    )
    return len(batch)


def _ask(
    cursor: CursorWrapper, check: str, statement: str, period: dict[str, Any]
) -> tuple[list[Difference], int]:
    cursor.execute(f"{statement} ORDER BY 1, 2 LIMIT {DIFFERENCES_MAX}", period)
    found = cursor.fetchall()
    shown = [
        Difference(check, kind, reference, _figure(there), _figure(here))
        for kind, reference, there, here, _ in found
    ]
    return shown, found[0][4] if found else 0


def _figure(text: str) -> str:
    """Return an amount with its asset without idle zeros."""
    amount, _, asset = text.partition(" ")
    if not asset or asset == "times":
        return text
    return f"{_plain(amount)} {asset}"


def _plain(amount: str) -> str:
    return amount.rstrip("0").rstrip(".") if "." in amount else amount
