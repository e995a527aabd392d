"""Table of handovers: markets as one shard let them go, and another adopted them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone


class Handover(models.Model):
    """A market right after the command that let it go; kept as long as the journals are.

    Whoever replays the journal of the shard that let it go proves it; of the one that took it, the
    replay begins with it.
    """

    is_append_only = True

    market = models.ForeignKey(
        "matching.Market",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    from_shard = models.PositiveSmallIntegerField()
    to_shard = models.PositiveSmallIntegerField()
    # The command of the first shard's journal that let it go.
    journal_sequence = models.BigIntegerField()
    # Of the market's last event.
    event_sequence = models.BigIntegerField()
    # The last id that the first shard had given.
    last_id = models.BigIntegerField()
    # Of the market alone, and what it covers.
    state_hash = models.CharField(max_length=64)
    format = models.CharField(max_length=64)
    open_orders = models.IntegerField()
    # The market first, then some thousands of orders each.
    parts = ArrayField(models.BinaryField(), editable=False)
    # The batch's time, and the database's.
    released_at = models.DateTimeField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["from_shard", "journal_sequence"], name="handover_command"
            )
        ]

    def __str__(self) -> str:
        return f"handover {self.pk}"
