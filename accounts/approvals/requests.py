"""Acts of operators that one may do alone up to a limit, and asks for above it.

Each returns what it did, or the approval that now waits for a second person.
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from accounts.access.actor import Actor, ActorKind, Permission
from accounts.access.confirmation import has_second_factor
from accounts.access.rights import is_privileged
from accounts.approval_rows import Asked, moment
from accounts.approvals.kinds import (
    KIND_ADJUSTMENT,
    KIND_CREDIT,
    KIND_ERASURE,
    KIND_FACTORS,
    KIND_THRESHOLD,
)
from accounts.approvals.services import ask
from accounts.audit import checked_reason
from accounts.models import Approval, Asset, Deposit, LedgerTransaction
from accounts.money.assets import change_threshold_now, checked_threshold
from accounts.money.previews import preview_adjustment, preview_credit
from accounts.money.services import adjust_now, checked_reference, credit_now, is_alone
from accounts.people.locks import lock_user
from accounts.people.services import LABEL_LENGTH_MAX
from accounts.privacy.erasure import list_obstacles
from zavora.foundation.errors import Conflict, NotFound


@transaction.atomic(durable=True)
def submit_adjustment(
    *,
    by: Actor,
    account_id: UUID,
    asset: str,
    amount: Decimal,
    reason: str,
    now: datetime | None = None,
) -> LedgerTransaction | Approval:
    """Correct a balance as ``adjust_balance``, or ask for it where that takes a second person.

    Raises as ``adjust_balance``, and Conflict where a correction of this balance waits already.
    """
    by.require(Permission.ADJUST_BALANCE)
    if is_alone(by, amount):
        return adjust_now(by, account_id=account_id, asset=asset, amount=amount, reason=reason)
    reason = checked_reason(reason, length_max=LABEL_LENGTH_MAX)
    movement = preview_adjustment(by=by, account_id=account_id, asset=asset, amount=amount)
    asked = Asked(
        kind=KIND_ADJUSTMENT,
        account=movement.account,
        subject=f"account:{account_id}",
        topic=movement.asset.code,
        arguments={
            "account": str(account_id), "asset": movement.asset.code, "amount": f"{amount:f}",
        },
        reason=reason,
    )  # fmt: skip
    return ask(by, asked, now=moment(now))


@transaction.atomic(durable=True)
def submit_credit(
    *,
    by: Actor,
    account_id: UUID,
    asset: str,
    amount: Decimal,
    external_reference: str,
    reason: str,
    key: str | None = None,
    now: datetime | None = None,
) -> Deposit | Approval:
    """Credit an account as ``credit_deposit``, or ask for it where that takes a second person.

    Raises as ``credit_deposit``, and Conflict where a credit of this account with a reference that
    begins alike waits already.
    """
    by.require(Permission.CREDIT_DEPOSIT)
    if is_alone(by, amount):
        return credit_now(
            by,
            account_id=account_id,
            asset=asset,
            amount=amount,
            external_reference=external_reference,
            reason=reason,
            key=key,
        )
    reason, external_reference = checked_reason(reason), checked_reference(external_reference)
    movement = preview_credit(by=by, account_id=account_id, asset=asset, amount=amount)
    asked = Asked(
        kind=KIND_CREDIT,
        account=movement.account,
        subject=f"account:{account_id}",
        topic=external_reference[:64],
        arguments={
            "account": str(account_id), "asset": movement.asset.code, "amount": f"{amount:f}",
            "external_reference": external_reference,
        },
        reason=reason,
    )  # fmt: skip
    return ask(by, asked, now=moment(now))


@transaction.atomic(durable=True)
def submit_threshold(
    *, by: Actor, code: str, amount: Decimal, reason: str, now: datetime | None = None
) -> Asset | Approval:
    """Set up to what an asset's withdrawals need no approval; a higher one takes a second person.

    The exchange itself sets any at once. Raises Forbidden, NotFound, ValidationFailed, or Conflict
    where a change of it waits already.
    """
    by.require(Permission.CHANGE_THRESHOLD)
    reason = checked_reason(reason)
    asset = checked_threshold(code, amount)
    if by.kind is ActorKind.SYSTEM or amount <= asset.withdrawal_auto_max:
        return change_threshold_now(by, code=code, amount=amount, reason=reason)
    asked = Asked(
        kind=KIND_THRESHOLD,
        subject=f"asset:{code}",
        arguments={"asset": code, "amount": f"{amount:f}"},
        reason=reason,
    )
    return ask(by, asked, now=moment(now))


@transaction.atomic(durable=True)
def submit_erasure(
    *, by: Actor, user_id: int, reason: str, now: datetime | None = None
) -> Approval:
    """Ask a second person to have somebody erased; the person asked the exchange for it.

    Raises Forbidden (about staff for who is no superuser), NotFound, ValidationFailed without a
    reason, or Conflict while anything is theirs or on its way, for who is erased, and where it
    waits already.
    """
    by.require(Permission.ERASE_PERSON)
    reason = checked_reason(reason)
    user = lock_user(user_id)
    by.require_over(is_privileged=is_privileged(user), what="erase people")
    if user.erased_at is not None:
        raise Conflict("the person is erased already")
    if obstacles := list_obstacles(user):
        raise Conflict("the person cannot be erased yet", **obstacles)
    return ask(by, _about(KIND_ERASURE, user_id, reason), now=moment(now))


@transaction.atomic(durable=True)
def submit_factor_reset(
    *, by: Actor, user_id: int, reason: str, now: datetime | None = None
) -> Approval:
    """Ask a second person to have the second factors of somebody taken who lost them.

    Raises Forbidden (about staff for who is no superuser), NotFound, for a user shut out, too,
    ValidationFailed without a reason, or Conflict where there are none or it waits already.
    """
    by.require(Permission.RESET_FACTORS)
    reason = checked_reason(reason)
    user = lock_user(user_id)
    by.require_over(is_privileged=is_privileged(user), what="reset second factors")
    if not user.is_active:
        raise NotFound("the user is shut out")
    if not has_second_factor(user.pk):
        raise Conflict("the person has no second factor")
    return ask(by, _about(KIND_FACTORS, user_id, reason), now=moment(now))


def _about(kind: str, user_id: int, reason: str) -> Asked:
    """Return what is asked for about a person."""
    return Asked(
        kind=kind,
        subject=f"user:{user_id}",
        arguments={"user": str(user_id)},
        reason=reason,
        about_id=user_id,
    )
