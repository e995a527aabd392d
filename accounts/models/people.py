"""Tables of people and their accounts."""

import uuid
from typing import Any

from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q
from django.utils import timezone


class UserManager(BaseUserManager["User"]):
    """Makes users by e-mail address."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make a user; without a password nobody can log in."""
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Make a user who may do everything."""
        user = self.create_user(email, password, is_staff=True, is_superuser=True, **fields)
        # Whoever runs the command vouches for the address.
        addresses = apps.get_model("account", "EmailAddress")._default_manager
        addresses.create(user=user, email=user.email, primary=True, verified=True)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the user of an address, in any letter case."""
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A person, who logs in by e-mail address."""

    email = models.EmailField(unique=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    # How well the exchange knows the person: limits of withdrawals go by it.
    verification_level = models.PositiveSmallIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(default=timezone.now)
    # Nothing leaves the person's accounts before this: how they get in was changed.
    withdrawals_paused_until = models.DateTimeField(null=True, blank=True)
    # When everything that names the person was taken away; then nobody is let in again.
    erased_at = models.DateTimeField(null=True, blank=True)

    objects = UserManager()

    USERNAME_FIELD = "email"

    class Meta:
        permissions = [
            ("make_reset_link", "Can make links by which people set a new password"),
            ("change_level", "Can change how well a person is verified"),
            ("export_person", "Can make files of all that is known of a person"),
            ("erase_person", "Can ask for the erasure of persons"),
            ("reset_factors", "Can ask for resets of second factors"),
            ("decide_person", "Can decide about erasures and resets that others asked for"),
        ]

    def __str__(self) -> str:
        return self.email


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
    # The account's own fee rates in parts per million; empty: the market's. A negative maker's
    # rate is a rebate.
    maker_fee_ppm = models.IntegerField(null=True, blank=True)
    taker_fee_ppm = models.IntegerField(null=True, blank=True)
    # Its tiers, and its own rates in single markets (``accounts.people.fee_terms``).
    fee_terms = models.TextField(null=True, blank=True, editable=False)  # noqa: DJ001
    is_demo = models.BooleanField(default=False)
    # Withdrawals go to addresses of the book alone; once it is switched off, until it ends.
    has_allow_list = models.BooleanField(default=False, db_default=False)
    allow_list_ends_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["id"]
        permissions = [
            ("cancel_orders", "Can cancel the open orders of others"),
            ("change_fees", "Can change fees"),
        ]
        # For the nightly review of tiers, which looks at these alone.
        indexes = [
            models.Index(
                fields=["id"], condition=Q(fee_terms__isnull=False), name="account_fee_terms"
            )
        ]
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
                condition=(
                    Q(maker_fee_ppm__isnull=True) | Q(maker_fee_ppm__range=(-1_000_000, 1_000_000))
                )
                & (Q(taker_fee_ppm__isnull=True) | Q(taker_fee_ppm__range=(0, 1_000_000))),
                name="account_fee_range",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.label or self.kind} {self.public_id}"
