"""Tables of what leaves: withdrawals, the addresses they go to, and how much may leave a day."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models.approvals import Approval
from accounts.models.ids import next_id
from accounts.models.money import Asset, LedgerTransaction
from accounts.models.people import Account
from zavora.foundation.fields import AmountField


class Withdrawal(models.Model):
    """Money that leaves: held when requested, then settled or released."""

    class State(models.TextChoices):
        PENDING = "pending"  # held; waits to be approved
        APPROVED = "approved"  # held; may be paid out
        SETTLED = "settled"
        CANCELLED = "cancelled"
        REFUSED = "refused"
        FAILED = "failed"  # it could not be paid out

    id = models.BigIntegerField(primary_key=True, db_default=next_id(), editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="withdrawals")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+")
    amount = AmountField()
    state = models.CharField(max_length=12, choices=State, default=State.PENDING)
    address = models.CharField(max_length=128, blank=True)
    # The two persons' decision; NULL where it took none.
    approval = models.OneToOneField(
        Approval, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    # Who brought it into its state, as the journal names actors, and why, where they said so.
    decided_by = models.CharField(max_length=128, blank=True, default="", db_default="")
    why = models.CharField(max_length=200, blank=True, default="", db_default="")
    external_reference = models.CharField(max_length=128, null=True, blank=True, unique=True)
    # NULL, not empty: rows without a key do not collide.
    idempotency_key = models.CharField(max_length=128, null=True, blank=True)  # noqa: DJ001
    transaction = models.OneToOneField(
        LedgerTransaction,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        # No key points into a table that is split: its months could not leave.
        db_constraint=False,
    )
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        permissions = [("approve_withdrawals", "Can approve withdrawals of others")]
        constraints = [
            models.UniqueConstraint(fields=["account", "idempotency_key"], name="withdrawal_key"),
            models.CheckConstraint(
                condition=Q(amount__gt=0) & Q(amount__lt=10**20), name="withdrawal_amount_positive"
            ),
        ]
        indexes = [
            # reconcile sums what these hold; operators look through them
            models.Index(
                fields=["account", "asset"],
                condition=Q(state__in=["pending", "approved"]),
                name="withdrawal_held",
            ),
            # a day's sum is read under the locks of each request
            models.Index(fields=["account", "created_at"], name="withdrawal_of_a_day"),
        ]

    def __str__(self) -> str:
        return f"withdrawal {self.id}"

    @property
    def is_held(self) -> bool:
        """Whether its money is still there: it can be cancelled."""
        return self.state in HELD_STATES


# Of these the money is locked; of all others it has left or is available again.
HELD_STATES = (Withdrawal.State.PENDING, Withdrawal.State.APPROVED)


class WithdrawalAddress(models.Model):
    """An address in an account's book: usable from a time on, until it is removed."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="addresses")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+")
    address = models.CharField(max_length=128)
    label = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    usable_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "withdrawal addresses"
        constraints = [
            models.UniqueConstraint(
                fields=["account", "asset", "address"],
                condition=Q(removed_at__isnull=True),
                name="address_once",
            )
        ]

    def __str__(self) -> str:
        return self.label or self.address


class WithdrawalLimit(models.Model):
    """How much of an asset may leave a day: an account's own limit, or that of a level."""

    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    level = models.PositiveSmallIntegerField(null=True, blank=True)
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+")
    per_day = AmountField()
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(account__isnull=True, level__isnull=False)
                | Q(account__isnull=False, level__isnull=True),
                name="limit_of_an_account_or_a_level",
            ),
            models.UniqueConstraint(
                fields=["account", "asset"],
                condition=Q(account__isnull=False),
                name="limit_of_an_account_once",
            ),
            models.UniqueConstraint(
                fields=["level", "asset"],
                condition=Q(level__isnull=False),
                name="limit_of_a_level_once",
            ),
            models.CheckConstraint(
                condition=Q(per_day__gte=0) & Q(per_day__lt=10**20), name="limit_not_negative"
            ),
        ]

    def __str__(self) -> str:
        whose = f"level {self.level}" if self.account_id is None else f"account {self.account_id}"
        return f"limit of {whose}"
