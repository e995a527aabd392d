"""Rows of payouts, within somebody else's transaction: begun with an approval, ended with it.

The order of locks: an account, an approval, a balance, a payout. Once its sending was begun a
provider may pay it, whatever happens here: from then on only the provider, or an operator who knows
that it does not, ends it.
"""

from datetime import datetime
from typing import Final

from accounts.models import Payout, Withdrawal
from zavora.foundation.errors import Conflict

State = Payout.State
# Something is still to come of these.
OPEN_STATES: Final = (State.WAITING, State.SENDING, State.SENT, State.DEAD)


def begin_payout(record: Withdrawal, *, provider: str, now: datetime) -> Payout:
    """Write down that a provider is to pay a withdrawal that was approved just now."""
    return Payout.objects.create(
        withdrawal=record, account=record.account, provider=provider, due_at=now, created_at=now,
        updated_at=now,
    )  # fmt: skip


def lock_payout(payout_id: int) -> Payout:
    """Lock and return a payout that is known to be there, as it stands now."""
    return Payout.objects.select_for_update().get(pk=payout_id)


def end_unsent(record: Withdrawal, *, note: str, now: datetime) -> None:
    """End the payout of a locked withdrawal, where it has one that was never sent.

    Raises Conflict where the provider may have it.
    """
    payout = Payout.objects.select_for_update().filter(withdrawal=record).first()
    if payout is None:
        return
    if payout.attempts:
        raise Conflict("it is on its way: the provider was asked to pay it")
    move_payout(payout, State.CANCELLED, note=note, now=now)


def move_payout(payout: Payout, state: str, *, note: str = "", now: datetime) -> None:
    """Bring a locked payout into another state, with all that was changed of it."""
    payout.state = state
    payout.note = note
    payout.updated_at = now
    payout.save()
