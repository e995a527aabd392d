"""Tables of people, their accounts, and money: balances, the ledger, deposits, withdrawals, keys.

Amounts are NUMERIC(38, 18) in the units people read. The ledger is append-only and each of its
transactions sums to zero per asset; triggers in the migrations hold both.
"""

import uuid
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Func, Q
from django.utils import timezone

from zavora.foundation.fields import AmountField


def next_id() -> Func:
    """Return the database's own id for rows made outside a matching worker (migration 0001)."""
    return Func(function="zavora_next_id", output_field=models.BigIntegerField())


class UserManager(BaseUserManager["User"]):
    """Makes users by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person, who logs in by e-mail address."""

    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    objects = UserManager()

    USERNAME_FIELD = "email"

    class Meta:
        permissions = [("make_reset_link", "Can make links by which people set a new password")]

    def __str__(self) -> str:
        return self.email


class Asset(models.Model):
    """Something that can be owned and traded. Its scale never changes."""

    code = models.CharField(max_length=16, unique=True)
    name = models.CharField(max_length=64)
    scale = models.PositiveSmallIntegerField(help_text="Decimals of its smallest unit, at most 18.")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(condition=Q(scale__lte=18), name="asset_scale_max"),
            models.CheckConstraint(condition=Q(code__regex=r"^[A-Z0-9]{2,16}$"), name="asset_code"),
        ]

    def __str__(self) -> str:
        return self.code


class Account(models.Model):
    """A trading account; a user may have several. System accounts have entries, no balances."""

    class Kind(models.TextChoices):
        CUSTOMER = "customer"
        FEES = "fees"  # one per shard
        OUTSIDE = "outside"  # the other side of deposits and withdrawals

    class Status(models.TextChoices):
        ACTIVE = "active"
        CANCEL_ONLY = "cancel_only"
        FROZEN = "frozen"
        CLOSED = "closed"

    public_id = models.UUIDField("account id", default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="accounts"
    )
    kind = models.CharField(max_length=12, choices=Kind, default=Kind.CUSTOMER)
    # Which shard's fees a fee account collects.
    shard_id = models.PositiveSmallIntegerField(null=True, blank=True)
    label = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.ACTIVE)
    # The account's own fee rates in parts per million; empty: the market's.
    maker_fee_ppm = models.IntegerField(null=True, blank=True)
    taker_fee_ppm = models.IntegerField(null=True, blank=True)
    is_demo = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "shard_id"],
                condition=~Q(kind="customer"),
                nulls_distinct=False,
                name="account_system_unique",
            ),
            models.CheckConstraint(
                condition=(Q(kind="customer") & Q(owner__isnull=False))
                | (~Q(kind="customer") & Q(owner__isnull=True)),
                name="account_owner",
            ),
            models.CheckConstraint(
                condition=(Q(maker_fee_ppm__isnull=True) | Q(maker_fee_ppm__range=(0, 1_000_000)))
                & (Q(taker_fee_ppm__isnull=True) | Q(taker_fee_ppm__range=(0, 1_000_000))),
                name="account_fee_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label or self.kind} {self.public_id}"


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
        LedgerTransaction, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
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


class Withdrawal(models.Model):
    """Money that leaves: held when requested, then settled or released."""

    class State(models.TextChoices):
        PENDING = "pending"
        SETTLED = "settled"
        CANCELLED = "cancelled"

    id = models.BigIntegerField(primary_key=True, db_default=next_id(), editable=False)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="withdrawals")
    asset = models.ForeignKey(Asset, on_delete=models.PROTECT, related_name="+")
    amount = AmountField()
    state = models.CharField(max_length=12, choices=State, default=State.PENDING)
    address = models.CharField(max_length=128, blank=True)
    external_reference = models.CharField(max_length=128, null=True, blank=True, unique=True)
    # NULL, not empty: rows without a key do not collide.
    idempotency_key = models.CharField(max_length=128, null=True, blank=True)  # noqa: DJ001
    transaction = models.OneToOneField(
        LedgerTransaction, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "idempotency_key"], name="withdrawal_key"),
            models.CheckConstraint(
                condition=Q(amount__gt=0) & Q(amount__lt=10**20), name="withdrawal_amount_positive"
            ),
        ]
        indexes = [
            # reconcile sums what pending withdrawals hold
            models.Index(
                fields=["account", "asset"],
                condition=Q(state="pending"),
                name="withdrawal_pending",
            )
        ]

    def __str__(self) -> str:
        return f"withdrawal {self.id}"


class ApiKey(models.Model):
    """A credential of a user: a bearer token (kept hashed), or a signing key."""

    class Kind(models.TextChoices):
        BEARER = "bearer"
        HMAC = "hmac", "HMAC"
        ED25519 = "ed25519", "Ed25519"
        RSA = "rsa", "RSA"

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.BEARER)
    # A bearer token's SHA-256; for signing keys the name that requests carry.
    lookup = models.CharField(max_length=64, unique=True)
    # HMAC: the encrypted secret (accounts.access.key_secrets); else the public key.
    secret = models.BinaryField(null=True, blank=True, editable=False)
    label = models.CharField(max_length=64, blank=True)
    scopes = ArrayField(models.CharField(max_length=8), default=list)
    ip_allowed = ArrayField(models.GenericIPAddressField(), default=list, blank=True)
    # Limits the key to one account; empty: all accounts of its owner.
    account = models.ForeignKey(Account, null=True, blank=True, on_delete=models.CASCADE)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return self.label or f"{self.kind} {self.lookup[:8]}"


class AuditRecord(models.Model):
    """One act of somebody on what is not their own. Never changed, never deleted (a trigger).

    Plain figures instead of foreign keys: a record says what was so then, whatever becomes of it.
    """

    is_append_only = True

    id = models.BigIntegerField(primary_key=True, db_default=next_id(), editable=False)
    actor_kind = models.CharField(max_length=8)
    actor_name = models.CharField(max_length=100)
    user_id = models.BigIntegerField(null=True)
    key_id = models.BigIntegerField(null=True)
    address = models.CharField(max_length=45, blank=True)
    request_id = models.CharField(max_length=36, blank=True)
    act = models.CharField(max_length=32)
    subject = models.CharField(max_length=100, help_text="What it was done to: kind:id.")
    reason = models.CharField(max_length=200, blank=True)
    details = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            models.Index(fields=["subject"], name="audit_subject"),
            models.Index(fields=["user_id"], name="audit_user"),
            models.Index(fields=["request_id"], name="audit_request"),
        ]

    def __str__(self) -> str:
        return f"{self.act} {self.subject}"
