"""The tables of published liabilities: a snapshot, a tree for each asset, a leaf for each balance.

Snapshots and trees are what the exchange has said in public, so they are only ever added to.
"""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models.ids import next_id
from accounts.models.money import Asset
from accounts.models.people import Account
from zavora.foundation.fields import AmountField, TotalField


class LiabilitySnapshot(models.Model):
    """All customers' balances at one moment."""

    is_append_only = True

    id = models.BigIntegerField(primary_key=True, db_default=next_id(), editable=False)
    # Of it come the nonces of the leaves, so that a hash tells nothing of a balance.
    secret = models.BinaryField(max_length=32, editable=False)
    taken_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"snapshot {self.pk}"


class LiabilityTree(models.Model):
    """The tree over all balances of an asset: its root, and enough to find any path in it."""

    is_append_only = True

    id = models.BigIntegerField(primary_key=True, db_default=next_id(), editable=False)
    snapshot = models.ForeignKey(
        LiabilitySnapshot, on_delete=models.PROTECT, related_name="trees", db_index=False
    )
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+", db_index=False)
    root = models.CharField(max_length=64, help_text="SHA-256, hexadecimal.")
    total = TotalField()
    leaves = models.BigIntegerField()
    # Hash and sum of each block of leaves, in order (``accounts.liabilities.tree``).
    blocks = models.BinaryField(editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["snapshot", "asset"], name="liability_tree_asset"),
            models.CheckConstraint(
                condition=Q(leaves__gt=0) & Q(total__gte=0), name="liability_tree_not_empty"
            ),
        ]

    def __str__(self) -> str:
        return f"tree {self.pk}"


class LiabilityLeaf(models.Model):
    """One account's balance in a tree."""

    # Without constraints: a check of each would double the time of a snapshot.
    tree = models.ForeignKey(
        LiabilityTree,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,
        db_constraint=False,
    )
    position = models.BigIntegerField()
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    amount = AmountField(help_text="Available and locked together.")

    class Meta:
        verbose_name_plural = "liability leaves"
        constraints = [
            models.UniqueConstraint(fields=["tree", "position"], name="liability_leaf_position"),
            models.UniqueConstraint(fields=["account", "tree"], name="liability_leaf_account"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="liability_leaf_positive"),
        ]

    def __str__(self) -> str:
        return f"leaf {self.position} of tree {self.tree_id}"
