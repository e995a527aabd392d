"""After the database was brought back to an earlier moment: nothing leaves until a person says so.

Whoever was paid after that moment is not known to these tables to have been, and could be paid
again. So a record of the trail holds what would send money: requests, approvals, payouts, and the
cancels of customers. Operators go on correcting. The newest record decides (ADR 44).
"""

from typing import Any, Final

from accounts.access.actor import Actor
from accounts.audit import checked_reason, record_act
from accounts.models import AuditRecord
from zavora.foundation.errors import Conflict

SUBJECT: Final = "database:restored"
HOLD: Final = "database.hold"
RELEASE: Final = "database.release"


def is_held() -> bool:
    """Return whether nothing leaves, since the database was restored and nobody confirmed it."""
    acts = AuditRecord.objects.filter(subject=SUBJECT).order_by("-pk")
    return acts.values_list("act", flat=True).first() == HOLD


def require_not_held() -> None:
    """Raise Conflict where the database was restored and nobody confirmed it."""
    if is_held():
        raise Conflict("withdrawals wait: the record was restored and is being checked")


def hold_money(*, by: Actor, **details: Any) -> None:
    """Let nothing leave from now on, in the caller's transaction; again is fine.

    Raises Forbidden for all but the exchange itself and superusers.
    """
    by.require_everything("hold what leaves")
    record_act(by, HOLD, SUBJECT, **details)


def release_money(*, by: Actor, reason: str) -> None:
    """Let money leave again, in the caller's transaction.

    Raises Forbidden, ValidationFailed without a reason, or Conflict where nothing is held.
    """
    by.require_everything("release what leaves")
    reason = checked_reason(reason)
    if not is_held():
        raise Conflict("nothing is held: the newest record says so")
    record_act(by, RELEASE, SUBJECT, reason=reason)
