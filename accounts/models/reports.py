"""The tables of reports: what was asked for, and the files that were made of it, in parts."""

from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from accounts.models.ids import next_id
from accounts.models.people import Account, User


class Report(models.Model):
    """A file about a period that has ended: asked for, made in the background, kept for a while."""

    class Kind(models.TextChoices):
        STATEMENT = "statement"
        TRADES = "trades"
        DAILY = "daily"  # of the whole exchange, for operators
        PERSONAL = "personal"  # all that is known of a person, for them

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        PDF = "pdf", "PDF"
        ZIP = "zip", "ZIP"

    class State(models.TextChoices):
        PENDING = "pending"
        MAKING = "making"
        DONE = "done"
        FAILED = "failed"

    id = models.BigIntegerField(primary_key=True, db_default=next_id(), editable=False)
    kind = models.CharField(max_length=12, choices=Kind)
    format = models.CharField(max_length=3, choices=Format)
    # Empty: of the whole exchange, or of a person.
    account = models.ForeignKey(
        Account, null=True, blank=True, on_delete=models.PROTECT, related_name="+", db_index=False
    )
    # Of whom a file of all that is known is.
    person = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    asked_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # From, inclusive, to, exclusive.
    period_from = models.DateTimeField()
    period_to = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    progress = models.PositiveSmallIntegerField(default=0, help_text="Per cent.")
    # Who makes it says which attempt is theirs: one that was given up writes nothing any more.
    attempt = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    size = models.BigIntegerField(default=0, help_text="Bytes.")
    digest = models.CharField(max_length=64, blank=True, help_text="The file's SHA-256.")
    note = models.CharField(max_length=200, blank=True, help_text="Why it failed.")
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        permissions = [("export_reports", "Can download reports of the whole exchange")]
        constraints = [
            # What was asked for twice is made once.
            models.UniqueConstraint(
                fields=["account", "person", "kind", "format", "period_from", "period_to"],
                condition=~Q(state="failed"),
                nulls_distinct=False,
                name="report_once",
            ),
            models.CheckConstraint(
                condition=Q(period_from__lt=F("period_to")), name="report_period"
            ),
            models.CheckConstraint(
                condition=Q(kind="daily", account__isnull=True, person__isnull=True)
                | Q(kind="personal", account__isnull=True, person__isnull=False)
                | (
                    ~Q(kind__in=["daily", "personal"])
                    & Q(account__isnull=False, person__isnull=True)
                ),
                name="report_about",
            ),
        ]
        indexes = [
            models.Index(F("account"), F("id").desc(), name="report_account"),
            models.Index(
                fields=["id"], condition=Q(state__in=["pending", "making"]), name="report_open"
            ),
            models.Index(fields=["expires_at"], name="report_expiry"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class ReportPart(models.Model):
    """A part of a report's file; they are short, so that none is ever held whole."""

    report = models.ForeignKey(
        Report, on_delete=models.CASCADE, related_name="parts", db_index=False
    )
    number = models.PositiveIntegerField()
    body = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["report", "number"], name="report_part_number")
        ]

    def __str__(self) -> str:
        return f"part {self.number} of report {self.report_id}"
