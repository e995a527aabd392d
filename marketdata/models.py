"""Tables of the market data service, derived from committed trades exactly once.

Candles, and the alerts of people with how far they are watched.
"""

from typing import Final

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

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


ALERT_NOTE_LENGTH_MAX: Final = 100
PAGE_URL_LENGTH_MAX: Final = 300


class PriceAlert(models.Model):
    """What somebody wants to be told of: a market's last price comes to theirs.

    Bounded per person (``ZAVORA_ALERTS_MAX``), those that were told among them.
    """

    class Condition(models.TextChoices):
        """From which side the price comes."""

        RISES_TO = "rises_to"
        FALLS_TO = "falls_to"

    class State(models.TextChoices):
        """Whether it waits for the price; ``AWAY``: told, armed once the price has gone back."""

        ARMED = "armed"
        AWAY = "away"
        TOLD = "told"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", editable=False
    )
    market = models.ForeignKey(
        "matching.Market", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    condition = models.CharField(max_length=8, choices=Condition.choices)
    price = AmountField()
    note = models.CharField(max_length=ALERT_NOTE_LENGTH_MAX, blank=True)
    repeats = models.BooleanField(default=False)
    by_page = models.BooleanField(default=True)
    by_mail = models.BooleanField(default=False)
    state = models.CharField(max_length=5, choices=State.choices, default=State.ARMED)
    # The last trade that was looked at for it, of those that could have changed its state.
    since_sequence = models.BigIntegerField()
    told_count = models.IntegerField(default=0)
    # Of the last time: the trade, and when it was committed.
    told_price = AmountField(null=True)
    told_sequence = models.BigIntegerField(null=True)
    told_at = models.DateTimeField(null=True)
    is_mail_due = models.BooleanField(default=False)
    # Where its page is, as the person saw it when they set it: mails lead there.
    page_url = models.CharField(max_length=PAGE_URL_LENGTH_MAX, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            # What a run of trades concerns is found by the highest and the lowest price.
            models.Index(
                fields=["market", "condition", "state", "price"],
                condition=~Q(state="told"),
                name="alert_live_price",
            ),
            models.Index(fields=["told_at"], condition=Q(is_mail_due=True), name="alert_mail_due"),
            models.Index(fields=["told_at"], name="alert_told_at"),
        ]

    def __str__(self) -> str:
        return f"alert {self.pk} of user {self.user_id}"


class AlertProgress(models.Model):
    """Up to which trade of a market all of its alerts are watched; commits with what they told."""

    market = models.OneToOneField(
        "matching.Market", primary_key=True, on_delete=models.PROTECT, related_name="+"
    )
    last_trade_sequence = models.BigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "alert progress"

    def __str__(self) -> str:
        return f"alerts of market {self.market_id} up to {self.last_trade_sequence}"
