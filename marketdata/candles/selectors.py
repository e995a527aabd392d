"""Reads of candles and public trades."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Min, Sum

from marketdata.candles.counting import MINUTE, SECOND
from marketdata.candles.intervals import check_interval, next_open_us, open_us, previous_open_us
from marketdata.figures import figure_text, trade_of_row
from marketdata.models import Candle, CandleProgress
from marketdata.wire import AggregatedTrade, CandleState, PublicTrade
from matching.markets.terms import MarketTerms
from matching.orders.by_sequence import list_trade_runs, list_trades_after, list_trades_before
from zavora.foundation.times import microseconds_of, moment_of

CANDLES_MAX: Final = 1_500
CHANGED_PAGE_MAX: Final = 1_000
# A shard that takes a market over may have a clock that is behind the former one's, so that an
# older candle changes after a newer one; never by more than this.
CLOCK_SLACK_US: Final = 3_600_000_000
TRADES_MAX: Final = 1_001  # a page of the API and one more, which tells whether there is a next


def list_candles(
    terms: MarketTerms,
    interval: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    limit: int = 100,
    using: str = DEFAULT_DB_ALIAS,
) -> list[CandleState]:
    """Return candles that open in ``start <= open time <= end``, newest first.

    An interval without a trade has no candle: gaps are not filled. Raises ValidationFailed for
    an unknown interval.
    """
    candles = Candle.objects.using(using)
    rows = candles.filter(market_id=terms.market_id, interval=check_interval(interval))
    if start is not None:
        rows = rows.filter(open_time__gte=start)
    if end is not None:
        rows = rows.filter(open_time__lte=end)
    rows = rows.order_by("-open_time")[: min(limit, CANDLES_MAX)]
    return [candle_state(row, terms) for row in rows]


def list_changed_candles(
    terms: MarketTerms, interval: str, known: CandleState
) -> list[CandleState]:
    """Return candles that count a trade after those of ``known``, by their last trades.

    At most ``CHANGED_PAGE_MAX``, those whose last trade is oldest.
    """
    since_us = open_us(interval, max(0, known.open_us - CLOCK_SLACK_US))
    rows = Candle.objects.filter(
        market_id=terms.market_id,
        interval=interval,
        open_time__gte=moment_of(since_us),
        last_trade_sequence__gt=known.last_trade_sequence,
    )
    return [
        candle_state(row, terms) for row in rows.order_by("last_trade_sequence")[:CHANGED_PAGE_MAX]
    ]


def list_gapless_candles(
    terms: MarketTerms,
    interval: str,
    *,
    now_us: int,
    start_us: int | None = None,
    end_us: int | None = None,
    limit: int = 500,
    using: str = DEFAULT_DB_ALIAS,
) -> list[CandleState]:
    """Return candles that open in ``start <= open time <= end``, oldest first, without holes.

    From the start where one is given, else the newest. An interval without a trade is flat at
    the close before it and counts zero trades (their sequences are -1 then); nothing comes before
    the first trade nor after ``now_us``.
    """
    limit = min(limit, CANDLES_MAX)
    if start_us is not None and start_us > now_us:
        return []
    last_us = open_us(check_interval(interval), now_us if end_us is None else min(end_us, now_us))
    if start_us is None:
        first_us = last_us
        for _ in range(limit - 1):
            first_us = previous_open_us(interval, first_us)
    else:
        first_us = open_us(interval, start_us)
        if first_us < start_us:
            first_us = next_open_us(interval, first_us)
    first_us = max(0, first_us)
    if first_us > last_us:
        return []
    rows = Candle.objects.using(using).filter(market_id=terms.market_id, interval=interval)
    before = rows.filter(open_time__lt=moment_of(first_us)).order_by("-open_time").first()
    inside = rows.filter(open_time__gte=moment_of(first_us), open_time__lte=moment_of(last_us))
    candles = [candle_state(row, terms) for row in inside.order_by("open_time")[:limit]]
    if before is None:
        if not candles:
            return []
        first_us = candles[0].open_us
    close = candles[0].open if before is None else candle_state(before, terms).close
    return _filled(terms, interval, candles, close=close, span=(first_us, last_us), limit=limit)


def _filled(
    terms: MarketTerms,
    interval: str,
    candles: list[CandleState],
    *,
    close: str,
    span: tuple[int, int],
    limit: int,
) -> list[CandleState]:
    """Return a candle for each interval of a span; ``close`` is the price before it."""
    by_time = {candle.open_us: candle for candle in candles}
    filled: list[CandleState] = []
    opened_us, last_us = span
    while opened_us <= last_us and len(filled) < limit:
        candle = by_time.get(opened_us) or flat_candle(terms, interval, opened_us, close)
        close = candle.close
        filled.append(candle)
        opened_us = next_open_us(interval, opened_us)
    return filled


def flat_candle(terms: MarketTerms, interval: str, opened_us: int, price: str) -> CandleState:
    """Return the candle of an interval in which nothing was traded."""
    return CandleState(
        terms.market_id,
        interval,
        opened_us,
        *(price,) * 4,
        *(terms.zero_quantity, terms.zero_quote) * 2,
        trades=0,
        first_trade_sequence=-1,
        last_trade_sequence=-1,
    )


def get_volumes_since(terms: MarketTerms, since_us: int) -> tuple[Decimal, Decimal]:
    """Return base and quote volume of the seconds that open at a moment or later."""
    rows = Candle.objects.filter(
        market_id=terms.market_id, interval=SECOND, open_time__gte=moment_of(since_us)
    )
    sums = rows.aggregate(base=Sum("volume"), quote=Sum("quote_volume"))
    return sums["base"] or Decimal(0), sums["quote"] or Decimal(0)


def list_public_trades_from(
    terms: MarketTerms, *, from_sequence: int, limit: int, using: str = DEFAULT_DB_ALIAS
) -> list[PublicTrade]:
    """Return trades from a trade sequence on, oldest first."""
    limit = min(limit, TRADES_MAX)
    rows = list_trades_after(terms.market_id, after=from_sequence - 1, limit=limit, using=using)
    return [trade_of_row(row, terms) for row in rows]


def list_aggregated_trades(
    terms: MarketTerms,
    *,
    from_sequence: int | None = None,
    start_us: int | None = None,
    end_us: int | None = None,
    limit: int,
    using: str = DEFAULT_DB_ALIAS,
) -> list[AggregatedTrade]:
    """Return the fills of one taker at one price as one trade each, oldest first.

    From a trade sequence or a time on; without either the newest (up to ``end_us``).
    """
    low, high = _sequences_between(terms.market_id, start_us, end_us, using=using)
    runs = list_trade_runs(
        terms.market_id,
        low=max(low, from_sequence or 1),
        high=high,
        start=None if start_us is None else moment_of(start_us),
        end=None if end_us is None else moment_of(end_us),
        is_newest=from_sequence is None and start_us is None,
        limit=limit,
        using=using,
    )
    return [
        AggregatedTrade(
            run.run_sequence,
            run.last_sequence,
            figure_text(run.price, terms.tick_decimals),
            figure_text(run.quantity, terms.lot_decimals),
            run.taker_side,
            run.time_us,
        )
        for run in runs
    ]


def _sequences_between(
    market_id: int, start_us: int | None, end_us: int | None, *, using: str
) -> tuple[int, int | None]:
    """Return bounds of the sequences of trades between two times, from the minutes' candles."""
    # Read first: what is counted later has candles by the time these are read.
    counted = get_candle_progress(market_id, using=using)
    candles = Candle.objects.using(using).filter(market_id=market_id, interval=MINUTE)
    minutes = candles.order_by("open_time")
    firsts = minutes.values_list("first_trade_sequence", flat=True)
    low, high = 1, None
    if start_us is not None:
        found = firsts.filter(open_time__gte=moment_of(open_us(MINUTE, start_us))).first()
        low = counted + 1 if found is None else found
    if end_us is not None:
        found = firsts.filter(open_time__gt=moment_of(end_us)).first()
        high = None if found is None else found - 1
    return low, high


def list_public_trades(
    terms: MarketTerms,
    *,
    before_sequence: int | None = None,
    limit: int = 100,
    using: str = DEFAULT_DB_ALIAS,
) -> list[PublicTrade]:
    """Return trades below a trade sequence (None: the newest), newest first."""
    limit = min(limit, TRADES_MAX)
    rows = list_trades_before(
        terms.market_id, before_sequence=before_sequence, limit=limit, using=using
    )
    return [trade_of_row(row, terms) for row in rows]


def get_candle_progress(market_id: int, *, using: str = DEFAULT_DB_ALIAS) -> int:
    """Return the last trade sequence that the candles of a market count; 0: none yet."""
    rows = CandleProgress.objects.using(using).filter(market_id=market_id)
    return rows.values_list("last_trade_sequence", flat=True).first() or 0


def get_first_counted(market_id: int, interval: str) -> int | None:
    """Return the first trade sequence that an interval's candles count; None: none yet."""
    rows = Candle.objects.filter(market_id=market_id, interval=interval)
    first: int | None = rows.aggregate(first=Min("first_trade_sequence"))["first"]
    return first


def candle_state(row: Candle, terms: MarketTerms) -> CandleState:
    """Return a candle as texts with the market's decimals."""
    return CandleState(
        market_id=terms.market_id,
        interval=row.interval,
        open_us=microseconds_of(row.open_time),
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
