"""What each market traded of late, and how far market data is behind, for operators."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec
from django.db.models import F, Sum

from marketdata.models import Candle, CandleProgress

# Of these, 288 of a market are read at most.
_INTERVAL: Final = "5m"
DAY: Final = timedelta(days=1)


class Volume(msgspec.Struct, frozen=True):
    """What a market traded: trades and quote amount of today (UTC) and of 24 hours."""

    market_id: int
    symbol: str
    quote: str
    scale: int
    today: Decimal
    trades_today: int
    in_24_hours: Decimal
    trades_in_24_hours: int


def list_volumes(now: datetime) -> list[Volume]:
    """Return what each market that has traded in 24 hours has, to five minutes, by market id.

    Reads candles: one a market for today, one for each five minutes, all by their index.
    """
    days = _sums("1d", now.replace(hour=0, minute=0, second=0, microsecond=0))
    return [
        Volume(
            market_id, symbol, quote, scale, *days.get(market_id, (Decimal(0), 0)), volume, trades
        )
        for market_id, symbol, quote, scale, volume, trades in _rows(_INTERVAL, now - DAY)
    ]


def _sums(interval: str, since: datetime) -> Mapping[int, tuple[Decimal, int]]:
    return {row[0]: (row[4], row[5]) for row in _rows(interval, since)}


def _rows(interval: str, since: datetime) -> list[tuple[int, str, str, int, Decimal, int]]:
    markets = CandleProgress.objects.values_list("market_id", flat=True)
    rows = Candle.objects.filter(
        market_id__in=list(markets), interval=interval, open_time__gte=since
    )
    names = ("market_id", "market__symbol", "market__quote__code", "market__quote__scale")
    sums = rows.values_list(*names).annotate(Sum("quote_volume"), Sum("trades"))
    return list(sums.order_by("market_id"))


def get_trades_behind() -> int:
    """Return how many trades the candles are behind, in the market where that is most."""
    lag = F("market__state__trade_sequence") - F("last_trade_sequence")
    behind = CandleProgress.objects.annotate(behind=lag).order_by("-behind")
    return max(0, behind.values_list("behind", flat=True).first() or 0)
