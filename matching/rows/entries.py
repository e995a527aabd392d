"""Rows of the ledger's entries that trades make, and prevented ones that moved something."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from zavora.foundation.money import units_to_text
from zavora.foundation.rows import NULL


class EntryRow(msgspec.Struct, frozen=True, gc=False):
    """A ledger entry of a trade, or of one that was prevented, whichever ``trade_id`` is.

    Its id and the balance after it are known at settlement.
    """

    trade_id: int
    account_id: int
    asset_id: int
    kind: str
    units: int


def entry_row(
    entry_id: int, entry: EntryRow, *, scale: int, total_units: int | None, time_text: str
) -> str:
    """Return an entry's COPY row; ``total_units`` is its balance's total after it, None: untold."""
    after = NULL if total_units is None else units_to_text(total_units, scale)
    return (
        f"{entry_id}\t{entry.trade_id}\t{entry.account_id}\t{entry.asset_id}\t{entry.kind}"
        f"\t{entry.units}e-{scale}\t{after}\t{time_text}"
    )


# What is compared of an entry: account, asset, kind, amount.
ComparedEntry = tuple[int, int, str, Decimal]


def compared_entries(entries: Iterable[EntryRow], scales: Mapping[int, int]) -> list[ComparedEntry]:
    """Return entries as ``accounts.money.ledger.read_entries`` reads them, sorted."""
    return sorted(
        (
            entry.account_id,
            entry.asset_id,
            entry.kind,
            Decimal(entry.units).scaleb(-scales[entry.asset_id]),
        )
        for entry in entries
    )
