"""Writes of the market data service: candles, exactly once for each committed trade."""

from typing import Final

import structlog
from django.db import connection, transaction

from marketdata.candles import CandlePart, parts_of
from marketdata.models import Candle, CandleProgress
from marketdata.selectors import candle_state, get_candle_progress, moment
from marketdata.states import CandleState
from matching.feed_reads import list_trades_after
from matching.terms import MarketTerms
from zavora.errors import InvariantBroken
from zavora.money import SCALE_MAX, units_to_decimal

# How many trades one transaction counts.
TRADES_PER_STEP_MAX: Final = 10_000

log = structlog.get_logger(__name__)


class CountedElsewhere(Exception):
    """Another process has counted the same trades first; nothing was written."""


def count_trades(terms: MarketTerms, *, trades_max: int = TRADES_PER_STEP_MAX) -> list[CandleState]:
    """Count a market's next committed trades into its candles; return the candles that changed.

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
        return [candle_state(row, terms) for row in _upsert(terms.market_id, parts)]


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


# Trades come in sequence, so what is in the table is earlier than what is added.
_UPSERT: Final = (
    f"INSERT INTO {_TABLE} AS known ({_quoted(_COLUMNS)})"
    f" SELECT * FROM unnest({', '.join(f'%s::{name}[]' for name in _TYPES)})"
    " ON CONFLICT (market_id, interval, open_time) DO UPDATE SET"
    " high = greatest(known.high, EXCLUDED.high),"
    " low = least(known.low, EXCLUDED.low),"
    " close = EXCLUDED.close,"
    " volume = known.volume + EXCLUDED.volume,"
    " quote_volume = known.quote_volume + EXCLUDED.quote_volume,"
    " taker_buy_volume = known.taker_buy_volume + EXCLUDED.taker_buy_volume,"
    " taker_buy_quote_volume = known.taker_buy_quote_volume + EXCLUDED.taker_buy_quote_volume,"
    " trades = known.trades + EXCLUDED.trades,"
    " last_trade_sequence = EXCLUDED.last_trade_sequence"
    f" RETURNING {_quoted(_COLUMNS, 'known.')}"
)


def _upsert(market_id: int, parts: list[CandlePart]) -> list[Candle]:
    rows = [
        (
            market_id,
            part.interval,
            moment(part.open_us),
            *(units_to_decimal(getattr(part, name), SCALE_MAX) for name in _COLUMNS[3:11]),
            part.trades,
            part.first_trade_sequence,
            part.last_trade_sequence,
        )
        for part in parts
    ]
    with connection.cursor() as cursor:
        cursor.execute(_UPSERT, [list(column) for column in zip(*rows, strict=True)])
        changed = cursor.fetchall()
    if len(changed) != len(parts):
        raise InvariantBroken(f"{len(parts)} candles to write, {len(changed)} written")
    return [Candle(**dict(zip(_COLUMNS, row, strict=True))) for row in changed]
