"""Tables of providers, who move money outside: what they are asked to pay, and what they told."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.models.ids import next_id
from accounts.models.people import Account
from accounts.models.withdrawals import Withdrawal


class Payout(models.Model):
    """A withdrawal that a provider is asked to pay: the outbox, a row for each. Never deleted.

    It is written in the transaction that approves the withdrawal. ``public_id`` is what both sides
    call it by: the provider pays it once, however often it is asked.
    """

    class State(models.TextChoices):
        WAITING = "waiting"  # to be sent when it is due
        SENDING = "sending"  # somebody sends it; ``due_at`` is the end of their lease
        SENT = "sent"  # the provider has it; when it is due, the provider is asked again
        DEAD = "dead"  # refused, or tried too often: an operator decides
        PAID = "paid"
        FAILED = "failed"  # the provider could not pay it
        GIVEN_UP = "given up"  # by an operator
        CANCELLED = "cancelled"  # before it was ever sent

    id = models.BigIntegerField(primary_key=True, db_default=next_id(), editable=False)
    public_id = models.UUIDField("reference", default=uuid.uuid4, unique=True, editable=False)
    withdrawal = models.OneToOneField(Withdrawal, on_delete=models.PROTECT, related_name="payout")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    provider = models.CharField(max_length=32)
    state = models.CharField(max_length=12, choices=State, default=State.WAITING)
    # How often its sending was begun: who records what came of an attempt names its number.
    attempts = models.PositiveIntegerField(default=0)
    # Attempts in a row that came to nothing.
    failures = models.PositiveIntegerField(default=0)
    # The provider may have it: what came of some attempt is not known.
    is_in_doubt = models.BooleanField("in doubt", default=False)
    accepted_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(default=timezone.now)
    provider_reference = models.CharField(max_length=128, blank=True, default="")
    note = models.CharField(max_length=200, blank=True, help_text="What came of it at last.")
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [
            # What is due, and the dead letters, among all that were ever paid.
            models.Index(
                fields=["due_at"],
                condition=Q(state__in=["waiting", "sending", "sent"]),
                name="payout_due",
            ),
            models.Index(fields=["updated_at"], condition=Q(state="dead"), name="payout_dead"),
            models.Index(fields=["provider_reference"], name="payout_provider_reference"),
        ]

    def __str__(self) -> str:
        return f"payout {self.public_id}"


class ProviderEvent(models.Model):
    """What a provider told by a webhook, once for each of its ids, and what came of it.

    Written as soon as the signature holds, and then applied: what could not be applied at once is
    found here. Never deleted; ``body`` is emptied a while after it ended.
    """

    class Outcome(models.TextChoices):
        WAITING = "waiting"  # to be applied
        APPLIED = "applied"
        NOTHING = "nothing"  # it was so already
        CONTRADICTS = "contradicts"  # what is on record here: an operator decides
        UNMATCHED = "unmatched"  # of nobody, or nothing, that is known here: an operator decides
        HANDLED = "handled"  # by an operator

    id = models.BigIntegerField(primary_key=True, db_default=next_id(), editable=False)
    provider = models.CharField(max_length=32)
    event_id = models.CharField("event", max_length=128)
    kind = models.CharField(max_length=32)
    reference = models.CharField(max_length=128)
    # Whose money it is about, where that is known.
    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    body = models.JSONField(default=dict)
    outcome = models.CharField(max_length=12, choices=Outcome, default=Outcome.WAITING)
    note = models.CharField(max_length=200, blank=True)
    received_at = models.DateTimeField(default=timezone.now)
    applied_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "event_id"], name="provider_event_once"),
        ]
        indexes = [
            models.Index(
                fields=["received_at"],
                condition=Q(outcome__in=["waiting", "contradicts", "unmatched"]),
                name="provider_event_open",
            ),
            models.Index(fields=["reference"], name="provider_event_reference"),
            # What was told goes after a while; this knows what is still there.
            models.Index(
                fields=["applied_at"],
                condition=Q(outcome__in=["applied", "nothing", "handled"]) & ~Q(body={}),
                name="provider_event_told",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"


# Nobody has anything to do about these any more.
ENDED_OUTCOMES = (
    ProviderEvent.Outcome.APPLIED,
    ProviderEvent.Outcome.NOTHING,
    ProviderEvent.Outcome.HANDLED,
)
