"""Operators' pages of market data: derived from trades, so there is nothing to change."""

from django.contrib import admin

from marketdata.models import Candle, CandleProgress
from zavora.admin_base import ReadOnlyAdmin


@admin.register(Candle)
class CandleAdmin(ReadOnlyAdmin):
    """Candles."""

    list_display = (
        "market",
        "interval",
        "open_time",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "trades",
    )
    list_filter = ("market", "interval")
    list_select_related = ("market",)


@admin.register(CandleProgress)
class CandleProgressAdmin(ReadOnlyAdmin):
    """How far the candles are."""

    list_display = ("market", "last_trade_sequence")
    list_select_related = ("market",)
