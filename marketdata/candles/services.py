"""Writes of the market data service: candles, exactly once for each committed trade."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from django.db import connection, transaction

from marketdata.candles.counting import CandlePart, chained, parts_of, parts_of_interval
from marketdata.candles.selectors import (
    candle_state,
    get_candle_progress,
    get_first_counted,
)
from marketdata.models import Candle, CandleProgress
from marketdata.wire import CandleState
from matching.markets.terms import MarketTerms
from matching.orders.by_sequence import list_trades_after, list_trades_before
from zavora.foundation.errors import InvariantBroken
from zavora.foundation.money import SCALE_MAX, units_to_decimal
from zavora.foundation.times import moment_of

# How many trades one transaction counts.
TRADES_PER_STEP_MAX: Final = 10_000
# Any number that no other user of the database's advisory locks takes.
BACKFILL_LOCK_KEY: Final = 0x5A41_5642_4643

log = structlog.get_logger(__name__)


class CountedElsewhere(Exception):
    """Another process has counted the same trades first; nothing was written."""


def count_trades(terms: MarketTerms, *, trades_max: int = TRADES_PER_STEP_MAX) -> list[CandleState]:
    """Count a market's next committed trades into its candles; return the candles that changed.

    They are ordered by their last trades and chained (``candles.chained``).

    Candles and the sequence they count up to commit together, and the sequence is compared as it
    is set: whoever is interrupted, or raced by another process (CountedElsewhere), changes
    nothing, and every trade counts once. Empty: there was nothing new.
    """
    counted = get_candle_progress(terms.market_id)
    trades = list_trades_after(terms.market_id, after=counted, limit=trades_max)
    if not trades:
        return []
    last = trades[-1].sequence
    if trades[0].sequence != counted + 1 or last != counted + len(trades):
        raise InvariantBroken(f"trades of {terms.symbol} after {counted} have a gap")
    parts = parts_of(trades)
    with transaction.atomic(durable=True):
        _advance(terms.market_id, counted=counted, last=last)
        changed = [candle_state(row, terms) for row in _upsert(terms.market_id, parts)]
    return chained(changed, counted=counted)


def _advance(market_id: int, *, counted: int, last: int) -> None:
    with connection.cursor() as cursor:
        # The row's lock makes a rival wait until this commits; then its comparison fails.
        cursor.execute(
            f"INSERT INTO {CandleProgress._meta.db_table} AS known"
            " (market_id, last_trade_sequence) VALUES (%s, %s)"
            " ON CONFLICT (market_id) DO UPDATE"
            " SET last_trade_sequence = EXCLUDED.last_trade_sequence"
            " WHERE known.last_trade_sequence = %s",
            [market_id, last, counted],
        )
        if cursor.rowcount != 1:
            raise CountedElsewhere(f"market {market_id} after {counted}")


def backfill_candles(
    terms: MarketTerms,
    interval: str,
    *,
    before: int | None = None,
    trades_max: int = TRADES_PER_STEP_MAX,
) -> int:
    """Count the trades before those that an interval's candles count, newest first; one step.

    For an interval that was added when there were trades already. Returns the sequence down to
    which they count now, to be given as ``before`` the next time (None: found by looking at all
    of the interval's candles); 1: nothing is left. New trades may be counted meanwhile, another
    backfill of the interval must not run (``candles_lock``).
    """
    with transaction.atomic(durable=True):
        # While this row is locked, nobody counts new trades.
        progress = CandleProgress.objects.select_for_update().filter(market_id=terms.market_id)
        counted = progress.values_list("last_trade_sequence", flat=True).first() or 0
        if before is None:
            before = get_first_counted(terms.market_id, interval) or counted + 1
        trades = list_trades_before(terms.market_id, before_sequence=before, limit=trades_max)
        if not trades:
            return 1
        if trades[0].sequence != before - 1 or trades[-1].sequence != before - len(trades):
            raise InvariantBroken(f"trades of {terms.symbol} before {before} have a gap")
        parts = parts_of_interval(interval, reversed(trades))
        if len(_write(_PREPEND, terms.market_id, parts)) != len(parts):
            raise InvariantBroken(f"trades of {terms.symbol} before {before} count already")
    return trades[-1].sequence


def forget_candles(terms: MarketTerms, interval: str) -> None:
    """Delete an interval's candles, so that ``backfill_candles`` makes them anew."""
    with transaction.atomic(durable=True):
        list(CandleProgress.objects.select_for_update().filter(market_id=terms.market_id))
        Candle.objects.filter(market_id=terms.market_id, interval=interval).delete()


@contextmanager
def candles_lock() -> Iterator[bool]:
    """Hold the lock of those who backfill; yields False where somebody else holds it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [BACKFILL_LOCK_KEY])
        is_mine = bool(cursor.fetchone()[0])
        try:
            yield is_mine
        finally:
            if is_mine:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [BACKFILL_LOCK_KEY])


_COLUMNS: Final = (
    "market_id",
    "interval",
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "quote_volume",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "trades",
    "first_trade_sequence",
    "last_trade_sequence",
)
_TYPES: Final = ("bigint", "text", "timestamptz", *["numeric"] * 8, "int", "bigint", "bigint")
_TABLE: Final = Candle._meta.db_table


def _quoted(names: tuple[str, ...], prefix: str = "") -> str:
    return ", ".join(f'{prefix}"{name}"' for name in names)


_MERGE: Final = (
    f"INSERT INTO {_TABLE} AS known ({_quoted(_COLUMNS)})"
    f" SELECT * FROM unnest({', '.join(f'%s::{name}[]' for name in _TYPES)})"
    " ON CONFLICT (market_id, interval, open_time) DO UPDATE SET"
    " high = greatest(known.high, EXCLUDED.high),"
    " low = least(known.low, EXCLUDED.low),"
    " volume = known.volume + EXCLUDED.volume,"
    " quote_volume = known.quote_volume + EXCLUDED.quote_volume,"
    " taker_buy_volume = known.taker_buy_volume + EXCLUDED.taker_buy_volume,"
    " taker_buy_quote_volume = known.taker_buy_quote_volume + EXCLUDED.taker_buy_quote_volume,"
    " trades = known.trades + EXCLUDED.trades,"
)
_RETURNING: Final = f" RETURNING {_quoted(_COLUMNS, 'known.')}"
# Trades come in sequence, so what is in the table is earlier than what is added.
_UPSERT: Final = (
    f"{_MERGE} close = EXCLUDED.close, last_trade_sequence = EXCLUDED.last_trade_sequence"
    f"{_RETURNING}"
)
# A backfill adds what is earlier.
_PREPEND: Final = (
    f"{_MERGE} open = EXCLUDED.open, first_trade_sequence = EXCLUDED.first_trade_sequence"
    " WHERE EXCLUDED.last_trade_sequence < known.first_trade_sequence"
    f"{_RETURNING}"
)


def _upsert(market_id: int, parts: list[CandlePart]) -> list[Candle]:
    changed = _write(_UPSERT, market_id, parts)
    if len(changed) != len(parts):
        raise InvariantBroken(f"{len(parts)} candles to write, {len(changed)} written")
    return [Candle(**dict(zip(_COLUMNS, row, strict=True))) for row in changed]


def _write(statement: str, market_id: int, parts: list[CandlePart]) -> list[tuple[object, ...]]:
    """Merge parts into the table; return the rows that were written."""
    rows = [
        (
            market_id,
            part.interval,
            moment_of(part.open_us),
            *(units_to_decimal(getattr(part, name), SCALE_MAX) for name in _COLUMNS[3:11]),
            part.trades,
            part.first_trade_sequence,
            part.last_trade_sequence,
        )
        for part in parts
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(column) for column in zip(*rows, strict=True)])
        return list(cursor.fetchall())
