"""Tables of the market data service: candles, derived from committed trades exactly once."""

from django.db import models

from zavora.foundation.fields import AmountField, TotalField


class Candle(models.Model):
    """Open, high, low, close and volumes of one market in one interval."""

    market = models.ForeignKey(
        "matching.Market", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    interval = models.CharField(max_length=4)  # 1s 1m 3m ... 1d 3d 1w 1M
    open_time = models.DateTimeField()
    open = AmountField()
    high = AmountField()
    low = AmountField()
    close = AmountField()
    # Sums have room of their own: each trade may be as large as an amount can be.
    volume = TotalField()
    quote_volume = TotalField()
    taker_buy_volume = TotalField()
    taker_buy_quote_volume = TotalField()
    trades = models.IntegerField()
    first_trade_sequence = models.BigIntegerField()
    last_trade_sequence = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["market", "interval", "open_time"], name="candle_market_interval_time"
            )
        ]

    def __str__(self) -> str:
        return f"candle {self.market_id} {self.interval} {self.open_time:%Y-%m-%d %H:%M:%S} UTC"


class CandleProgress(models.Model):
    """Up to which trade of a market the candles count; commits together with them."""

    market = models.OneToOneField(
        "matching.Market", primary_key=True, on_delete=models.PROTECT, related_name="+"
    )
    last_trade_sequence = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "candle progress"

    def __str__(self) -> str:
        return f"candles of market {self.market_id} up to {self.last_trade_sequence}"
