"""Reads of approvals."""

from datetime import datetime
from typing import Final

from accounts.models import Approval

OVERDUE_MAX: Final = 500
# More that waits is not counted.
OPEN_MAX: Final = 10_000


def list_overdue(now: datetime, *, limit: int = OVERDUE_MAX) -> list[int]:
    """Return the ids of approvals that wait beyond their time, those that wait longest first."""
    waiting = Approval.objects.filter(state=Approval.State.REQUESTED, expires_at__lte=now)
    return list(waiting.order_by("expires_at", "pk").values_list("pk", flat=True)[:limit])


def count_open(*, limit: int = OPEN_MAX) -> int:
    """Return how many approvals wait for others, at most ``limit``."""
    return Approval.objects.filter(state=Approval.State.REQUESTED).order_by()[:limit].count()
