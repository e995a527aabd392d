"""Rows of markets: their rules, written by the worker alone, and their counters."""

from datetime import datetime
from typing import Any, Final

import msgspec
from psycopg import Connection

from matching.engine.market import Market as EngineMarket
from matching.markets.terms import RULES, AssetTerms, MarketRules, MarketTerms, build_terms
from matching.models import Market, MarketState
from zavora.foundation.rows import RowCounts
from zavora.foundation.times import moment_of

_MARKET: Final = Market._meta.db_table
_STATE: Final = MarketState._meta.db_table

MARKETS: Final = (
    f"SELECT id, symbol, shard_id, base_id, quote_id, {', '.join(RULES)} FROM {_MARKET}"
    f" WHERE shard_id = %s AND handover_id IS NULL AND id IN (SELECT market_id FROM {_STATE})"
    " ORDER BY id"
)
# One that another shard let go to this one by that handover, and that nobody has adopted yet.
HANDED_MARKET: Final = (
    f"SELECT id, symbol, shard_id, base_id, quote_id, {', '.join(RULES)} FROM {_MARKET}"
    " WHERE shard_id = %s AND handover_id = %s"
)
STATES: Final = (
    "SELECT market_id, event_sequence, depth_sequence, trade_sequence, last_price::text,"
    " trigger_sequence, static_price::text,"
    " (extract(epoch FROM auction_ends_at) * 1000000)::bigint"
    f" FROM {_STATE} WHERE market_id = ANY(%s)"
)
_WRITE_STATES: Final = (
    f"INSERT INTO {_STATE} (market_id, event_sequence, depth_sequence, trade_sequence,"
    " last_price, trigger_sequence, static_price, auction_ends_at) SELECT * FROM"
    " unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], %s::numeric[],"
    " %s::bigint[], %s::numeric[], %s::timestamptz[]) ON CONFLICT (market_id) DO UPDATE"
    " SET event_sequence = EXCLUDED.event_sequence, depth_sequence = EXCLUDED.depth_sequence,"
    " trade_sequence = EXCLUDED.trade_sequence, last_price = EXCLUDED.last_price,"
    " trigger_sequence = EXCLUDED.trigger_sequence, static_price = EXCLUDED.static_price,"
    " auction_ends_at = EXCLUDED.auction_ends_at"
)


class MarketCounters(msgspec.Struct, frozen=True):
    """A market's counters, last price and auction right after the batch."""

    depth_sequence: int
    trade_sequence: int
    last_price: str | None
    trigger_sequence: int = 0
    static_price: str | None = None
    auction_ends_us: int | None = None


def counters_of(market: EngineMarket, terms: MarketTerms) -> MarketCounters:
    """Return the counters of a market as the engine has it."""
    last, static, ends_us = market.last_price_ticks, market.static_ticks, market.auction_ends_us
    return MarketCounters(
        market.depth_sequence,
        market.trade_sequence,
        None if last is None else terms.price_text(last),
        market.triggers.sequence,
        None if static is None else terms.price_text(static),
        ends_us,
    )


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


def write_market(
    connection: "Connection[Any]", terms: MarketTerms, time_text: str, counts: RowCounts
) -> None:
    """Write a market's row: this worker is the only one that may, while the market is its own."""
    figures = {
        "symbol": terms.symbol,
        "base_id": terms.base.asset_id,
        "quote_id": terms.quote.asset_id,
        "shard_id": terms.shard_id,
        **{name: getattr(terms.rules, name) for name in RULES},
        "updated_at": time_text,
    }
    columns = ", ".join(figures)
    counts.execute(
        connection,
        f"INSERT INTO {_MARKET} (id, created_at, {columns})"
        f" VALUES (%s, %s, {', '.join(['%s'] * len(figures))}) ON CONFLICT (id) DO UPDATE SET "
        + ", ".join(f"{column} = EXCLUDED.{column}" for column in figures)
        + f" WHERE {_MARKET}.shard_id = EXCLUDED.shard_id AND {_MARKET}.handover_id IS NULL",
        (terms.market_id, time_text, *figures.values()),
        rows=1,
        what="markets",
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
            [counters.static_price for _, _, counters in states],
            [_moment(counters.auction_ends_us) for _, _, counters in states],
        ),
        rows=len(states),
        what="market states",
    )


def _moment(time_us: int | None) -> datetime | None:
    return None if time_us is None else moment_of(time_us)
