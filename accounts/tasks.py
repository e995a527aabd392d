"""What the clockwork does: approvals end, providers are spoken with, what is kept goes in time.

What is to be done is found in the tables, so nothing depends on a message that may be lost.
"""

from typing import Final

import structlog
from celery import shared_task
from django.utils import timezone

from accounts.access.actor import Actor
from accounts.approvals.selectors import list_overdue
from accounts.money.overview import count_waiting_withdrawals
from accounts.money.provider_events import list_left_events
from accounts.money.sending import send_due
from accounts.privacy.retention import BATCH_MAX, KINDS
from accounts.providers.client import sender
from accounts.providers.config import WEBHOOK, get_provider, kind_of_provider
from accounts.services import apply_event, expire_approval, purge_kept
from zavora.foundation import kept_figures
from zavora.foundation.metrics import WITHDRAWALS_PENDING

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


@shared_task(name="accounts.purge")
def purge() -> None:
    """Take away what has served its time, batch by batch; may run twice.

    A kind that cannot be purged stops no other, and fails the task.
    """
    by = Actor.system("accounts.purge")
    purged: dict[str, int] = dict.fromkeys(KINDS, 0)
    failed = 0
    for kind in KINDS:
        try:
            while count := purge_kept(by=by, kind=kind):
                purged[kind] += count
                if count < BATCH_MAX:
                    break
        except Exception:
            failed += 1
            log.exception("purge_failed", what=kind)
    log.info("kept_purged", **purged)
    if failed:
        raise RuntimeError("not everything could be purged; see purge_failed")


@shared_task(name="accounts.measure")
def measure() -> None:
    """Tell how many withdrawals wait, for whoever watches; may run twice."""
    waiting = count_waiting_withdrawals(timezone.now())
    kept_figures.tell(WITHDRAWALS_PENDING, sum(one.count for one in waiting))


@shared_task(name="accounts.send_payouts")
def send_payouts() -> None:
    """Send what is due to the provider; may run twice, and beside itself."""
    provider = get_provider()
    if provider is None:
        if kind_of_provider() == WEBHOOK:
            log.critical("provider_unusable", hint="manage.py check --deploy")
        return
    by = Actor.system(f"provider:{provider.name}")
    sent, failed = send_due(by, provider.name, sender(provider))
    if sent:
        log.info("payouts_sent", count=sent)
    if failed:
        raise RuntimeError("not every payout could be sent; see payout_failed")


@shared_task(name="accounts.apply_provider_events")
def apply_provider_events() -> None:
    """Apply what webhooks brought and could not apply themselves; may run twice.

    One that cannot be applied stops no other, and fails the task.
    """
    failed = 0
    for event_id, provider in list_left_events(timezone.now()):
        try:
            apply_event(by=Actor.system(f"provider:{provider}"), event_id=event_id)
        except Exception:
            failed += 1
            log.exception("provider_event_failed", provider_event=event_id)
    if failed:
        raise RuntimeError("not every event could be applied; see provider_event_failed")
