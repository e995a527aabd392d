"""Rows of markets: their rules, written by the worker alone, and their counters."""

from typing import Any, Final

import msgspec
from psycopg import Connection, Cursor

from matching.markets.terms import RULES, AssetTerms, MarketRules, MarketTerms, build_terms
from matching.models import Market, MarketState
from zavora.foundation.rows import RowCounts

_MARKET: Final = Market._meta.db_table
_STATE: Final = MarketState._meta.db_table

MARKETS: Final = (
    f"SELECT id, symbol, shard_id, base_id, quote_id, {', '.join(RULES)} FROM {_MARKET}"
    f" WHERE shard_id = %s AND id IN (SELECT market_id FROM {_STATE}) ORDER BY id"
)
STATES: Final = (
    "SELECT market_id, event_sequence, depth_sequence, trade_sequence, last_price::text,"
    " trigger_sequence"
    f" FROM {_STATE} WHERE market_id = ANY(%s)"
)
_WRITE_STATES: Final = (
    f"INSERT INTO {_STATE} (market_id, event_sequence, depth_sequence, trade_sequence,"
    " last_price, trigger_sequence) SELECT * FROM unnest(%s::bigint[], %s::bigint[],"
    " %s::bigint[], %s::bigint[], %s::numeric[], %s::bigint[]) ON CONFLICT (market_id) DO UPDATE"
    " SET event_sequence = EXCLUDED.event_sequence, depth_sequence = EXCLUDED.depth_sequence,"
    " trade_sequence = EXCLUDED.trade_sequence, last_price = EXCLUDED.last_price,"
    " trigger_sequence = EXCLUDED.trigger_sequence"
)


class MarketCounters(msgspec.Struct, frozen=True):
    """A market's counters and last price right after the batch."""

    depth_sequence: int
    trade_sequence: int
    last_price: str | None
    trigger_sequence: int = 0


def terms_of(row: tuple[Any, ...], assets: dict[int, AssetTerms]) -> MarketTerms:
    """Return a row of ``MARKETS`` as terms. Raises ValidationFailed where they cannot be exact."""
    return build_terms(
        market_id=row[0],
        symbol=row[1],
        shard_id=row[2],
        base=assets[row[3]],
        quote=assets[row[4]],
        rules=MarketRules(*row[5:]),
    )


def write_market(cursor: "Cursor[Any]", terms: MarketTerms, time_text: str) -> None:
    """Write a market's row: this worker is the only one that may."""
    figures = {
        "symbol": terms.symbol,
        "base_id": terms.base.asset_id,
        "quote_id": terms.quote.asset_id,
        "shard_id": terms.shard_id,
        **{name: getattr(terms.rules, name) for name in RULES},
        "updated_at": time_text,
    }
    columns = ", ".join(figures)
    cursor.execute(
        f"INSERT INTO {_MARKET} (id, created_at, {columns})"
        f" VALUES (%s, %s, {', '.join(['%s'] * len(figures))}) ON CONFLICT (id) DO UPDATE SET "
        + ", ".join(f"{column} = EXCLUDED.{column}" for column in figures),
        (terms.market_id, time_text, *figures.values()),
    )


def write_states(
    connection: "Connection[Any]",
    states: list[tuple[int, int, MarketCounters]],
    counts: RowCounts,
) -> None:
    """Write markets' event sequences and counters."""
    if not states:
        return
    counts.execute(
        connection,
        _WRITE_STATES,
        (
            [market_id for market_id, _, _ in states],
            [event_sequence for _, event_sequence, _ in states],
            [counters.depth_sequence for _, _, counters in states],
            [counters.trade_sequence for _, _, counters in states],
            [counters.last_price for _, _, counters in states],
            [counters.trigger_sequence for _, _, counters in states],
        ),
        rows=len(states),
        what="market states",
    )
