"""Sending what is due, one payout after the other: each is taken, sent and recorded by itself."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.utils import timezone

from accounts.access.actor import Actor
from accounts.money.payouts import Taken, list_due_payouts, record_sent, take_payout
from accounts.providers.client import REQUEST_S_MAX, Send

# After so long no further one is taken: the worker has one thread, and others wait.
SENDING_S_MAX: Final = 10.0

log = structlog.get_logger(__name__)


Clock = Callable[[], datetime]


def send_due(by: Actor, provider: str, send: Send, clock: Clock = timezone.now) -> tuple[int, int]:
    """Send what is due to a provider; return how many were sent, and how many failed.

    Those failed by a fault of ours; what the provider did is recorded.
    One that fails stops no other: its lease ends, and it is sent again.
    """
    until = time.monotonic() + SENDING_S_MAX
    sent = failed = 0
    for payout_id in list_due_payouts(provider, clock()):
        if time.monotonic() > until:
            break
        try:
            taken = take_payout(by=by, payout_id=payout_id, now=clock())
            if taken is not None and _is_in_time(taken, clock()):
                came_of_it = send(taken.request)
                record_sent(
                    by=by, payout_id=payout_id, attempt=taken.attempt, sent=came_of_it, now=clock()
                )
                sent += 1
        except Exception:
            failed += 1
            log.exception("payout_failed", payout=payout_id)
    return sent, failed


def _is_in_time(taken: Taken, now: datetime) -> bool:
    """Return whether a request ends within its lease: a process may have been stopped meanwhile."""
    return now + timedelta(seconds=REQUEST_S_MAX) < taken.until
