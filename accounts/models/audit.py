"""The tables of acts: who did what, to whom, from where, and the chain that holds them together."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils import timezone

from accounts.models.ids import next_id


class AuditRecord(models.Model):
    """An act of an operator, or of a person on their own. Never changed, never deleted: a trigger.

    Plain figures instead of foreign keys: a record says what was so then, whatever becomes of it.
    A column more is a new form of the text that is chained (``accounts.chain.texts``).
    """

    is_append_only = True

    id = models.BigIntegerField(primary_key=True, db_default=next_id(), editable=False)
    actor_kind = models.CharField(max_length=8)
    actor_name = models.CharField(max_length=100)
    # The operator's groups at the time. The version before, which may still run, knows no such
    # column, so the table itself has the default.
    role = models.TextField(blank=True, default="", db_default="")
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
            BrinIndex(fields=["created_at"], name="audit_created", autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"{self.act} {self.subject}"


class AuditLink(models.Model):
    """A record's place in the chain: written by a trigger when its transaction commits.

    ``hash`` covers the record, its position and the hash before it (``previous``), so a change of
    one record shows in it and in every later one. Positions begin with 1 and have no gap.
    """

    is_append_only = True
    # Not even an INSERT is the run role's: the trigger has the owner's rights.
    is_written_by_triggers = True

    position = models.BigIntegerField(primary_key=True)
    # No constraint: a record that is gone is what somebody will look for here.
    record = models.OneToOneField(
        AuditRecord, on_delete=models.DO_NOTHING, db_constraint=False, related_name="link"
    )
    # Which text of the record was hashed.
    form = models.SmallIntegerField()
    previous = models.BinaryField()
    hash = models.BinaryField()

    def __str__(self) -> str:
        return f"link {self.position}"
