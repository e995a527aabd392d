"""Rows of approvals: asking for one, and ending one, within somebody else's transaction.

What asks stands above this (withdrawals), and so does what decides and carries out
(``accounts.approvals``). The order of locks: an account, an approval, balances.
"""

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.access.actor import Actor
from accounts.models import Account, Approval
from zavora.foundation.errors import Conflict

KIND_WITHDRAWAL: Final = "withdrawal"
# Two other persons, and the one who asked is neither.
APPROVERS_OF_A_WITHDRAWAL: Final = 2


def moment(now: datetime | None) -> datetime:
    """Return the time that was given, else the present one; to be asked under the locks."""
    return timezone.now() if now is None else now


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for. ``arguments`` are JSON-ready; ``reason`` is the asker's own."""

    kind: str
    subject: str
    arguments: dict[str, Any]
    topic: str = ""
    reason: str = ""
    account: Account | None = None
    # Whose things it is about, where it is no account's.
    about_id: int | None = None


def open_approval(by: Actor, asked: Asked, *, needed: int, now: datetime) -> Approval:
    """Write down that ``by`` asks ``needed`` others for something, in the present transaction.

    Raises Conflict where the same waits already.
    """
    account = asked.account
    try:
        with transaction.atomic():
            return Approval.objects.create(
                kind=asked.kind,
                account=account,
                about_id=asked.about_id if account is None else account.owner_id,
                subject=asked.subject,
                topic=asked.topic,
                arguments=asked.arguments,
                reason=asked.reason,
                requester_id=by.user_id,
                approvers_needed=needed,
                created_at=now,
                expires_at=now + timedelta(hours=settings.ZAVORA_APPROVAL_HOURS),
            )
    except IntegrityError:
        raise Conflict(
            f"an approval of this kind waits already: {asked.kind} {asked.topic}".rstrip()
        ) from None


def lock_approval(approval_id: int) -> Approval:
    """Lock and return an approval that is known to be there, as it stands now."""
    return Approval.objects.select_for_update().get(pk=approval_id)


def end_approval(approval: Approval, state: str, *, outcome: str = "", now: datetime) -> None:
    """Bring a locked approval into its last state."""
    approval.state = state
    approval.outcome = outcome
    approval.decided_at = now
    approval.save()


def cancel_waiting(approval_id: int | None, *, now: datetime) -> None:
    """End an approval that still waits: what it was about is over. The account is locked."""
    if approval_id is None:
        return
    approval = lock_approval(approval_id)
    if approval.state == Approval.State.REQUESTED:
        end_approval(approval, Approval.State.CANCELLED, now=now)


def state_of(approval: Approval) -> dict[str, Any]:
    """Return how an approval stands, for records of acts: what was before, what is after."""
    approvers = (approval.first_approver_id, approval.second_approver_id)
    return {
        "state": str(approval.state),
        "approvers": [one for one in approvers if one is not None],
    }
