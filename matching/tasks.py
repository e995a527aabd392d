"""What may be late: rows that have served their time go, and the books are proved to add up."""

import structlog
from celery import shared_task

from matching.reconcile import reconcile
from matching.services import purge_events, purge_order_keys

log = structlog.get_logger(__name__)


@shared_task(name="matching.purge")
def purge() -> None:
    """Delete events and idempotency keys that are past their time; may run twice."""
    log.info("purged", events=purge_events(), order_keys=purge_order_keys())


@shared_task(name="matching.reconcile")
def reconcile_books() -> None:
    """Check ledger, balances, holds, orders and trades; what does not add up is an alert."""
    breaks = reconcile()
    for found in breaks:
        log.critical("reconcile_break", found=found.text())
    log.info("reconciled", breaks=len(breaks))
