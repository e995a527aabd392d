"""Tables of checkpoints: what a shard's engine remembered right after a command of its journal."""

from django.db import models
from django.utils import timezone


class Checkpoint(models.Model):
    """A shard as of one point of its journal. Trusted by nobody until a replay has agreed with it.

    Its body stands in parts (``CheckpointPart``), so that none is ever held whole.
    """

    is_append_only = True

    shard = models.ForeignKey(
        "matching.Shard",
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        # A key would take the shard's row, which is the worker's.
        db_constraint=False,
    )
    # The last command that it knows of.
    journal_sequence = models.BigIntegerField()
    state_hash = models.CharField(max_length=64)
    # How the body is written, and what the hash covers: others are left alone, not misread.
    format = models.CharField(max_length=64)
    open_orders = models.IntegerField()
    parts = models.IntegerField()
    size = models.BigIntegerField()
    # SHA-256 of all parts in their order, as they are stored.
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["shard", "journal_sequence", "format"], name="checkpoint_one"
            )
        ]

    def __str__(self) -> str:
        return f"checkpoint {self.shard_id}/{self.journal_sequence}"


class CheckpointPart(models.Model):
    """A part of a checkpoint's body: the markets first, then some thousands of orders each."""

    is_append_only = True

    checkpoint = models.ForeignKey(
        Checkpoint, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    number = models.IntegerField()
    body = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["checkpoint", "number"], name="checkpoint_part_number")
        ]

    def __str__(self) -> str:
        return f"part {self.number} of checkpoint {self.checkpoint_id}"
