"""Operators' pages of handovers, all to look at: which market went where, and at which command."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from matching.models import Handover
from zavora.foundation.admin.base import ReadOnlyAdmin
from zavora.foundation.admin.search import numbers, parts


@admin.register(Handover)
class HandoverAdmin(ReadOnlyAdmin):
    """Markets as one shard let them go to another."""

    list_display = (
        "id",
        "market",
        "from_shard",
        "to_shard",
        "journal_sequence",
        "open_orders",
        "state_hash",
        "created_at",
    )
    list_select_related = ("market",)
    sortable_by = ("id",)
    exclude = ("parts",)
    is_named_by_id = True
    look_ups = (numbers("pk"), parts("market__symbol"))
    searched_by = "id; market, or a part of its symbol"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Handover]:
        """Leave what was let go where it is."""
        rows: QuerySet[Handover] = super().get_queryset(request)
        return rows.defer("parts")
