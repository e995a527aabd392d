"""Reads of the record of the exchange's status."""

from datetime import datetime
from typing import Final, NamedTuple

from accounts.models import StatusSpan

SPANS_MAX: Final = 5_000


class Span(NamedTuple):
    """A part of the exchange in a state, from the first look that found it so to the last one."""

    component: str
    state: str
    began_at: datetime
    seen_at: datetime


def list_spans(since: datetime) -> list[Span]:
    """Return what was seen since a moment, newest first, at most ``SPANS_MAX``."""
    rows = StatusSpan.objects.filter(seen_at__gte=since).order_by("-seen_at", "-pk")
    return [
        Span(*row)
        for row in rows.values_list("component", "state", "began_at", "seen_at")[:SPANS_MAX]
    ]
