"""The table of acts: who did what, to whom, from where."""

from django.db import models
from django.utils import timezone

from accounts.models.ids import next_id


class AuditRecord(models.Model):
    """An act of an operator, or of a person on their own. Never changed, never deleted: a trigger.

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
