"""Rows of the marks from which orders trail."""

from collections.abc import Mapping
from typing import Any, Final

from psycopg import Connection

from matching.engine.rules import Reference, TrailMark
from matching.markets.terms import MarketTerms
from matching.models import TrailMark as TrailRow
from matching.rows.orders import ticks_of
from zavora.foundation.rows import RowCounts, array_text, array_text_quoted

# Market, the price looked at, whether it is waited for to rise, and the first order's number.
TrailName = tuple[int, Reference, bool, int]

_TABLE: Final = TrailRow._meta.db_table
TRAILS: Final = (
    f"SELECT market_id, reference, rises, number, price::text FROM {_TABLE}"
    " WHERE market_id = ANY(%s) ORDER BY market_id, reference, rises, number"
)
_SET: Final = (
    f"INSERT INTO {_TABLE} (market_id, reference, rises, number, price) SELECT *"
    " FROM unnest(%s::bigint[], %s::text[], %s::boolean[], %s::bigint[], %s::numeric[])"
    " ON CONFLICT (market_id, reference, rises, number) DO UPDATE SET price = EXCLUDED.price"
)
_CLEAR: Final = (
    f"DELETE FROM {_TABLE} t USING unnest(%s::bigint[], %s::text[], %s::boolean[], %s::bigint[])"
    " AS w(market_id, reference, rises, number) WHERE t.market_id = w.market_id"
    " AND t.reference = w.reference AND t.rises = w.rises AND t.number = w.number"
)


def write_trails(
    connection: "Connection[Any]", trails: Mapping[TrailName, str | None], counts: RowCounts
) -> None:
    """Write the marks as of the batch's end; None: their rows go, if there are any."""
    stand = {name: price for name, price in trails.items() if price is not None}
    gone = [name for name, price in trails.items() if price is None]
    if stand:
        counts.execute(
            connection,
            _SET,
            (*_names(stand), array_text(stand.values())),
            rows=len(stand),
            what="trails",
        )
    if gone:
        # One that was made and left in the same batch has no row.
        connection.execute(_CLEAR, _names(gone))


def trail_of(row: tuple[int, Reference, bool, int, str], terms: MarketTerms) -> TrailMark:
    """Return a row of ``TRAILS`` as the engine takes it; raise InvariantBroken."""
    return TrailMark(row[1], row[2], row[3], ticks_of(row[4], terms))


def _names(names: "Mapping[TrailName, str] | list[TrailName]") -> tuple[str, str, str, str]:
    return (
        array_text(name[0] for name in names),
        array_text_quoted(name[1] for name in names),
        array_text(name[2] for name in names),
        array_text(name[3] for name in names),
    )
