"""What is kept of orders and events, and for how long."""

from datetime import timedelta
from typing import Final

from django.db import connection
from django.utils import timezone

from accounts.access.actor import Actor
from matching.models import OrderKey

# The source for gaps in feeds, and how long a repeated request gets its first result.
EVENTS_KEPT: Final = timedelta(days=1)
ORDER_KEYS_KEPT: Final = timedelta(days=30)
PURGE_MAX: Final = 5_000


def purge_events(*, by: Actor, keep: timedelta = EVENTS_KEPT) -> int:
    """Delete events older than ``keep`` (a day at least), in batches; return how many.

    By the owner's function: the role that serves has no right to delete events. Rerunnable: each
    batch is a transaction of its own. Raises Forbidden for all but the exchange itself and
    superusers.
    """
    by.require_everything("purge events")
    before = timezone.now() - keep
    total = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT matching_purge_events(%s, %s)", [before, PURGE_MAX])
            gone: int = cursor.fetchone()[0]
            if not gone:
                return total
            total += gone


def purge_order_keys(*, by: Actor, keep: timedelta = ORDER_KEYS_KEPT) -> int:
    """Delete idempotency keys older than ``keep``; return how many.

    Rerunnable: each batch is a transaction of its own. Raises Forbidden for all but the exchange
    itself and superusers.
    """
    by.require_everything("purge keys of orders")
    # Primary keys grow with time, so the oldest rows come first: no index on time is needed.
    before = timezone.now() - keep
    rows = OrderKey.objects.order_by("pk").values_list("pk", "created_at")
    total = 0
    while True:
        old = [pk for pk, moment in rows[:PURGE_MAX] if moment < before]
        if not old:
            return total
        total += OrderKey.objects.filter(pk__in=old).delete()[0]
