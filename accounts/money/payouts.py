"""The outbox at work: payouts are taken, sent by whoever took them, and what came of it is written.

Nothing is sent within a transaction, so a process may end between the sending and the record of it.
The next one sends the same again under the same key, which the provider pays once. Who records what
came of an attempt names its number: one that took too long has lost its lease, and changes nothing.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec
import structlog
from django.db import transaction

from accounts.access.actor import Actor, Permission
from accounts.access.rights import require_over_owner
from accounts.approval_rows import moment
from accounts.audit import checked_reason, record_act
from accounts.models import Balance, Payout, Withdrawal
from accounts.money.payout_rows import State, lock_payout, move_payout
from accounts.money.reconcile import plain
from accounts.money.restored import is_held
from accounts.money.services import SHUT_STATUSES
from accounts.money.withdrawal_states import (
    figures,
    give_back,
    lock_withdrawal,
    record_withdrawal,
    settle,
)
from accounts.notices import publish_balances_on_commit
from accounts.people.locks import lock_account
from accounts.providers.client import Sent
from accounts.providers.messages import PayoutRequest
from zavora.foundation.errors import Conflict, NotFound

# Whoever sends has this long; a request takes a sixth of it at most.
LEASE: Final = timedelta(seconds=60)
# Tried again after 10 s, 20 s, 40 s ... up to an hour; given to an operator after ten in a row.
BACKOFF_FIRST: Final = timedelta(seconds=10)
BACKOFF_MAX: Final = timedelta(hours=1)
FAILURES_MAX: Final = 10
# A provider that has it and says no more is asked: its webhook may be lost.
ASK_AGAIN: Final = timedelta(hours=1)
# A frozen account pays nothing out, nor does an exchange that was restored.
SHUT_WAIT: Final = timedelta(minutes=1)
DUE_STATES: Final = (State.WAITING, State.SENDING, State.SENT)
DUE_MAX: Final = 100

log = structlog.get_logger(__name__)


class Taken(msgspec.Struct, frozen=True):
    """A payout that is somebody's to send until ``until``, and the number of this attempt."""

    payout_id: int
    attempt: int
    request: PayoutRequest
    until: datetime


def list_due_payouts(provider: str, now: datetime, *, limit: int = DUE_MAX) -> list[int]:
    """Return the ids of a provider's payouts that are due, those that wait longest first.

    What another provider was asked before is not this one's: it may have been paid there.
    """
    due = Payout.objects.filter(state__in=DUE_STATES, due_at__lte=now, provider=provider)
    return list(due.order_by("due_at", "pk").values_list("pk", flat=True)[:limit])


@transaction.atomic(durable=True)
def take_payout(*, by: Actor, payout_id: int, now: datetime | None = None) -> Taken | None:
    """Take a payout that is due, to be sent; None where it is not, or somebody else has it.

    Of a frozen account none is taken, nor any while nothing leaves (``restored``). Raises Forbidden
    for all but the exchange itself and superusers, or NotFound.
    """
    by.require_everything("send payouts")
    account = lock_account(_find(payout_id).account.public_id)
    payout = lock_payout(payout_id)
    now = moment(now)
    if payout.state not in DUE_STATES or payout.due_at > now:
        return None
    if account.status in SHUT_STATUSES or is_held():
        payout.due_at = now + SHUT_WAIT
        payout.save(update_fields=["due_at"])
        return None
    # Whoever had it ended in between: it may have been sent, or not.
    payout.is_in_doubt |= payout.state == State.SENDING
    payout.attempts += 1
    payout.due_at = now + LEASE
    move_payout(payout, State.SENDING, note=payout.note, now=now)
    record = Withdrawal.objects.select_related("asset").get(pk=payout.withdrawal_id)
    request = PayoutRequest(
        reference=str(payout.public_id),
        asset=record.asset.code,
        amount=plain(record.amount),
        address=record.address,
    )
    return Taken(payout.pk, payout.attempts, request, payout.due_at)


@transaction.atomic(durable=True)
def record_sent(
    *, by: Actor, payout_id: int, attempt: int, sent: Sent, now: datetime | None = None
) -> Payout:
    """Write down what came of an attempt; one that lost its lease changes nothing.

    Raises as ``take_payout``.
    """
    by.require_everything("send payouts")
    record, balance, payout = _lock(payout_id)
    if payout.state != State.SENDING or payout.attempts != attempt:
        return payout
    now = moment(now)
    payout.provider_reference = sent.provider_reference or payout.provider_reference
    if sent.known in ("paid", "failed"):
        end_by_provider(by, payout, record, balance, is_paid=sent.known == "paid",
                        note=sent.note, now=now)  # fmt: skip
    elif sent.known == "accepted":
        payout.is_in_doubt = False
        payout.failures = 0
        payout.accepted_at = payout.accepted_at or now
        payout.due_at = now + ASK_AGAIN
        move_payout(payout, State.SENT, now=now)
    elif sent.known == "refused":
        payout.is_in_doubt = False
        _bury(by, payout, note=f"refused: {sent.note}", now=now)
    else:
        payout.is_in_doubt |= sent.known == "unknown"
        _try_later(by, payout, note=sent.note, now=now)
    return payout


def _try_later(by: Actor, payout: Payout, *, note: str, now: datetime) -> None:
    payout.failures += 1
    if payout.accepted_at is not None:
        # The provider has it: asking about it may fail as often as it likes.
        payout.due_at = now + ASK_AGAIN
        move_payout(payout, State.SENT, note=_cut(note), now=now)
    elif payout.failures >= FAILURES_MAX:
        _bury(by, payout, note=note, now=now)
    else:
        payout.due_at = now + min(BACKOFF_MAX, BACKOFF_FIRST * 2 ** (payout.failures - 1))
        move_payout(payout, State.WAITING, note=_cut(note), now=now)


def _bury(by: Actor, payout: Payout, *, note: str, now: datetime) -> None:
    """Make a dead letter of a payout: an operator decides."""
    was = state_of(payout)
    move_payout(payout, State.DEAD, note=_cut(note), now=now)
    record_act(
        by, "payout.dead", f"account:{payout.account.public_id}", payout=str(payout.public_id),
        withdrawal=str(payout.withdrawal_id), note=payout.note, was=was, now=state_of(payout),
    )  # fmt: skip
    log.critical("payout_dead", payout=str(payout.public_id), in_doubt=payout.is_in_doubt)


def end_by_provider(
    by: Actor,
    payout: Payout,
    record: Withdrawal,
    balance: Balance,
    *,
    is_paid: bool,
    note: str,
    now: datetime,
) -> None:
    """End a locked payout as its provider says: what was held has left, or is given back."""
    was = figures(record, balance)
    payout.is_in_doubt = False
    if is_paid:
        move_payout(payout, State.PAID, now=now)
        publish_balances_on_commit([settle(record, balance, by, now=now)])
    else:
        move_payout(payout, State.FAILED, note=_cut(note), now=now)
        give_back(record, balance, Withdrawal.State.FAILED, by, why=note, now=now)
    record_withdrawal(
        by, "withdrawal.settle" if is_paid else "withdrawal.fail", record, balance, was=was,
        why=note, payout=str(payout.public_id), provider_reference=payout.provider_reference,
    )  # fmt: skip


@transaction.atomic(durable=True)
def retry_payout(*, by: Actor, payout_id: int, now: datetime | None = None) -> Payout:
    """Let a dead payout be sent again, or a provider that has one be asked about it, at once.

    Raises Forbidden, NotFound, or Conflict for one that is over or is being sent.
    """
    by.require(Permission.DECIDE_WITHDRAWAL)
    account = lock_account(_find(payout_id).account.public_id)
    require_over_owner(by, account, what="decide on withdrawals")
    payout = lock_payout(payout_id)
    if payout.state not in (State.DEAD, State.WAITING, State.SENT):
        raise Conflict(f"it is {payout.get_state_display()}")
    was = state_of(payout)
    payout.failures = 0
    payout.due_at = moment(now)
    state = State.WAITING if payout.accepted_at is None else State.SENT
    move_payout(payout, state, note=payout.note, now=payout.due_at)
    record_act(
        by, "payout.retry", f"account:{account.public_id}", payout=str(payout.public_id),
        withdrawal=str(payout.withdrawal_id), was=was, now=state_of(payout),
    )  # fmt: skip
    return payout


@transaction.atomic(durable=True)
def give_up_payout(
    *,
    by: Actor,
    payout_id: int,
    reason: str,
    is_void: bool = False,
    now: datetime | None = None,
) -> Payout:
    """Give a payout up: its withdrawal fails, and what it holds is given back, exactly.

    ``is_void``: the operator knows from the provider that it has not paid it and never will; only
    one that is dead and not in doubt does without. Again is fine. Raises Forbidden, NotFound,
    ValidationFailed without a reason, or Conflict for one that is over or is being sent, or that
    the provider may have.
    """
    by.require(Permission.DECIDE_WITHDRAWAL)
    reason = checked_reason(reason)
    record, balance, payout = _lock(payout_id)
    require_over_owner(by, record.account, what="decide on withdrawals")
    if payout.state == State.GIVEN_UP:
        return payout
    if payout.state not in (State.DEAD, State.WAITING, State.SENT):
        raise Conflict(f"it is {payout.get_state_display()}")
    if not is_void and (payout.is_in_doubt or payout.state != State.DEAD):
        raise Conflict("the provider may have it: ask there, have it made void, and say so")
    now = moment(now)
    was = figures(record, balance)
    move_payout(payout, State.GIVEN_UP, note=reason, now=now)
    give_back(record, balance, Withdrawal.State.FAILED, by, why=reason, now=now)
    record_withdrawal(
        by, "withdrawal.fail", record, balance, was=was, why=reason,
        payout=str(payout.public_id), in_doubt=payout.is_in_doubt, is_void=is_void,
    )  # fmt: skip
    return payout


def state_of(payout: Payout) -> dict[str, object]:
    """Return how a payout stands, as records of acts say what was and is now."""
    return {
        "state": str(payout.state), "failures": payout.failures,
        "due_at": payout.due_at.isoformat(),
    }  # fmt: skip


def _cut(note: str) -> str:
    return note[:200]


def _find(payout_id: int) -> Payout:
    found = Payout.objects.select_related("account").filter(pk=payout_id).first()
    if found is None:
        raise NotFound("no such payout")
    return found


def _lock(payout_id: int) -> tuple[Withdrawal, Balance, Payout]:
    """Lock a payout, and before it all that its withdrawal locks."""
    record, _account, balance = lock_withdrawal(_find(payout_id).withdrawal_id)
    return record, balance, lock_payout(payout_id)
