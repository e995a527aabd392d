"""What is written of the exchange's status: one look after the other, as spans of time."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction

from accounts.access.actor import Actor
from accounts.approval_rows import moment
from accounts.models import StatusSpan

# The part whose spans say when somebody looked at all.
WATCH: Final = "watch"
# A look that comes later than this after the one before begins spans anew: nobody knows what was
# in between.
GAP_MAX: Final = timedelta(seconds=90)
# What one look may find; a row for each.
TROUBLES_MAX: Final = 200


@transaction.atomic(durable=True)
def note_status(*, by: Actor, troubles: Mapping[str, str], now: datetime | None = None) -> None:
    """Note what a look found: ``troubles`` are states by the parts that are in them.

    Raises Forbidden for all but the exchange itself and superusers.
    """
    by.require_everything("note the status")
    seen_at = moment(now)
    lately = StatusSpan.objects.filter(seen_at__gte=seen_at - GAP_MAX, seen_at__lte=seen_at)
    rows = lately.select_for_update().order_by("pk")
    open_spans = {(one.component, one.state): one.pk for one in rows}
    found = [(WATCH, "up"), *list(troubles.items())[:TROUBLES_MAX]]
    going_on = [open_spans[one] for one in found if one in open_spans]
    StatusSpan.objects.filter(pk__in=going_on).update(seen_at=seen_at)
    StatusSpan.objects.bulk_create(
        StatusSpan(component=component, state=state, began_at=seen_at, seen_at=seen_at)
        for component, state in found
        if (component, state) not in open_spans
    )
