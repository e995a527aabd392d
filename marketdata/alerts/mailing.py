"""Mails about alerts: found in the table, sent at most once each, few an hour and person."""

from typing import Final

import structlog
from django.db import transaction

from accounts.access.rates import take_alert_mail
from accounts.people.mails import mail_on_commit
from accounts.people.selectors import get_proved_email
from marketdata.alerts.links import mails_link
from marketdata.alerts.selectors import states_of
from marketdata.models import PriceAlert
from marketdata.wire import AlertState
from zavora.foundation.errors import RateLimited
from zavora.foundation.times import moment_of

MAILS_PER_STEP_MAX: Final = 100
VERBS: Final = {"rises_to": "rose to", "falls_to": "fell to"}

log = structlog.get_logger(__name__)


def mail_alerts() -> int:
    """Send the next mails that are due; return how many alerts were looked at.

    That a mail is sent is noted before it leaves: one that is lost with a process is not sent
    twice, and its alert is on the person's page. May run beside itself.
    """
    with transaction.atomic(durable=True):
        due = PriceAlert.objects.select_for_update(skip_locked=True, of=("self",))
        rows = list(due.filter(is_mail_due=True).order_by("told_at", "pk")[:MAILS_PER_STEP_MAX])
        PriceAlert.objects.filter(pk__in=[row.pk for row in rows]).update(is_mail_due=False)
        pages = {row.pk: row.page_url for row in rows}
        for alert in states_of(rows):
            _mail(alert, pages[alert.alert_id])
    return len(rows)


def _mail(alert: AlertState, page_url: str) -> None:
    email = get_proved_email(alert.user_id)
    if email is None:
        return
    try:
        take_alert_mail(alert.user_id)
    except RateLimited:
        log.warning("alert_mail_withheld", user_id=alert.user_id, alert=alert.alert_id)
        return
    verb = VERBS[alert.condition]
    at = f"{moment_of(alert.told_us):%Y-%m-%d at %H:%M:%S} UTC"
    lines = [
        f"{alert.market} {verb} {alert.price}: it traded at {alert.told_price} on {at}.",
        *([f"Your note: {alert.note}"] if alert.note else []),
        "It is armed again once the price has gone back." if alert.repeats else "It is told once.",
    ]
    if page_url:
        lines += [
            f"Your alerts: {page_url}",
            f"No mails about alerts any more: {page_url}/mails/{mails_link(alert.user_id)}",
        ]
    mail_on_commit(email, f"{alert.market} {verb} {alert.price}", "\n\n".join(lines))
