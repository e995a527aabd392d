"""Reads of candles and public trades."""

from datetime import UTC, datetime, timedelta
from typing import Final

from accounts.notices import microseconds
from marketdata.figures import figure_text
from marketdata.intervals import check_interval
from marketdata.market_view import PublicTrade, trade_of_row
from marketdata.models import Candle, CandleProgress
from marketdata.states import CandleState
from matching.feed_reads import list_trades_before
from matching.terms import MarketTerms

CANDLES_MAX: Final = 1_500
TRADES_MAX: Final = 1_001  # a page of the API and one more, which tells whether there is a next
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def list_candles(
    terms: MarketTerms,
    interval: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 100,
) -> list[CandleState]:
    """Return candles that open in ``start <= open time <= end``, newest first.

    An interval without a trade has no candle: gaps are not filled. Raises ValidationFailed for
    an unknown interval.
    """
    rows = Candle.objects.filter(market_id=terms.market_id, interval=check_interval(interval))
    if start is not None:
        rows = rows.filter(open_time__gte=start)
    if end is not None:
        rows = rows.filter(open_time__lte=end)
    rows = rows.order_by("-open_time")[: min(limit, CANDLES_MAX)]
    return [candle_state(row, terms) for row in rows]


def list_public_trades(
    terms: MarketTerms, *, before_sequence: int | None = None, limit: int = 100
) -> list[PublicTrade]:
    """Return trades below a trade sequence (None: the newest), newest first."""
    rows = list_trades_before(
        terms.market_id, before_sequence=before_sequence, limit=min(limit, TRADES_MAX)
    )
    return [trade_of_row(row, terms) for row in rows]


def get_candle_progress(market_id: int) -> int:
    """Return the last trade sequence that the candles of a market count; 0: none yet."""
    rows = CandleProgress.objects.filter(market_id=market_id)
    return rows.values_list("last_trade_sequence", flat=True).first() or 0


def candle_state(row: Candle, terms: MarketTerms) -> CandleState:
    """Return a candle as texts with the market's decimals."""
    return CandleState(
        market_id=terms.market_id,
        interval=row.interval,
        open_us=microseconds(row.open_time),
        open=figure_text(row.open, terms.tick_decimals),
        high=figure_text(row.high, terms.tick_decimals),
        low=figure_text(row.low, terms.tick_decimals),
        close=figure_text(row.close, terms.tick_decimals),
        volume=figure_text(row.volume, terms.lot_decimals),
        quote_volume=figure_text(row.quote_volume, terms.quote.scale),
        taker_buy_volume=figure_text(row.taker_buy_volume, terms.lot_decimals),
        taker_buy_quote_volume=figure_text(row.taker_buy_quote_volume, terms.quote.scale),
        trades=row.trades,
        first_trade_sequence=row.first_trade_sequence,
        last_trade_sequence=row.last_trade_sequence,
    )


def moment(time_us: int) -> datetime:
    """Return microseconds since 1970 as a moment in UTC, exactly."""
    return EPOCH + timedelta(microseconds=time_us)
