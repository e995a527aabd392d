"""Tables of fees: promotions of markets, tiers, and what they go by."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from zavora.foundation.fields import AmountField, TotalField


class Promoted(models.Model):
    """A market's rates for a time, for whom they are lower than what else they would pay."""

    promotion_maker_fee_ppm = models.IntegerField(null=True, blank=True)
    promotion_taker_fee_ppm = models.IntegerField(null=True, blank=True)
    promotion_starts_at = models.DateTimeField(null=True, blank=True)
    promotion_ends_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True


class FeeTier(models.Model):
    """A step of the table of tiers: from what 30-day volume on an account pays which rates."""

    level = models.PositiveSmallIntegerField(primary_key=True)
    # In ZAVORA_VOLUME_ASSET.
    min_volume = AmountField(unique=True)
    maker_fee_ppm = models.IntegerField()
    taker_fee_ppm = models.IntegerField()
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["level"]
        constraints = [
            models.CheckConstraint(
                condition=Q(level__gte=1)
                & Q(min_volume__gt=0)
                & Q(min_volume__lt=10**20)
                & Q(maker_fee_ppm__range=(-1_000_000, 1_000_000))
                & Q(taker_fee_ppm__range=(0, 1_000_000)),
                name="fee_tier_range",
            )
        ]

    def __str__(self) -> str:
        return f"tier {self.level}"


class FeeVolume(models.Model):
    """What an account traded in a market on a day (UTC), as maker or taker, in the quote asset."""

    account = models.ForeignKey(
        "accounts.Account",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    market = models.ForeignKey(
        "matching.Market",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    day = models.DateField()
    amount = TotalField()

    class Meta:
        verbose_name = "volume of a day"
        verbose_name_plural = "volumes of days"
        constraints = [
            models.UniqueConstraint(fields=["account", "day", "market"], name="fee_volume_once")
        ]
        indexes = [models.Index(fields=["day"], name="fee_volume_day")]

    def __str__(self) -> str:
        return f"volume of {self.day}"


class FeeDay(models.Model):
    """A day whose trades are counted; of the last one reviewed also when its tiers hold."""

    day = models.DateField(primary_key=True)
    counted_at = models.DateTimeField(default=timezone.now)
    # Empty: tiers were not done by this day as the last one.
    effective_at = models.DateTimeField(null=True, blank=True)
    accounts_moved = models.IntegerField(null=True, blank=True)

    class Meta:
        verbose_name = "fee review"
        ordering = [F("day").desc()]

    def __str__(self) -> str:
        return f"fees after {self.day}"
