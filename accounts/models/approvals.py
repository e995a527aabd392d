"""The table of acts that wait for other persons. Its constraints say who these may not be."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts.models.ids import next_id
from accounts.models.people import Account, User


class Approval(models.Model):
    """An act that one person asked for and one or two others decide about.

    ``subject`` is what it is done to, as records of acts name it; ``topic`` tells apart what may
    wait beside each other. ``arguments`` are the act's, JSON-ready. Never deleted.
    """

    class State(models.TextChoices):
        REQUESTED = "requested"
        APPROVED = "approved"  # and done: in the transaction of the last approval
        REFUSED = "refused"
        EXPIRED = "expired"
        FAILED = "failed"  # approved, but the act could not be done any more
        CANCELLED = "cancelled"  # by whom it was for, while it waited

    id = models.BigIntegerField(primary_key=True, db_default=next_id(), editable=False)
    kind = models.CharField(max_length=32)
    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    # Whose things it is about: they decide as little as who asked.
    about = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    subject = models.CharField(max_length=100)
    topic = models.CharField(max_length=64, blank=True)
    arguments = models.JSONField(default=dict)
    reason = models.CharField(max_length=200, blank=True)
    # NULL: the exchange itself.
    requester = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    approvers_needed = models.PositiveSmallIntegerField(default=1)
    first_approver = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    first_approved_at = models.DateTimeField(null=True, blank=True)
    second_approver = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    second_approved_at = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=12, choices=State, default=State.REQUESTED)
    refused_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    outcome = models.CharField(
        max_length=200, blank=True, help_text="Why it was refused, or why it failed."
    )
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = [("approve_adjustments", "Can approve adjustments and credits of others")]
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "subject", "topic"],
                condition=Q(state="requested"),
                name="approval_open_once",
            ),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{name}__isnull": True})
                    | (
                        (Q(requester__isnull=True) | ~Q(**{name: F("requester")}))
                        & (Q(about__isnull=True) | ~Q(**{name: F("about")}))
                    ),
                    name=f"approval_{name}_is_another",
                )
                for name in ("first_approver", "second_approver", "refused_by")
            ),
            models.CheckConstraint(
                condition=Q(second_approver__isnull=True)
                | (Q(first_approver__isnull=False) & ~Q(second_approver=F("first_approver"))),
                name="approval_two_persons",
            ),
            models.CheckConstraint(
                condition=~Q(state="approved")
                | (Q(approvers_needed=1) & Q(first_approver__isnull=False))
                | (Q(approvers_needed=2) & Q(second_approver__isnull=False)),
                name="approval_has_its_approvers",
            ),
            models.CheckConstraint(
                condition=Q(approvers_needed__range=(1, 2)), name="approval_approvers_needed"
            ),
        ]
        indexes = [
            # Those that wait: what beat looks through, and the operators' list.
            models.Index(
                fields=["expires_at"], condition=Q(state="requested"), name="approval_open"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def approvers_given(self) -> int:
        """How many have approved it so far."""
        return sum(one is not None for one in (self.first_approver_id, self.second_approver_id))
