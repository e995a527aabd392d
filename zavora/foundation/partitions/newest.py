"""The newest rows of a table of months, without a look into every month."""

from typing import Final, TypeVar

from django.db.models import Model, QuerySet

from zavora.foundation.time_ids import TIME_SHIFT, first_id_of
from zavora.foundation.times import now_ms

# What is so much older than the newest that is asked for is in the same partition, or the next.
RECENT_MS: Final = 28 * 86_400_000
_RECENT_IDS: Final = RECENT_MS << TIME_SHIFT
Row = TypeVar("Row", bound=Model)


def newest_rows(rows: "QuerySet[Row]", *, below: int | None = None, limit: int) -> list[Row]:
    """Return the rows with the highest ids, from below an id on; the highest first.

    A plan over all months opens all of them, which takes longer than reading what is found. So the
    last four weeks are asked first, and all before only for what is missing then.
    """
    if below is not None:
        rows = rows.filter(pk__lt=below)
    rows = rows.order_by("-pk")
    floor = (first_id_of(now_ms()) if below is None else below) - _RECENT_IDS
    found = list(rows.filter(pk__gte=floor)[:limit])
    if len(found) < limit:
        found += rows.filter(pk__lt=floor)[: limit - len(found)]
    return found
