"""The ledger for a batch: the statements by which a matching worker moves money.

All run on the caller's own cursor, inside its transaction, with figures as integers of an asset's
smallest units. The order of locks is part of the contract: whatever a batch changes is locked by
``lock_balances`` in one statement, in id order, rows that are missing having been made before.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from psycopg import Connection, Cursor

from accounts.models import Account, Asset, Balance, LedgerEntry, LedgerTransaction
from accounts.money.balances import AccountFigures, BalanceChange, BalanceKey, LockedBalance
from accounts.notices import BalanceState
from accounts.people.fee_terms import fee_terms_of
from zavora.foundation.errors import InvariantBroken
from zavora.foundation.money import numeric_text_to_units, units_to_text
from zavora.foundation.rows import RowCounts, RowTable, array_text, write_rows

_TRANSACTIONS: Final = RowTable(LedgerTransaction, ("id", "kind", "reference", "created_at"))
_ENTRIES: Final = RowTable(
    LedgerEntry,
    (
        "id",
        "transaction_id",
        "account_id",
        "asset_id",
        "kind",
        "amount",
        "balance_after",
        "created_at",
    ),
)
# A balance of so much or more is nearly full: what comes in has to be counted.
NEARLY_FULL: Final = 10**19
# How many balances' rows are remembered to be there; then the memory begins anew.
THERE_MAX: Final = 100_000
_BALANCE: Final = Balance._meta.db_table
_ACCOUNT: Final = Account._meta.db_table
_ASSET: Final = Asset._meta.db_table
_ENTRY: Final = LedgerEntry._meta.db_table
_KEYS: Final = "unnest(%s::bigint[], %s::bigint[]) AS k(account_id, asset_id)"
_SAME: Final = "b.account_id = k.account_id AND b.asset_id = k.asset_id"
_LOCK_BALANCES: Final = (
    "SELECT b.id, b.account_id, b.asset_id, b.available::text, b.locked::text, b.version"
    f" FROM {_BALANCE} b JOIN {_KEYS} ON {_SAME}"
)
_IF_ALL_THERE: Final = (
    f" WHERE NOT EXISTS (SELECT FROM {_KEYS} LEFT JOIN {_BALANCE} b ON {_SAME} WHERE b.id IS NULL)"
)
_IN_ORDER: Final = " ORDER BY b.id FOR UPDATE OF b"
# In one order, so that of two who make the same rows one waits for the other and not both.
_MAKE_BALANCES: Final = (
    f"INSERT INTO {_BALANCE} (account_id, asset_id, available, locked, version, updated_at)"
    f" SELECT account_id, asset_id, 0, 0, 0, now() FROM {_KEYS}"
    " ORDER BY account_id, asset_id ON CONFLICT (account_id, asset_id) DO NOTHING"
)


def read_assets(cursor: Cursor[Any]) -> list[tuple[int, str, int]]:
    """Return each asset's id, code and scale."""
    cursor.execute(f"SELECT id, code, scale FROM {_ASSET} ORDER BY id")
    return cursor.fetchall()


def read_entries(
    cursor: Cursor[Any], transaction_ids: Sequence[int]
) -> dict[int, list[tuple[int, int, str, Decimal]]]:
    """Return (account id, asset id, kind, amount) of entries, by their transaction."""
    entries: dict[int, list[tuple[int, int, str, Decimal]]] = {}
    if transaction_ids:
        # The range is what the block range index understands.
        cursor.execute(
            f"SELECT transaction_id, account_id, asset_id, kind, amount FROM {_ENTRY}"
            " WHERE transaction_id = ANY(%s) AND transaction_id BETWEEN %s AND %s",
            (list(transaction_ids), min(transaction_ids), max(transaction_ids)),
        )
        for row in cursor.fetchall():
            entries.setdefault(row[0], []).append(row[1:])
    return entries


def ensure_fee_account(cursor: Cursor[Any], shard_id: int) -> None:
    """Make the system account that collects a shard's fees, if there is none."""
    cursor.execute(
        f"INSERT INTO {_ACCOUNT} (public_id, kind, shard_id, label, status, is_demo, created_at,"
        " updated_at) VALUES (gen_random_uuid(), 'fees', %s, %s, 'active', false, now(), now())"
        " ON CONFLICT DO NOTHING",
        (shard_id, f"fees of shard {shard_id}"),
    )


def read_fee_account(cursor: Cursor[Any], shard_id: int) -> int:
    """Return the id of the system account that collects a shard's fees."""
    cursor.execute(f"SELECT id FROM {_ACCOUNT} WHERE kind = 'fees' AND shard_id = %s", (shard_id,))
    row = cursor.fetchone()
    if row is None:
        raise InvariantBroken(f"no fee account for shard {shard_id}")
    return int(row[0])


def ask_accounts(connection: Connection[Any], account_ids: Sequence[int]) -> Cursor[Any]:
    """Ask for customers' accounts and what they have available; ``take_accounts`` reads it.

    Without locks. Asked and taken apart, so that other questions can go on the same way.
    """
    return connection.execute(
        "SELECT a.id, a.status, a.maker_fee_ppm, a.taker_fee_ppm, a.owner_id, b.asset_id,"
        f" b.available::text, b.available + b.locked >= {NEARLY_FULL}, a.fee_terms"
        f" FROM {_ACCOUNT} a LEFT JOIN {_BALANCE} b ON b.account_id = a.id"
        " WHERE a.id = ANY(%s::bigint[]) AND a.kind = 'customer'",
        (array_text(account_ids),),
    )


def take_accounts(
    asked: Cursor[Any], scales: Mapping[int, int]
) -> tuple[dict[int, AccountFigures], dict[BalanceKey, int], set[BalanceKey]]:
    """Return status, fees and owner of accounts, their available balances, and full ones.

    Available is in smallest units, of each asset of ``scales``; a newer asset is traded nowhere
    here yet. The last are the balances that are nearly full, what is locked counted in.
    """
    accounts: dict[int, AccountFigures] = {}
    available: dict[BalanceKey, int] = {}
    nearly_full: set[BalanceKey] = set()
    for row in asked.fetchall():
        account_id, status, maker_ppm, taker_ppm, owner_id, asset_id, text, is_nearly_full, fees = (
            row
        )
        if account_id not in accounts:
            accounts[account_id] = AccountFigures(
                status,
                maker_ppm,
                taker_ppm,
                owner_id or 0,
                None if fees is None else fee_terms_of(fees),
            )
        if asset_id in scales:
            available[account_id, asset_id] = numeric_text_to_units(text, scales[asset_id])
            if is_nearly_full:
                nearly_full.add((account_id, asset_id))
    return accounts, available, nearly_full


def read_totals(
    connection: Connection[Any], keys: Iterable[BalanceKey], scales: Mapping[int, int]
) -> dict[BalanceKey, int]:
    """Return available and locked together of balances, in smallest units, without locks."""
    totals = dict.fromkeys(keys, 0)
    rows = connection.execute(
        f"SELECT b.account_id, b.asset_id, (b.available + b.locked)::text FROM {_BALANCE} b"
        " JOIN unnest(%s::bigint[], %s::bigint[]) AS k(account_id, asset_id)"
        " ON b.account_id = k.account_id AND b.asset_id = k.asset_id",
        (array_text(key[0] for key in totals), array_text(key[1] for key in totals)),
    )
    for account_id, asset_id, text in rows.fetchall():
        totals[account_id, asset_id] = numeric_text_to_units(text, scales[asset_id])
    return totals


def lock_balances(
    cursor: Cursor[Any],
    keys: Iterable[BalanceKey],
    scales: Mapping[int, int],
    there: set[BalanceKey],
) -> dict[BalanceKey, LockedBalance]:
    """Lock the balances of ``keys`` in id order and return them; missing rows are made, at zero.

    Rows are made before any is locked: who waits for a row that somebody else is making holds no
    lock that they may be waiting for (``accounts.money.postings``). ``there`` is the caller's
    memory of rows that were found, and need not be looked for: rows are never deleted.
    """
    wanted = list(keys)
    if there.issuperset(wanted):
        found = _locked(cursor, wanted)
    else:
        found = _locked_if_all_there(cursor, wanted)
        if len(found) == len(wanted):
            # Those only that somebody has committed: what is made here may be rolled back.
            if len(there) > THERE_MAX:
                there.clear()
            there.update(wanted)
    if len(found) < len(wanted):
        cursor.connection.execute(_MAKE_BALANCES, _columns(wanted))
        found = _locked(cursor, wanted)
    if len(found) < len(wanted):
        raise InvariantBroken(f"{len(found)} of {len(wanted)} balances could be locked")
    return {
        (account_id, asset_id): LockedBalance(
            balance_id,
            numeric_text_to_units(available, scales[asset_id]),
            numeric_text_to_units(held, scales[asset_id]),
            version,
        )
        for balance_id, account_id, asset_id, available, held, version in found
    }


_Row = tuple[int, int, int, str, str, int]


def _locked(cursor: Cursor[Any], wanted: Sequence[BalanceKey]) -> list[_Row]:
    statement = _LOCK_BALANCES + _IN_ORDER
    return cursor.connection.execute(statement, _columns(wanted)).fetchall()


def _locked_if_all_there(cursor: Cursor[Any], wanted: Sequence[BalanceKey]) -> list[_Row]:
    """Lock and return the rows of balances; none where one of them is missing."""
    statement = _LOCK_BALANCES + _IF_ALL_THERE + _IN_ORDER
    return cursor.connection.execute(statement, _columns(wanted) * 2).fetchall()


def _columns(keys: Sequence[BalanceKey]) -> tuple[str, str]:
    return array_text(key[0] for key in keys), array_text(key[1] for key in keys)


def write_balances(
    cursor: Cursor[Any],
    changes: Mapping[BalanceKey, BalanceChange],
    locked: Mapping[BalanceKey, LockedBalance],
    scales: Mapping[int, int],
    *,
    time_text: str,
    time_us: int,
    counts: RowCounts,
) -> list[BalanceState]:
    """Apply changes to balances that ``lock_balances`` locked; return how they stand after it.

    The caller checks ``counts`` before it commits.
    """
    ids: list[int] = []
    available: list[str] = []
    held: list[str] = []
    states: list[BalanceState] = []
    for key, change in changes.items():
        row, scale = locked[key], scales[key[1]]
        ids.append(row.balance_id)
        # The row is locked: how it stands afterwards is known without asking.
        states.append(
            BalanceState(
                *key,
                units_to_text(row.available_units + change.available_units, scale),
                units_to_text(row.locked_units + change.locked_units, scale),
                row.version + 1,
                time_us,
            )
        )
        available.append(f"{change.available_units}e-{scale}")
        held.append(f"{change.locked_units}e-{scale}")
    if ids:
        counts.execute(
            cursor.connection,
            f"UPDATE {_BALANCE} b SET available = b.available + d.available,"
            " locked = b.locked + d.locked, version = b.version + 1, updated_at = %s"
            " FROM unnest(%s::bigint[], %s::numeric[], %s::numeric[]) AS d(id, available, locked)"
            " WHERE b.id = d.id",
            (time_text, array_text(ids), array_text(available), array_text(held)),
            rows=len(ids),
            what="balances",
        )
    return states


def copy_ledger(cursor: Cursor[Any], transactions: list[str], entries: list[str]) -> None:
    """Append ledger transactions and their entries, as COPY rows; a trigger checks their sums."""
    write_rows(cursor, _TRANSACTIONS, transactions)
    write_rows(cursor, _ENTRIES, entries)
