"""A statement: opening balances, every entry of the ledger with the balance after it, closing ones.

It ties to the ledger to the last unit, or it is not handed out: for each asset the opening balance
and the entries that stand in it make the closing balance, that is the sum of all that the ledger
had by the end of the period, and with what came since it is the balance of now.
"""

from accounts.reports.selectors import AssetTotals, list_entries, list_totals
from zavora.foundation.money import decimal_to_units, numeric_text_to_units, units_to_text
from zavora.reports.tables import (
    ROWS_MAX,
    About,
    NotTied,
    Pieces,
    Row,
    Rows,
    Table,
    amount,
    head,
    share_done,
)

BALANCES = ("asset", "opening", "entries", "closing")
ENTRIES = ("time", "entry", "transaction", "kind", "reference", "asset", "amount", "balance")


def statement(about: About, page_rows: int = ROWS_MAX) -> Pieces:
    """Yield a statement of an account, ``page_rows`` entries at a time.

    Raises NotTied at its end, or before, where it is wrong.
    """
    totals = list_totals(about.account_pk, about.begin, about.end)
    for one in totals:
        _require(one.total == one.balance, f"the entries of {one.asset} are not its balance")
    yield from head(about)
    yield Table("Balances", BALANCES)
    yield Rows([_balance_row(one) for one in totals if one.opening or one.entries or one.closing])
    yield Table("Entries", ENTRIES)
    yield from _entries(about, totals, page_rows)


def _balance_row(one: AssetTotals) -> Row:
    opening, closing = amount(one.opening, one.scale), amount(one.closing, one.scale)
    return (one.asset, opening, str(one.entries), closing)


def _entries(about: About, totals: list[AssetTotals], page_rows: int) -> Pieces:
    of_asset = {one.asset_id: one for one in totals}
    running = {one.asset_id: decimal_to_units(one.opening, one.scale) for one in totals}
    expected = sum(one.entries for one in totals)
    firsts = [one.first_id for one in totals if one.first_id is not None]
    last_id, found = min(firsts, default=1) - 1, 0
    while found < expected:
        entries = list_entries(
            about.account_pk, about.begin, about.end, after_id=last_id, limit=page_rows
        )
        if not entries:
            break
        rows: list[Row] = []
        for entry in entries:
            asset = of_asset[entry.asset_id]
            units = numeric_text_to_units(entry.amount, asset.scale)
            running[asset.asset_id] = balance = running[asset.asset_id] + units
            rows.append(
                (
                    entry.time,
                    str(entry.id),
                    str(entry.transaction_id),
                    entry.kind,
                    entry.reference,
                    asset.asset,
                    units_to_text(units, asset.scale),
                    units_to_text(balance, asset.scale),
                )
            )
        last_id, found = entries[-1].id, found + len(entries)
        yield Rows(rows, share_done(found, expected))
    _require(found == expected, f"{found} entries of {expected}")
    for one in totals:
        _require_closing(one, running[one.asset_id])


def _require_closing(one: AssetTotals, reached_units: int) -> None:
    _require(
        reached_units == decimal_to_units(one.closing, one.scale),
        f"{one.asset}: opening and entries make {reached_units} units, not {one.closing}",
    )


def _require(is_so: bool, what: str) -> None:
    if not is_so:
        raise NotTied(what)
