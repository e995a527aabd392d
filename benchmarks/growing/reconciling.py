"""Reconcile over cells: each by itself, then pairs of them, read one by one while all goes on.

No snapshot spans two PostgreSQLs, so what is compared holds in whatever order they are read: an
incoming row was begun before it came, and a settled one came before it was settled. The payer's
tables are therefore read before and after the payee's.
"""

from collections.abc import Iterable

from benchmarks.growing.protocol import (
    PAID,
    REFUSED,
    RETURNED,
    SETTLED,
    Cell,
    Row,
    clearing,
    is_clearing,
)


def reconcile_cell(cell: Cell) -> list[str]:
    """Return what does not add up within one cell, read in one snapshot."""
    breaks = []
    sums: dict[str, int] = {}
    by_transaction: dict[str, int] = {}
    for entry in cell.entries:
        sums[entry.account] = sums.get(entry.account, 0) + entry.units
        by_transaction[entry.transaction] = by_transaction.get(entry.transaction, 0) + entry.units
    breaks += [f"{cell.name}: {name} sums to {n}" for name, n in by_transaction.items() if n]
    stored = dict(cell.balances)
    for account in sorted(sums.keys() | stored.keys()):
        if sums.get(account, 0) != stored.get(account, 0):
            breaks.append(f"{cell.name}: balance of {account} is not the sum of its entries")
    breaks += [
        f"{cell.name}: {account} is below zero"
        for account, units in sorted(stored.items())
        if units < 0 and not is_clearing(account) and account != "funding"
    ]
    for account, units in sorted(_expected_clearing(cell).items()):
        if stored.get(account, 0) != units:
            breaks.append(f"{cell.name}: {account} is not what its transfers say")
    return breaks


def _expected_clearing(cell: Cell) -> dict[str, int]:
    """Return what each clearing account must hold, by the rows of transfers."""
    expected = {account: 0 for account, _ in cell.balances if is_clearing(account)}
    for row in cell.outgoing:
        account = clearing(row.transfer.payee_cell)
        expected.setdefault(account, 0)
        if row.state != RETURNED:
            expected[account] += row.transfer.units
    for row in cell.incoming:
        account = clearing(row.transfer.payer_cell)
        expected.setdefault(account, 0)
        if row.state == PAID:
            expected[account] -= row.transfer.units
    return expected


def reconcile_pair(before: Cell, payee: Cell, after: Cell) -> list[str]:
    """Return what contradicts itself between the payer's cell (read twice) and the payee's."""
    breaks = []
    came = _by_key(row for row in payee.incoming if row.transfer.payer_cell == before.name)
    begun = _by_key(row for row in after.outgoing if row.transfer.payee_cell == payee.name)
    for key, row in sorted(came.items()):
        if key not in begun or begun[key].transfer != row.transfer:
            breaks.append(f"{payee.name}: {key} came, and {after.name} did not send it so")
    for row in sorted(before.outgoing):
        if row.transfer.payee_cell != payee.name or row.state not in (SETTLED, RETURNED):
            continue
        needed = PAID if row.state == SETTLED else REFUSED
        found = came.get(row.transfer.key)
        if found is None or found.state != needed:
            breaks.append(f"{before.name}: {row.transfer.key} is {row.state}, not so at its payee")
    return breaks


def _by_key(rows: Iterable[Row]) -> dict[str, Row]:
    return {row.transfer.key: row for row in rows}


def reconcile(cells: Iterable[Cell]) -> list[str]:
    """Return all breaks of cells that stand still."""
    all_cells = list(cells)
    breaks = [text for cell in all_cells for text in reconcile_cell(cell)]
    for payer in all_cells:
        for payee in all_cells:
            if payer.name != payee.name:
                breaks += reconcile_pair(payer, payee, payer)
    return breaks
