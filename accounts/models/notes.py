"""The table of notes: what operators tell each other about a person."""

from django.db import models
from django.db.models import F
from django.utils import timezone

from accounts.models.ids import next_id
from accounts.models.people import User


class Note(models.Model):
    """What an operator wrote about a person. Never changed; deleted with the person: a trigger."""

    is_append_only = True

    id = models.BigIntegerField(primary_key=True, db_default=next_id(), editable=False)
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", db_index=False)
    text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(F("user"), F("id").desc(), name="note_user")]

    def __str__(self) -> str:
        return f"note {self.pk}"
