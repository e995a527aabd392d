"""What the clockwork does of market data: mails about alerts."""

import structlog
from celery import shared_task

from marketdata.alerts.mailing import MAILS_PER_STEP_MAX, mail_alerts

log = structlog.get_logger(__name__)


@shared_task(name="marketdata.mail_alerts")
def mail_due_alerts() -> None:
    """Send mails about alerts, some at once, until none is due; may run twice."""
    mailed = 0
    while count := mail_alerts():
        mailed += count
        if count < MAILS_PER_STEP_MAX:
            break
    if mailed:
        log.info("alerts_mailed", count=mailed)
