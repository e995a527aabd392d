"""Operators' pages of market data: derived from trades, so there is nothing to change."""

from collections.abc import Iterator

from django.contrib import admin
from django.db.models import Q

from accounts.admin.look_ups import of_account, of_owner
from marketdata.candles.intervals import INTERVALS
from marketdata.models import AlertProgress, Candle, CandleProgress, PriceAlert
from matching.admin.look_ups import find_markets, of_market
from matching.admin.units import unit_of_base, unit_of_price, unit_of_quote
from zavora.foundation.admin.base import ReadOnlyAdmin, Related
from zavora.foundation.admin.search import Branch, numbers, parts


def newest_of_market(term: str) -> Iterator[Branch]:
    """Find the newest candles of the market that the term names, of each interval."""
    for market_id in find_markets(term):
        for interval in INTERVALS:
            yield Branch(Q(market_id=market_id, interval=interval), "-open_time")


@admin.register(Candle)
class CandleAdmin(ReadOnlyAdmin):
    """Candles."""

    list_display = (
        "open_time",
        "market",
        "interval",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "trades",
    )
    list_filter = ("market", "interval")
    list_select_related = ("market__base", "market__quote")
    units = {
        **dict.fromkeys(("open", "high", "low", "close"), unit_of_price),
        **dict.fromkeys(("volume", "taker_buy_volume"), unit_of_base),
        **dict.fromkeys(("quote_volume", "taker_buy_quote_volume"), unit_of_quote),
    }
    look_ups = (numbers("pk"), newest_of_market)
    searched_by = "market, id"


@admin.register(CandleProgress)
class CandleProgressAdmin(ReadOnlyAdmin):
    """How far the candles are."""

    list_display = ("market", "last_trade_sequence")
    list_select_related = ("market",)
    look_ups = (numbers("pk"), parts("market__symbol"))
    searched_by = "market, or a part of its symbol"
    related = (Related("marketdata.candle", lambda progress: progress.market.symbol),)


@admin.register(PriceAlert)
class PriceAlertAdmin(ReadOnlyAdmin):
    """What people want to be told of; each changes their own in their pages."""

    list_display = ("id", "user", "market", "condition", "price", "state", "told_count", "told_at")
    list_filter = ("state", "market")
    list_select_related = ("user", "market__base", "market__quote")
    units = dict.fromkeys(("price", "told_price"), unit_of_price)
    look_ups = (numbers("pk"), of_owner("user"), of_account("user__accounts"), of_market())
    searched_by = "the person's e-mail or how it begins, market, alert, account id"


@admin.register(AlertProgress)
class AlertProgressAdmin(ReadOnlyAdmin):
    """How far alerts are watched."""

    list_display = ("market", "last_trade_sequence")
    list_select_related = ("market",)
    look_ups = (numbers("pk"), parts("market__symbol"))
    searched_by = "market, or a part of its symbol"
