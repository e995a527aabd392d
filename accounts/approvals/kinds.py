"""What can be asked for, and what comes of it: a line in ``KINDS`` for each kind.

``execute`` runs in the transaction of the last approval, in a savepoint, with the account locked
where there is one; what it raises of the family of errors is undone, and the approval has failed.
``give_up`` undoes what the asking has done, where the act will not be: refused, expired or failed.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec

from accounts.access.actor import Actor, Permission
from accounts.approval_rows import APPROVERS_OF_A_WITHDRAWAL, KIND_WITHDRAWAL
from accounts.models import Approval, Withdrawal
from accounts.money.adapters import adapter
from accounts.money.assets import change_threshold_now
from accounts.money.services import adjust_now, credit_now
from accounts.money.withdrawal_states import (
    figures,
    give_back,
    lock_withdrawal,
    move_on,
    record_withdrawal,
)
from accounts.notices import publish_balances_on_commit
from accounts.people.factors import reset_factors_now
from accounts.privacy.erasure import erase_now
from zavora.foundation.errors import NotFound

KIND_ADJUSTMENT: Final = "adjustment"
KIND_CREDIT: Final = "credit"
KIND_THRESHOLD: Final = "threshold"
KIND_ERASURE: Final = "erasure"
KIND_FACTORS: Final = "factors"


class Ending(msgspec.Struct, frozen=True):
    """How an act came to nothing: the approval's last state, by whom, why and when."""

    state: str
    by: Actor
    why: str
    now: datetime


Execute = Callable[[Actor, Approval, datetime], None]
GiveUp = Callable[[Approval, Ending], None]


def nothing_to_undo(_approval: Approval, _ending: Ending) -> None:
    """Leave everything as it is: the asking has changed nothing."""


class Kind(msgspec.Struct, frozen=True):
    """What an approval of a kind takes: the permission of who decides, how many, and the act."""

    permission: Permission
    execute: Execute
    approvers: int = 1
    give_up: GiveUp = nothing_to_undo


# --- withdrawals ----------------------------------------------------------------------------------


def _approve_withdrawal(by: Actor, approval: Approval, now: datetime) -> None:
    record, _account, balance = lock_withdrawal(_withdrawal_of(approval))
    was = figures(record, balance)
    move_on(record, Withdrawal.State.APPROVED, by, now=now)
    if states := adapter().pay_out(by, record, balance, now=now):
        publish_balances_on_commit(states)
    record_withdrawal(by, "withdrawal.approve", record, balance, was=was, approval=str(approval.pk))


def _give_withdrawal_back(approval: Approval, ending: Ending) -> None:
    record, _account, balance = lock_withdrawal(_withdrawal_of(approval))
    was = figures(record, balance)
    has_failed = ending.state == Approval.State.FAILED
    state = Withdrawal.State.FAILED if has_failed else Withdrawal.State.REFUSED
    give_back(record, balance, state, ending.by, why=ending.why, now=ending.now)
    record_withdrawal(
        ending.by, "withdrawal.fail" if has_failed else "withdrawal.refuse", record, balance,
        was=was, why=ending.why, approval=str(approval.pk),
    )  # fmt: skip


def _withdrawal_of(approval: Approval) -> int:
    return int(approval.arguments["withdrawal"])


# --- money by an operator's word ------------------------------------------------------------------


def _adjust(by: Actor, approval: Approval, _now: datetime) -> None:
    arguments = approval.arguments
    adjust_now(
        by,
        account_id=UUID(arguments["account"]),
        asset=arguments["asset"],
        amount=Decimal(arguments["amount"]),
        reason=approval.reason,
        **_asked(approval),
    )


def _credit(by: Actor, approval: Approval, _now: datetime) -> None:
    arguments = approval.arguments
    credit_now(
        by,
        account_id=UUID(arguments["account"]),
        asset=arguments["asset"],
        amount=Decimal(arguments["amount"]),
        external_reference=arguments["external_reference"],
        reason=approval.reason,
        **_asked(approval),
    )


def _raise_threshold(by: Actor, approval: Approval, _now: datetime) -> None:
    change_threshold_now(
        by,
        code=approval.arguments["asset"],
        amount=Decimal(approval.arguments["amount"]),
        reason=approval.reason,
        **_asked(approval),
    )


# --- people ---------------------------------------------------------------------------------------


def _erase(by: Actor, approval: Approval, now: datetime) -> None:
    user_id = int(approval.arguments["user"])
    erase_now(by, user_id=user_id, now=now, reason=approval.reason, **_asked(approval))


def _reset_factors(by: Actor, approval: Approval, now: datetime) -> None:
    user_id = int(approval.arguments["user"])
    reset_factors_now(by, user_id=user_id, now=now, reason=approval.reason, **_asked(approval))


def _asked(approval: Approval) -> dict[str, Any]:
    """Return what a record of the act says of who asked for it."""
    return {"approval": str(approval.pk), "requester": approval.requester_id}


KINDS: Final[Mapping[str, Kind]] = {
    KIND_WITHDRAWAL: Kind(
        Permission.APPROVE_WITHDRAWAL,
        _approve_withdrawal,
        APPROVERS_OF_A_WITHDRAWAL,
        _give_withdrawal_back,
    ),
    KIND_ADJUSTMENT: Kind(Permission.APPROVE_ADJUSTMENT, _adjust),
    KIND_CREDIT: Kind(Permission.APPROVE_ADJUSTMENT, _credit),
    KIND_THRESHOLD: Kind(Permission.CHANGE_THRESHOLD, _raise_threshold),
    KIND_ERASURE: Kind(Permission.DECIDE_PERSON, _erase),
    KIND_FACTORS: Kind(Permission.DECIDE_PERSON, _reset_factors),
}


def kind_of(approval: Approval) -> Kind:
    """Return an approval's kind; raises NotFound for one that a newer version knows."""
    kind = KINDS.get(approval.kind)
    if kind is None:
        raise NotFound(f"no such kind of approval: {approval.kind}")
    return kind
