"""What the clockwork does: approvals that nobody decided in time end by themselves."""

from typing import Final

import structlog
from celery import shared_task
from django.utils import timezone

from accounts.access.actor import Actor
from accounts.approvals.selectors import list_overdue
from accounts.services import expire_approval

BY: Final = Actor.system("accounts.expire_approvals")

log = structlog.get_logger(__name__)


@shared_task(name="accounts.expire_approvals")
def expire_approvals() -> None:
    """End what waited too long, each in a transaction of its own; may run twice.

    One that cannot be ended stops no other, and fails the task.
    """
    failed = 0
    overdue = list_overdue(timezone.now())
    for approval_id in overdue:
        try:
            expire_approval(by=BY, approval_id=approval_id)
        except Exception:
            failed += 1
            log.exception("expiry_failed", approval=approval_id)
    if overdue:
        log.info("approvals_expired", count=len(overdue) - failed)
    if failed:
        raise RuntimeError("not every approval could expire; see expiry_failed")
