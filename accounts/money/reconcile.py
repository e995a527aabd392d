"""Does the money add up? Questions to the tables that have no answer as long as it does.

All run on the caller's cursor, in its snapshot, as aggregates that read each table once. Each
check returns at most ``BREAKS_MAX`` breaks, so that a report stays readable in a disaster.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec
import structlog
from django.db import DatabaseError
from django.db.backends.utils import CursorWrapper
from psycopg.pq import TransactionStatus

from accounts.models import (
    Account,
    Asset,
    Balance,
    Deposit,
    LedgerEntry,
    LedgerTransaction,
    Transfer,
    Withdrawal,
)
from accounts.money.reconcile_portfolios import costs_not_made, quantities_not_posted
from zavora.foundation.partitions.selectors import archived_below, whole_tables

BREAKS_MAX: Final = 100

log = structlog.get_logger(__name__)

# Table names, never data: what the statements below are made of.
_NAMES: Final = {
    "account": Account._meta.db_table,
    "asset": Asset._meta.db_table,
    "balance": Balance._meta.db_table,
    "deposit": Deposit._meta.db_table,
    "entry": LedgerEntry._meta.db_table,
    "transaction": LedgerTransaction._meta.db_table,
    "transfer": Transfer._meta.db_table,
    "withdrawal": Withdrawal._meta.db_table,
}


class Break(msgspec.Struct, frozen=True):
    """One thing that does not add up. ``where`` names account, asset, order, trade or market."""

    check: str
    where: dict[str, str]
    expected: str
    found: str

    def text(self) -> str:
        """Return the break as one readable line."""
        where = ", ".join(f"{name} {value}" for name, value in self.where.items())
        return f"{self.check}: {where}: expected {self.expected}, found {self.found}"


class Hold(msgspec.Struct, frozen=True):
    """What the open orders of an account lock of an asset."""

    account_id: int
    asset_id: int
    amount: Decimal


def plain(value: object) -> str:
    """Return a figure from the database without an exponent and without idle zeros."""
    if not isinstance(value, Decimal) or not value.is_finite():
        return "nothing" if value is None else str(value)
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def names_in(cursor: CursorWrapper, names: Mapping[str, str]) -> dict[str, str]:
    """Return what statements are made of: tables with all rows there are, and ``low``.

    Ids below ``low`` are, or were, in some table that has left for an archive: what must agree
    between tables was held together before, and cannot be again. ``carried``: the entries, and what
    those in archives came to.
    """
    whole = whole_tables(cursor)
    found = {name: whole.get(table.strip('"'), table) for name, table in names.items()}
    found["low"] = str(archived_below(cursor))
    found["carried"] = (
        f"(SELECT account_id, asset_id, amount FROM {found['entry']} AS here UNION ALL"
        " SELECT account_id, asset_id, amount FROM zavora_archived_sum)"
    )
    return found


def _rows(cursor: CursorWrapper, statement: str, *params: Any) -> list[tuple[Any, ...]]:
    statement = statement.format(**names_in(cursor, _NAMES))
    cursor.execute(f"{statement} LIMIT {BREAKS_MAX}", params)
    return list(cursor.fetchall())


def find_breaks(cursor: CursorWrapper, holds: Iterable[Hold]) -> list[Break]:
    """Return all breaks of ledger, balances, deposits, withdrawals and transfers.

    ``holds`` is what open orders lock, one per account and asset, from the same snapshot.
    """
    held = list(holds)
    return [
        *checked(cursor, _entries_not_zero),
        *checked(cursor, _assets_not_zero),
        *checked(cursor, _transactions_and_entries_alone),
        *checked(cursor, _balances_not_their_entries),
        *checked(cursor, _impossible_figures),
        *checked(cursor, _locked_not_held, held),
        *checked(cursor, _movements_not_in_ledger),
        *checked(cursor, _transfers_not_in_ledger),
        *checked(cursor, _ledger_without_transfer),
        *checked(cursor, _portfolios_not_counted),
    ]


def checked(
    cursor: CursorWrapper, check: Callable[..., list[Break]], *arguments: object
) -> list[Break]:
    """Return what a check finds; one that cannot be made is a break itself and stops no other."""
    # What fails after a savepoint leaves the transaction, and its snapshot, usable.
    in_transaction = cursor.connection.info.transaction_status != TransactionStatus.IDLE
    if in_transaction:
        cursor.execute("SAVEPOINT checked")
    try:
        found = check(cursor, *arguments)
    except (DatabaseError, ValueError, ArithmeticError) as error:
        if cursor.connection.broken:
            raise
        if in_transaction:
            cursor.execute("ROLLBACK TO SAVEPOINT checked")
        log.exception("check_not_made", check=check.__name__)
        name = check.__name__.strip("_").replace("_", " ")
        return [Break("check can be made", {"check": name}, "an answer", type(error).__name__)]
    if in_transaction:
        cursor.execute("RELEASE SAVEPOINT checked")
    return found


def _entries_not_zero(cursor: CursorWrapper) -> list[Break]:
    rows = _rows(
        cursor,
        "SELECT e.transaction_id, coalesce(a.code, e.asset_id::text), sum(e.amount)"
        " FROM {entry} e LEFT JOIN {asset} a ON a.id = e.asset_id"
        " WHERE e.transaction_id >= {low}"
        " GROUP BY e.transaction_id, e.asset_id, a.code HAVING sum(e.amount) <> 0",
    )
    return [
        Break(
            "ledger transaction sums to zero",
            {"transaction": str(transaction_id), "asset": code},
            "0",
            plain(total),
        )
        for transaction_id, code, total in rows
    ]


def _assets_not_zero(cursor: CursorWrapper) -> list[Break]:
    rows = _rows(
        cursor,
        "SELECT coalesce(a.code, e.asset_id::text), sum(e.amount)"
        " FROM {carried} e LEFT JOIN {asset} a ON a.id = e.asset_id"
        " GROUP BY e.asset_id, a.code HAVING sum(e.amount) <> 0",
    )
    return [
        Break("ledger sums to zero per asset", {"asset": code}, "0", plain(total))
        for code, total in rows
    ]


def _transactions_and_entries_alone(cursor: CursorWrapper) -> list[Break]:
    without_entries = _rows(
        cursor,
        "SELECT t.id, t.kind, t.reference FROM {transaction} t"
        " WHERE t.id >= {low}"
        " AND NOT EXISTS (SELECT FROM {entry} e WHERE e.transaction_id = t.id)",
    )
    without_transaction = _rows(
        cursor,
        "SELECT e.id, e.transaction_id FROM {entry} e"
        " WHERE e.transaction_id >= {low}"
        " AND NOT EXISTS (SELECT FROM {transaction} t WHERE t.id = e.transaction_id)",
    )
    return [
        Break(
            "ledger transaction has entries",
            {"transaction": str(pk), "kind": kind, "reference": reference},
            "entries",
            "none",
        )
        for pk, kind, reference in without_entries
    ] + [
        Break(
            "ledger entry has its transaction",
            {"entry": str(pk), "transaction": str(transaction_id)},
            "the transaction",
            "none",
        )
        for pk, transaction_id in without_transaction
    ]


def _balances_not_their_entries(cursor: CursorWrapper) -> list[Break]:
    rows = _rows(
        cursor,
        "WITH posted AS ("
        "  SELECT e.account_id, e.asset_id, sum(e.amount) AS total FROM {carried} e"
        "  LEFT JOIN {account} c ON c.id = e.account_id"
        "  WHERE c.kind IS NULL OR c.kind = 'customer' GROUP BY e.account_id, e.asset_id"
        "), kept AS (SELECT account_id, asset_id, available + locked AS total FROM {balance})"
        " SELECT coalesce(c.public_id::text, account_id::text),"
        "  coalesce(a.code, asset_id::text), coalesce(posted.total, 0), coalesce(kept.total, 0)"
        " FROM posted FULL JOIN kept USING (account_id, asset_id)"
        " LEFT JOIN {account} c ON c.id = account_id LEFT JOIN {asset} a ON a.id = asset_id"
        " WHERE coalesce(posted.total, 0) <> coalesce(kept.total, 0)",
    )
    return [
        Break(
            "balance is the sum of its entries",
            {"account": account, "asset": code},
            plain(posted),
            plain(kept),
        )
        for account, code, posted, kept in rows
    ]


def _impossible_figures(cursor: CursorWrapper) -> list[Break]:
    # NaN sorts above every number, so one comparison finds it together with what is too large.
    balances = _rows(
        cursor,
        "SELECT c.public_id::text, a.code, b.available, b.locked FROM {balance} b"
        " JOIN {account} c ON c.id = b.account_id JOIN {asset} a ON a.id = b.asset_id"
        " WHERE b.available < 0 OR b.locked < 0 OR b.available >= 1e20 OR b.locked >= 1e20"
        "  OR c.kind <> 'customer'",
    )
    entries = _rows(
        cursor,
        "SELECT id, amount FROM {entry} WHERE amount >= 1e20 OR amount <= -1e20 OR amount = 0",
    )
    return [
        Break(
            "balance is possible",
            {"account": account, "asset": code},
            "a customer's, finite and not negative",
            f"available {plain(available)}, locked {plain(locked)}",
        )
        for account, code, available, locked in balances
    ] + [
        Break("ledger entry is possible", {"entry": str(pk)}, "finite, not zero", plain(amount))
        for pk, amount in entries
    ]


def _locked_not_held(cursor: CursorWrapper, holds: list[Hold]) -> list[Break]:
    rows = _rows(
        cursor,
        "WITH held AS ("
        "  SELECT account_id, asset_id, sum(amount) AS total FROM ("
        "    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::numeric[])"
        "      AS orders(account_id, asset_id, amount)"
        "    UNION ALL SELECT account_id, asset_id, amount FROM {withdrawal}"
        "      WHERE state IN ('pending', 'approved')) AS both_kinds GROUP BY account_id, asset_id"
        "), kept AS (SELECT account_id, asset_id, locked AS total FROM {balance})"
        " SELECT coalesce(c.public_id::text, account_id::text),"
        "  coalesce(a.code, asset_id::text), coalesce(held.total, 0), coalesce(kept.total, 0)"
        " FROM held FULL JOIN kept USING (account_id, asset_id)"
        " LEFT JOIN {account} c ON c.id = account_id LEFT JOIN {asset} a ON a.id = asset_id"
        " WHERE coalesce(held.total, 0) <> coalesce(kept.total, 0)",
        [hold.account_id for hold in holds],
        [hold.asset_id for hold in holds],
        [hold.amount for hold in holds],
    )
    return [
        Break(
            "locked is what open orders and pending withdrawals hold",
            {"account": account, "asset": code},
            plain(held),
            plain(kept),
        )
        for account, code, held, kept in rows
    ]


def _movements_not_in_ledger(cursor: CursorWrapper) -> list[Break]:
    breaks: list[Break] = []
    for table, kind, final_state, sign in (
        ("{deposit}", "deposit", "credited", ""),
        ("{withdrawal}", "withdrawal", "settled", "-"),
    ):
        rows = _rows(
            cursor,
            "SELECT m.id, c.public_id::text, a.code,"
            f" CASE WHEN m.state = %s THEN {sign}m.amount ELSE 0 END, posted.total"
            f" FROM {table} m JOIN {{account}} c ON c.id = m.account_id"
            " JOIN {asset} a ON a.id = m.asset_id"
            " LEFT JOIN (SELECT transaction_id, account_id, asset_id, sum(amount) AS total"
            "   FROM {entry} WHERE kind = %s GROUP BY transaction_id, account_id, asset_id"
            " ) AS posted ON posted.transaction_id = m.transaction_id"
            "   AND posted.account_id = m.account_id AND posted.asset_id = m.asset_id"
            " WHERE coalesce(m.transaction_id, {low}) >= {low}"
            f" AND CASE WHEN m.state = %s THEN {sign}m.amount ELSE 0 END"
            "   <> coalesce(posted.total, 0)",
            final_state,
            kind,
            final_state,
        )
        breaks += [
            Break(
                f"{kind} is in the ledger",
                {kind: str(pk), "account": account, "asset": code},
                plain(expected),
                plain(found),
            )
            for pk, account, code, expected, found in rows
        ]
    return breaks


def _transfers_not_in_ledger(cursor: CursorWrapper) -> list[Break]:
    rows = _rows(
        cursor,
        "WITH posted AS ("
        "  SELECT transaction_id, account_id, asset_id, sum(amount) AS total FROM {entry}"
        "  WHERE kind = 'transfer' GROUP BY transaction_id, account_id, asset_id)"
        " SELECT t.public_id::text, a.code, t.amount, taken.total, given.total"
        " FROM {transfer} t JOIN {asset} a ON a.id = t.asset_id"
        " LEFT JOIN posted taken ON taken.transaction_id = t.transaction_id"
        "  AND taken.account_id = t.from_account_id AND taken.asset_id = t.asset_id"
        " LEFT JOIN posted given ON given.transaction_id = t.transaction_id"
        "  AND given.account_id = t.to_account_id AND given.asset_id = t.asset_id"
        " WHERE t.transaction_id >= {low} AND"
        "  (coalesce(taken.total, 0) <> -t.amount OR coalesce(given.total, 0) <> t.amount)",
    )
    return [
        Break(
            "transfer is in the ledger",
            {"transfer": public_id, "asset": code},
            f"{plain(-amount)} and {plain(amount)}",
            f"{plain(taken)} and {plain(given)}",
        )
        for public_id, code, amount, taken, given in rows
    ]


def _ledger_without_transfer(cursor: CursorWrapper) -> list[Break]:
    # Its entries are the transfer's two and no more: those of others would be somebody's loss.
    rows = _rows(
        cursor,
        "SELECT x.id, x.reference, count(e.id), count(t.id) FROM {transaction} x"
        " LEFT JOIN {transfer} t ON t.transaction_id = x.id"
        " LEFT JOIN {entry} e ON e.transaction_id = x.id"
        " WHERE x.kind = 'transfer' AND x.id >= {low}"
        " GROUP BY x.id, x.reference HAVING count(t.id) = 0 OR count(e.id) <> 2",
    )
    return [
        Break(
            "ledger transaction is a transfer's",
            {"transaction": str(pk), "reference": reference},
            "a transfer, and two entries",
            f"{'a' if transfers else 'no'} transfer, and {entries} entries",
        )
        for pk, reference, entries, transfers in rows
    ]


def _portfolios_not_counted(cursor: CursorWrapper) -> list[Break]:
    return [
        Break(
            "portfolio has what the ledger gave",
            {"account": account, "asset": code},
            plain(posted),
            plain(held),
        )
        for account, code, posted, held in quantities_not_posted(cursor, BREAKS_MAX)
    ] + [
        Break(
            "portfolio's cost is what came in and what was realised",
            {"account": account},
            plain(made),
            plain(cost),
        )
        for account, made, cost in costs_not_made(cursor, BREAKS_MAX)
    ]
