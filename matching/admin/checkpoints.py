"""Operators' pages of checkpoints, all to look at: of which point, and how large."""

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.functions import Length
from django.http import HttpRequest

from matching.models import Checkpoint, CheckpointPart
from zavora.foundation.admin.base import ReadOnlyAdmin, Related
from zavora.foundation.admin.search import numbers, recent, recent_numbers


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    """What shards' engines remembered at points of their journals."""

    list_display = (
        "id",
        "shard",
        "journal_sequence",
        "open_orders",
        "size",
        "state_hash",
        "created_at",
    )
    list_filter = ("shard",)
    list_select_related = ("shard",)
    sortable_by = ("id",)
    is_named_by_id = True
    look_ups = (numbers("pk"), recent_numbers("journal_sequence"), recent("state_hash"))
    searched_by = "id, number in its shard's journal, the engine's hash"
    related = (Related("matching.checkpointpart", lambda checkpoint: str(checkpoint.pk)),)


@admin.register(CheckpointPart)
class CheckpointPartAdmin(ReadOnlyAdmin):
    """The parts of checkpoints, without what stands in them."""

    list_display = ("id", "checkpoint", "number", "size")
    list_select_related = ("checkpoint",)
    sortable_by = ("id",)
    fields = ("checkpoint", "number", "size")
    readonly_fields = ("size",)
    look_ups = (numbers("checkpoint"),)
    searched_by = "checkpoint id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[CheckpointPart]:
        """Leave what stands in the parts where it is."""
        rows: QuerySet[CheckpointPart] = super().get_queryset(request)
        return rows.defer("body").annotate(bytes=Length("body"))

    @admin.display(description="bytes")
    def size(self, part: CheckpointPart) -> str:
        """Return how long the part is."""
        return f"{getattr(part, 'bytes', 0):,}"
