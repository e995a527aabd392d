"""The table of what people chose of the trading page."""

from django.db import models
from django.utils import timezone

from accounts.models.people import User


class Preferences(models.Model):
    """One document a person, and how often it was written: by that a writer knows what it read."""

    user = models.OneToOneField(
        User, primary_key=True, on_delete=models.PROTECT, related_name="+", editable=False
    )
    version = models.PositiveIntegerField()
    # As ``accounts.people.page_preferences`` has it, which bounds it, too.
    document = models.JSONField()
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "preferences"

    def __str__(self) -> str:
        return f"preferences of user {self.pk}"
