"""Last prices at moments of the past, as closes of candles: what holdings are valued by."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from django.db import connection

from marketdata.candles.counting import MINUTE
from marketdata.models import Candle, CandleProgress
from matching.orders.by_sequence import list_trade_sequences, list_trades_after

_CLOSES: Final = (
    "SELECT m.moment, c.close FROM unnest(%s::timestamptz[]) AS m(moment) CROSS JOIN LATERAL"
    f" (SELECT close FROM {Candle._meta.db_table} WHERE market_id = %s AND interval = '{MINUTE}'"
    " AND open_time < m.moment ORDER BY open_time DESC LIMIT 1) AS c"
)


def list_closes(market_id: int, moments: Sequence[datetime]) -> dict[datetime, Decimal]:
    """Return the close of the last minute that opened before each moment.

    Of a whole minute that is the last price before it. A moment before the first trade has none.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CLOSES, [list(moments), market_id])
        return dict(cursor.fetchall())


def counted_until_us(now_us: int) -> int:
    """Return up to when all candles count every trade, at most now, in microseconds since 1970."""
    counted = dict(CandleProgress.objects.values_list("market_id", "last_trade_sequence"))
    until_us = now_us
    for market_id, sequence in list_trade_sequences().items():
        after = counted.get(market_id, 0)
        if sequence > after:
            missing = list_trades_after(market_id, after=after, limit=1)
            until_us = min(until_us, *(trade.time_us for trade in missing), until_us)
    return until_us
