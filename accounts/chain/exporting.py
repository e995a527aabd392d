"""Records for others: JSON lines, or CSV, in the order of the chain, a batch at a time."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.db.models import F, Max, Min, QuerySet, TextField
from django.db.models.functions import Cast

from accounts.models import AuditRecord

BATCH_MAX: Final = 1_000
# With form, previous and hash, so that the chain can be hashed anew from the export alone.
COLUMNS: Final = (
    "position", "id", "created_at", "actor_kind", "actor_name", "role", "user_id", "key_id",
    "address", "request_id", "act", "subject", "reason", "details", "form", "previous", "hash",
)  # fmt: skip
# What a spreadsheet takes a cell for a formula by; people choose the names that stand here.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")

Row = Mapping[str, Any]


def records_between(since: datetime | None, until: datetime | None) -> QuerySet[AuditRecord]:
    """Return the records made from ``since`` on and before ``until``."""
    records = AuditRecord.objects.all()
    if since is not None:
        records = records.filter(created_at__gte=since)
    if until is not None:
        records = records.filter(created_at__lt=until)
    return records


def exported(records: QuerySet[AuditRecord], form: str) -> Iterator[str]:
    """Yield some records as text, a batch at a time: what is chained by position, the rest by id.

    ``form`` is one of ``FORMATS``. What is added meanwhile is left out.
    """
    begin, write = FORMATS[form]
    yield begin
    for batch in _batches(records):
        yield write(batch)


def _batches(records: QuerySet[AuditRecord]) -> Iterator[list[Row]]:
    rows = records.order_by().annotate(
        position=F("link__position"), details_text=Cast("details", TextField()),
        form=F("link__form"), previous=F("link__previous"), hash=F("link__hash"),
    ).values(*(name for name in COLUMNS if name != "details"), "details_text")  # fmt: skip
    yield from _walk(rows.filter(position__isnull=False), "position")
    yield from _walk(rows.filter(position__isnull=True), "id")


def _walk(rows: Any, key: str) -> Iterator[list[Row]]:
    """Yield rows in the order of a key that all have, from the first to the last of now."""
    ends = rows.aggregate(first=Min(key), last=Max(key))
    after = None if ends["first"] is None else ends["first"] - 1
    while after is not None:
        batch = list(
            rows.filter(**{f"{key}__gt": after, f"{key}__lte": ends["last"]}).order_by(key)[
                :BATCH_MAX
            ]
        )
        if batch:
            yield batch
        after = batch[-1][key] if len(batch) == BATCH_MAX else None


def _plain(row: Row) -> dict[str, Any]:
    """Return a row with times and bytes as text; the details are as the database writes them."""
    moment: datetime = row["created_at"].astimezone(UTC)
    return {
        **{name: row.get(name) for name in COLUMNS},
        "created_at": moment.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "details": row["details_text"],
        **{
            name: None if row[name] is None else bytes(row[name]).hex()
            for name in ("previous", "hash")
        },
    }


def _json_lines(rows: Iterable[Row]) -> str:
    lines = []
    for row in rows:
        plain = _plain(row)
        # Put in as it is, as a reader that makes floats of figures would change it.
        details = plain.pop("details")
        lines.append(f'{json.dumps(plain, ensure_ascii=False)[:-1]}, "details": {details}}}\n')
    return "".join(lines)


def _csv(rows: Iterable[Row]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    for row in rows:
        plain = _plain(row)
        writer.writerow([_cell(plain[name]) for name in COLUMNS])
    return text.getvalue()


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


# By name: what the text begins with, and how rows are written.
FORMATS: Final[Mapping[str, tuple[str, Callable[[Iterable[Row]], str]]]] = {
    "jsonl": ("", _json_lines),
    "csv": (",".join(COLUMNS) + "\r\n", _csv),
}
