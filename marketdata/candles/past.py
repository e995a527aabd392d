"""Public reads of the past, which a replica may answer (ADR 47).

Only what has ended before the replica may be late goes there, and pages of trades that are seen to
have no hole: the answers are those that the primary would give.
"""

from datetime import datetime
from typing import Any

from marketdata.candles.intervals import next_open_us
from marketdata.candles.selectors import (
    list_aggregated_trades,
    list_candles,
    list_gapless_candles,
    list_public_trades,
    list_public_trades_from,
)
from marketdata.wire import AggregatedTrade, CandleState, PublicTrade
from matching.markets.terms import MarketTerms
from zavora.foundation.late_reads import is_past, read_past
from zavora.foundation.times import moment_of


def list_past_candles(
    terms: MarketTerms,
    interval: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 100,
) -> list[CandleState]:
    """Do what ``list_candles`` does."""
    named: dict[str, Any] = {"start": start, "end": end, "limit": limit}
    if not is_past(end):
        return list_candles(terms, interval, **named)
    return read_past(list_candles, terms, interval, is_whole=_have_ended, **named)


def list_past_gapless_candles(
    terms: MarketTerms,
    interval: str,
    *,
    now_us: int,
    start_us: int | None,
    end_us: int | None,
    limit: int,
) -> list[CandleState]:
    """Do what ``list_gapless_candles`` does."""
    named: dict[str, Any] = {
        "now_us": now_us,
        "start_us": start_us,
        "end_us": end_us,
        "limit": limit,
    }
    if not _ends_in_past(end_us):
        return list_gapless_candles(terms, interval, **named)
    return read_past(list_gapless_candles, terms, interval, is_whole=_have_ended, **named)


def list_past_trades(
    terms: MarketTerms, *, before_sequence: int | None, limit: int
) -> list[PublicTrade]:
    """Do what ``list_public_trades`` does."""
    if before_sequence is None:
        return list_public_trades(terms, limit=limit)

    def follow(trades: list[PublicTrade]) -> bool:
        # Sequences have no gaps: where the page does not begin right below, some are missing.
        return bool(trades) and trades[0].sequence == before_sequence - 1

    return read_past(
        list_public_trades, terms, before_sequence=before_sequence, limit=limit, is_whole=follow
    )


def list_past_trades_from(
    terms: MarketTerms, *, from_sequence: int, limit: int
) -> list[PublicTrade]:
    """Do what ``list_public_trades_from`` does."""

    def are_all(trades: list[PublicTrade]) -> bool:
        return len(trades) == limit

    return read_past(
        list_public_trades_from,
        terms,
        from_sequence=from_sequence,
        limit=limit,
        is_whole=are_all,
    )


def list_past_aggregated_trades(
    terms: MarketTerms,
    *,
    from_sequence: int | None,
    start_us: int | None,
    end_us: int | None,
    limit: int,
) -> list[AggregatedTrade]:
    """Do what ``list_aggregated_trades`` does."""
    named: dict[str, Any] = {
        "from_sequence": from_sequence,
        "start_us": start_us,
        "end_us": end_us,
        "limit": limit,
    }
    if not _ends_in_past(end_us):
        return list_aggregated_trades(terms, **named)
    return read_past(list_aggregated_trades, terms, **named)


def _ends_in_past(end_us: int | None) -> bool:
    return end_us is not None and is_past(moment_of(end_us))


def _have_ended(candles: list[CandleState]) -> bool:
    """Tell whether no candle counts trades any more."""
    return all(is_past(moment_of(next_open_us(one.interval, one.open_us))) for one in candles)
