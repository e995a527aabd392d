"""Tables of money: assets, balances, the ledger, what came in.

Amounts are NUMERIC(38, 18) in the units people read. The ledger is append-only and each of its
transactions sums to zero per asset; triggers in the migrations hold both.
"""

import uuid

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts.models.ids import next_id
from accounts.models.people import Account, User
from zavora.foundation.fields import AmountField


class Asset(models.Model):
    """Something that can be owned and traded. Its scale never changes."""

    code = models.CharField(max_length=16, unique=True)
    name = models.CharField(max_length=64)
    scale = models.PositiveSmallIntegerField(help_text="Decimals of its smallest unit, at most 18.")
    is_active = models.BooleanField(default=True)
    withdrawal_auto_max = AmountField(
        default=0,
        db_default=0,
        help_text="Up to this a withdrawal needs nobody's approval; 0: two persons approve each.",
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["code"]
        permissions = [("change_threshold", "Can change up to what withdrawals need no approval")]
        constraints = [
            models.CheckConstraint(condition=Q(scale__lte=18), name="asset_scale_max"),
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z0-9]{2,16}$"), name="asset_code"),
            models.CheckConstraint(
                condition=Q(withdrawal_auto_max__gte=0) & Q(withdrawal_auto_max__lt=10**20),
                name="asset_withdrawal_auto_max",
            ),
        ]

    def __str__(self) -> str:
        return self.code


def _not_negative(field: str) -> Q:
    """Zero or more, and not NaN, which PostgreSQL sorts above every number."""
    return Q(**{f"{field}__gte": 0}) & Q(**{f"{field}__lt": 10**20})


class Balance(models.Model):
    """What an account has of an asset. ``version`` grows by one with each change."""

    # The unique constraint begins with the account: an index of its own would be another to keep.
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="balances", db_index=False
    )
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+", db_index=False)
    available = AmountField(default=0)
    locked = AmountField(default=0)
    version = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "asset"], name="balance_account_asset"),
            models.CheckConstraint(
                condition=_not_negative("available"), name="balance_available_not_negative"
            ),
            models.CheckConstraint(
                condition=_not_negative("locked"), name="balance_locked_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"balance {self.pk}"


class LedgerTransaction(models.Model):
    """A set of entries that sum to zero per asset. Never changed, never deleted."""

    is_append_only = True

    class Kind(models.TextChoices):
        TRADE = "trade"
        DEPOSIT = "deposit"
        WITHDRAWAL = "withdrawal"
        ADJUSTMENT = "adjustment"
        TRANSFER = "transfer"
        # Two orders of one owner met, and their accounts exchanged what they would have traded.
        PREVENTED = "prevented"

    id = models.BigIntegerField(primary_key=True, db_default=next_id(), editable=False)
    kind = models.CharField(max_length=12, choices=Kind)
    reference = models.CharField(max_length=64, help_text="The trade's, deposit's ... own id.")
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"


class LedgerEntry(models.Model):
    """One movement of one asset on one account; negative takes, positive gives."""

    is_append_only = True

    class Kind(models.TextChoices):
        TRADE = "trade"
        FEE = "fee"
        DEPOSIT = "deposit"
        WITHDRAWAL = "withdrawal"
        ADJUSTMENT = "adjustment"
        TRANSFER = "transfer"
        # Two orders of one owner met, and their accounts exchanged what they would have traded.
        PREVENTED = "prevented"

    id = models.BigIntegerField(primary_key=True, db_default=next_id(), editable=False)
    transaction = models.ForeignKey(
        LedgerTransaction,
        on_delete=models.PROTECT,
        related_name="entries",
        db_index=False,
        db_constraint=False,
    )
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    asset = models.ForeignKey(
        Asset, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    kind = models.CharField(max_length=12, choices=Kind)
    amount = AmountField()
    # The account's total after this entry, where the writer held the balance's lock for it.
    balance_after = AmountField(null=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "ledger entries"
        indexes = [
            models.Index(F("account"), F("id").desc(), name="ledger_entry_account"),
            # Entries are appended about in the order of their transactions: a block range index
            # finds those of one, and costs a batch next to nothing.
            BrinIndex(
                fields=["transaction"],
                pages_per_range=16,
                autosummarize=True,
                name="ledger_entry_transaction",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=-(10**20)) & Q(amount__lt=10**20) & ~Q(amount=0),
                name="ledger_entry_amount_finite",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} entry {self.pk}"


class Deposit(models.Model):
    """Money that came in from outside."""

    class State(models.TextChoices):
        PENDING = "pending"
        CREDITED = "credited"
        REJECTED = "rejected"

    id = models.BigIntegerField(primary_key=True, db_default=next_id(), editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="deposits")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+")
    amount = AmountField()
    state = models.CharField(max_length=12, choices=State, default=State.PENDING)
    source = models.CharField(max_length=32, help_text="faucet, operator, or a gateway's name.")
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
        constraints = [
            models.UniqueConstraint(fields=["account", "idempotency_key"], name="deposit_key"),
            models.CheckConstraint(
                condition=Q(amount__gt=0) & Q(amount__lt=10**20), name="deposit_amount_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"deposit {self.id}"


class Transfer(models.Model):
    """Money that went from one account to another of the same owner. Never changed, never deleted.

    It is a fact as soon as it is there: no state, and its ledger transaction is written with it.
    """

    is_append_only = True

    id = models.BigIntegerField(primary_key=True, db_default=next_id(), editable=False)
    # What its owner calls it by, and the reference of its ledger transaction.
    public_id = models.UUIDField("transfer id", default=uuid.uuid4, unique=True, editable=False)
    # Whose accounts both are: what one's own list is read by.
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    from_account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    to_account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+", db_index=False)
    amount = AmountField()
    # NULL, not empty: rows without a key do not collide.
    idempotency_key = models.CharField(max_length=128, null=True, blank=True)  # noqa: DJ001
    transaction = models.OneToOneField(
        LedgerTransaction, on_delete=models.PROTECT, related_name="+", db_constraint=False
    )
    # Empty where the exchange itself did it, by a command.
    created_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["from_account", "idempotency_key"], name="transfer_key"
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0) & Q(amount__lt=10**20), name="transfer_amount_positive"
            ),
            models.CheckConstraint(
                condition=~Q(from_account=F("to_account")), name="transfer_two_accounts"
            ),
        ]
        indexes = [
            models.Index(F("owner"), F("id").desc(), name="transfer_owner"),
            models.Index(F("from_account"), F("id").desc(), name="transfer_from"),
            models.Index(F("to_account"), F("id").desc(), name="transfer_to"),
        ]

    def __str__(self) -> str:
        return f"transfer {self.public_id}"
