"""Rows of what protects the quotes of accounts, and of what was counted of their fills."""

from collections.abc import Mapping
from typing import Any, Final

from psycopg import Connection

from matching.engine.rules import Protection
from matching.markets.terms import MarketTerms
from matching.models import Protection as ProtectionRow
from matching.rows.orders import lots_of
from matching.wire import ProtectionState
from zavora.foundation.money import format_decimal
from zavora.foundation.rows import RowCounts, array_text, array_text_quoted
from zavora.foundation.times import moment_of

# Market and account.
ProtectionName = tuple[int, int]
Protections = Mapping[ProtectionName, tuple[Protection | None, MarketTerms]]

_TABLE: Final = ProtectionRow._meta.db_table
PROTECTIONS: Final = (
    "SELECT market_id, account_id, fills_max, quantity_max::text, window_ms,"
    " (extract(epoch FROM began_at) * 1000000)::bigint, fills, quantity::text, is_tripped"
    f" FROM {_TABLE} WHERE market_id = ANY(%s) ORDER BY market_id, account_id"
)
_SET: Final = (
    f"INSERT INTO {_TABLE} (market_id, account_id, fills_max, quantity_max, window_ms, began_at,"
    " fills, quantity, is_tripped) SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::integer[],"
    " %s::numeric[], %s::integer[], %s::timestamptz[], %s::integer[], %s::numeric[],"
    " %s::boolean[]) ON CONFLICT (account_id, market_id) DO UPDATE SET"
    " fills_max = EXCLUDED.fills_max, quantity_max = EXCLUDED.quantity_max,"
    " window_ms = EXCLUDED.window_ms, began_at = EXCLUDED.began_at, fills = EXCLUDED.fills,"
    " quantity = EXCLUDED.quantity, is_tripped = EXCLUDED.is_tripped"
)
_CLEAR: Final = (
    f"DELETE FROM {_TABLE} p USING unnest(%s::bigint[], %s::bigint[]) AS w(market_id, account_id)"
    " WHERE p.market_id = w.market_id AND p.account_id = w.account_id"
)


def write_protections(
    connection: "Connection[Any]", protections: Protections, counts: RowCounts
) -> None:
    """Write protections as of the batch's end; None: their rows go, if there are any."""
    stand = [
        (*name, protection, terms)
        for name, (protection, terms) in protections.items()
        if protection is not None
    ]
    gone = [name for name, (protection, _) in protections.items() if protection is None]
    if stand:
        columns = zip(*(_row(*stands) for stands in stand), strict=True)
        began, *others = (list(column) for column in columns)
        counts.execute(
            connection,
            _SET,
            (*map(array_text, others[:5]), array_text_quoted(began), *map(array_text, others[5:])),
            rows=len(stand),
            what="protections",
        )
    if gone:
        # One that was set and taken away in the same batch has no row.
        connection.execute(
            _CLEAR, (array_text(name[0] for name in gone), array_text(name[1] for name in gone))
        )


def _row(
    market_id: int, account_id: int, protection: Protection, terms: MarketTerms
) -> tuple[str, ...]:
    """Return when the window began, then the other columns in their order."""
    lots_max = protection.lots_max
    return (
        moment_of(protection.began_us).isoformat(),
        str(market_id),
        str(account_id),
        "NULL" if protection.fills_max is None else str(protection.fills_max),
        "NULL" if lots_max is None else terms.quantity_text(lots_max),
        str(protection.window_us // 1_000),
        str(protection.fills),
        terms.quantity_text(protection.lots),
        str(protection.is_tripped),
    )


def protection_of(row: tuple[Any, ...], terms: MarketTerms) -> tuple[int, Protection]:
    """Return a row of ``PROTECTIONS`` as the engine takes it; raise InvariantBroken."""
    return row[1], Protection(
        row[2],
        None if row[3] is None else lots_of(row[3], terms),
        row[4] * 1_000,
        row[5],
        row[6],
        lots_of(row[7], terms),
        row[8],
    )


def protection_state(protection: Protection, terms: MarketTerms) -> ProtectionState:
    """Return a protection as replies carry it."""
    lots_max = protection.lots_max
    return ProtectionState(
        protection.fills_max,
        None if lots_max is None else terms.quantity_text(lots_max),
        protection.window_us // 1_000,
        protection.is_tripped,
    )


def state_of_row(row: ProtectionRow, terms: MarketTerms) -> ProtectionState:
    """Return a row of the table as replies carry it."""
    quantity_max = row.quantity_max
    return ProtectionState(
        row.fills_max,
        None if quantity_max is None else format_decimal(quantity_max, terms.lot_decimals),
        row.window_ms,
        row.is_tripped,
    )
