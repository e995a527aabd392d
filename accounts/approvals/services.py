"""Deciding: another person approves or refuses what one asked for; time ends what waits too long.

Who asked, and whose things it is about, decide nothing, and nobody approves twice: said here, and
held by constraints of the table. Of decisions at once one is first, by the lock of the account and
then of the approval; whether the time is over is asked under it, whatever the clockwork has done.
"""

from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.access.actor import Actor, ActorKind
from accounts.access.rights import is_privileged
from accounts.approval_rows import (
    KIND_WITHDRAWAL,
    Asked,
    end_approval,
    lock_approval,
    moment,
    open_approval,
    state_of,
)
from accounts.approvals.kinds import KINDS, Ending, Kind, kind_of
from accounts.audit import checked_reason, record_act
from accounts.models import Approval
from accounts.money.restored import is_held, require_not_held
from accounts.people.locks import lock_account
from zavora.foundation.errors import Conflict, Forbidden, NotFound, ZavoraError

OUTCOME_LENGTH_MAX = 200


def ask(by: Actor, asked: Asked, *, now: datetime) -> Approval:
    """Ask for an act within the present transaction, on record. Raises Conflict as it waits."""
    approval = open_approval(by, asked, needed=KINDS[asked.kind].approvers, now=now)
    _record(by, "approval.request", approval, reason=asked.reason, **asked.arguments)
    return approval


@transaction.atomic(durable=True)
def approve(*, by: Actor, approval_id: int, reason: str, now: datetime | None = None) -> Approval:
    """Approve what another person asked for; the last approval that it takes has it done, once.

    The answer's state is ``requested`` where one more is needed, ``failed`` where the act could
    not be done any more. Raises NotFound; Forbidden without the kind's permission, for who asked,
    for whose things it is about and for who approved it already; Conflict where it was decided or
    its time is over, and for a withdrawal while nothing leaves (``accounts.money.restored``).
    """
    reason = checked_reason(reason)
    kind, approval = _lock(by, approval_id)
    now = moment(now)
    _require_waiting(approval, now)
    if approval.kind == KIND_WITHDRAWAL:
        require_not_held()
    if by.user_id == approval.first_approver_id:
        raise Forbidden("you have approved it already: this takes another person")
    was = state_of(approval)
    if approval.first_approver_id is None:
        approval.first_approver_id, approval.first_approved_at = by.user_id, now
    else:
        approval.second_approver_id, approval.second_approved_at = by.user_id, now
    if approval.approvers_given < approval.approvers_needed:
        approval.save()
        _record(by, "approval.approve", approval, was=was, reason=reason)
        return approval
    try:
        with transaction.atomic():
            kind.execute(by, approval, now)
    except ZavoraError as error:
        _give_up(kind, approval, Ending(Approval.State.FAILED, by, str(error), now))
        _record(by, "approval.fail", approval, was=was, reason=reason, error=str(error))
        return approval
    end_approval(approval, Approval.State.APPROVED, now=now)
    _record(by, "approval.approve", approval, was=was, reason=reason)
    return approval


@transaction.atomic(durable=True)
def refuse(*, by: Actor, approval_id: int, reason: str, now: datetime | None = None) -> Approval:
    """Refuse what another person asked for; what the asking held is given back.

    One of two who approved it may still refuse it. Raises as ``approve``.
    """
    reason = checked_reason(reason)
    kind, approval = _lock(by, approval_id)
    now = moment(now)
    _require_waiting(approval, now)
    was = state_of(approval)
    approval.refused_by_id = by.user_id
    _give_up(kind, approval, Ending(Approval.State.REFUSED, by, reason, now))
    _record(by, "approval.refuse", approval, was=was, reason=reason)
    return approval


@transaction.atomic(durable=True)
def expire_approval(*, by: Actor, approval_id: int, now: datetime | None = None) -> Approval:
    """End what waited too long, and give back what it held; again is fine.

    Raises Forbidden for all but superusers and the exchange itself, NotFound, or Conflict before
    its time is over.
    """
    by.require_everything("let approvals expire")
    found = _find(approval_id)
    if found.account is not None:
        lock_account(found.account.public_id)
    approval = lock_approval(approval_id)
    if approval.state != Approval.State.REQUESTED:
        return approval
    now = moment(now)
    if now < approval.expires_at:
        raise Conflict("its time is not over yet")
    if approval.kind == KIND_WITHDRAWAL and is_held():
        return approval  # it may have been paid: what it holds is not given back by the clock
    was = state_of(approval)
    why = "nobody decided in time"
    _give_up(kind_of(approval), approval, Ending(Approval.State.EXPIRED, by, why, now))
    _record(by, "approval.expire", approval, was=was)
    return approval


def _find(approval_id: int) -> Approval:
    found = Approval.objects.select_related("account", "about").filter(pk=approval_id).first()
    if found is None:
        raise NotFound("no such approval")
    return found


def _lock(by: Actor, approval_id: int) -> tuple[Kind, Approval]:
    """Lock an approval for somebody who may decide about it; else raise Forbidden or NotFound."""
    # What is asked here of the row never changes, so it may be read before the locks.
    found = _find(approval_id)
    kind = kind_of(found)
    by.require(kind.permission)
    if by.kind is not ActorKind.OPERATOR or by.user_id is None:
        raise Forbidden("only people at the operators' pages decide")
    by.require_over(is_privileged=is_privileged(found.about), what="decide about things")
    if by.user_id == found.requester_id:
        raise Forbidden("nobody decides about what they asked for themselves")
    if by.user_id == found.about_id:
        raise Forbidden("nobody decides about what is their own")
    if found.account is not None:
        lock_account(found.account.public_id)
    return kind, lock_approval(approval_id)


def _require_waiting(approval: Approval, now: datetime) -> None:
    if approval.state != Approval.State.REQUESTED:
        raise Conflict(f"it is {approval.state} already")
    if now >= approval.expires_at:
        raise Conflict("its time is over")


def _give_up(kind: Kind, approval: Approval, ending: Ending) -> None:
    kind.give_up(approval, ending)
    outcome = ending.why[:OUTCOME_LENGTH_MAX]
    end_approval(approval, ending.state, outcome=outcome, now=ending.now)


def _record(by: Actor, act: str, approval: Approval, *, reason: str = "", **more: Any) -> None:
    record_act(
        by, act, approval.subject, reason=reason, approval=str(approval.pk), kind=approval.kind,
        requester=approval.requester_id, now=state_of(approval), **more,
    )  # fmt: skip
