"""Operators' page of the record of the exchange's status, to look at."""

from django.contrib import admin

from accounts.models import StatusSpan
from zavora.foundation.admin.base import ReadOnlyAdmin
from zavora.foundation.admin.search import numbers, texts


@admin.register(StatusSpan)
class StatusSpanAdmin(ReadOnlyAdmin):
    """When somebody looked (watch), and what was not as it should be."""

    list_display = ("id", "component", "state", "began_at", "seen_at")
    sortable_by = ("id",)
    is_named_by_id = True
    fields = ("id", "component", "state", "began_at", "seen_at")
    look_ups = (numbers("pk"), texts("component"))
    searched_by = "span id; part, as it is written"
