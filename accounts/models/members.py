"""Tables of who shares an account: members with their roles, and invitations to become one."""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models.people import Account, User


class MemberRole(models.TextChoices):
    """What a member may do; the owner is the account's own user and has no row."""

    VIEWER = "viewer"
    TRADER = "trader"


class Membership(models.Model):
    """A person who sees, or also trades on, an account of somebody else's. Deleted when it ends."""

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="memberships", db_index=False
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=MemberRole)
    created_at = models.DateTimeField(default=timezone.now)
    # Who invited them.
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "user"], name="member_once"),
            models.CheckConstraint(condition=Q(role__in=MemberRole.values), name="member_role"),
        ]

    def __str__(self) -> str:
        return f"{self.user} {self.role}"


class Invitation(models.Model):
    """An offer, by mail, to become a member. The link's token is kept as its SHA-256 alone."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=8, choices=MemberRole)
    token_digest = models.CharField(max_length=64, unique=True, editable=False)
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    # How it ended, where it did not expire: at most one of the three.
    accepted_at = models.DateTimeField(null=True, blank=True)
    declined_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(role__in=MemberRole.values), name="invited_role"),
            models.CheckConstraint(
                condition=(
                    Q(declined_at__isnull=True, withdrawn_at__isnull=True)
                    | Q(accepted_at__isnull=True, withdrawn_at__isnull=True)
                    | Q(accepted_at__isnull=True, declined_at__isnull=True)
                ),
                name="invitation_ends_once",
            ),
            models.UniqueConstraint(
                fields=["account", "email"],
                condition=Q(
                    accepted_at__isnull=True, declined_at__isnull=True, withdrawn_at__isnull=True
                ),
                name="invited_once",
            ),
        ]
        indexes = [models.Index(fields=["email", "created_at"], name="invitation_of_an_address")]

    def __str__(self) -> str:
        return f"{self.email} {self.role}"

    @property
    def state(self) -> str:
        """What has become of it."""
        ends = {
            "accepted": self.accepted_at,
            "declined": self.declined_at,
            "withdrawn": self.withdrawn_at,
        }
        for name, ended_at in ends.items():
            if ended_at is not None:
                return name
        return "expired" if self.expires_at <= timezone.now() else "open"
