"""A withdrawal's states, each step with who, when and why; what is held is given back once.

    pending -> approved -> settled
       |          |-> failed, cancelled
       |-> refused, cancelled, failed

All of it happens in the caller's transaction, under the locks of the account and its balance.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from accounts.access.actor import Actor
from accounts.approval_rows import cancel_waiting, lock_approval
from accounts.audit import record_act
from accounts.models import Account, Balance, Withdrawal
from accounts.money.payout_rows import end_unsent
from accounts.money.postings import (
    ZERO,
    balance_state,
    change_balance,
    figures_of,
    lock_balance,
    move_with_outside,
)
from accounts.notices import BalanceState, publish_balances_on_commit
from accounts.people.locks import lock_account
from zavora.foundation.errors import Conflict, InvariantBroken, NotFound
from zavora.foundation.money import EXACT

State = Withdrawal.State
WHO_LENGTH_MAX: Final = 128
WHY_LENGTH_MAX: Final = 200
STEPS: Final[Mapping[str, frozenset[str]]] = {
    State.PENDING: frozenset({State.APPROVED, State.CANCELLED, State.REFUSED, State.FAILED}),
    State.APPROVED: frozenset({State.SETTLED, State.CANCELLED, State.FAILED}),
}
_ENDED: Final[Mapping[str, str]] = {
    State.SETTLED: "the withdrawal was paid out",
    State.CANCELLED: "the withdrawal was cancelled",
    State.REFUSED: "the withdrawal was refused",
    State.FAILED: "the withdrawal failed",
}


def lock_withdrawal(
    withdrawal_id: int, *, account_id: UUID | None = None
) -> tuple[Withdrawal, Account, Balance]:
    """Return a withdrawal as it stands under the locks of its account and balance.

    Raises NotFound, also where it is of another account than ``account_id``.
    """
    record = Withdrawal.objects.select_related("account", "asset").filter(pk=withdrawal_id).first()
    if record is None or account_id not in (None, record.account.public_id):
        raise NotFound("no such withdrawal")
    account = lock_account(record.account.public_id)
    if record.approval_id is not None:
        # Before the balance, as those do who decide.
        lock_approval(record.approval_id)
    record.refresh_from_db(fields=["state", "updated_at", "transaction"])
    balance = lock_balance(account=account, asset=record.asset)
    return record, account, balance


def refuse_what_ended(record: Withdrawal) -> None:
    """Raise Conflict where a withdrawal has left or its money was given back."""
    if record.state in _ENDED:
        raise Conflict(_ENDED[record.state])


def move_on(record: Withdrawal, state: str, by: Actor, *, why: str = "", now: datetime) -> None:
    """Bring a locked withdrawal into another state. Raises InvariantBroken for no step of it."""
    if state not in STEPS.get(record.state, ()):
        raise InvariantBroken(f"no step of a withdrawal: {record.state} to {state}")
    record.state = state
    record.decided_by = by.text[:WHO_LENGTH_MAX]
    record.why = why[:WHY_LENGTH_MAX]
    record.updated_at = now
    record.save(update_fields=["state", "decided_by", "why", "updated_at", "transaction"])


def give_back(
    record: Withdrawal, balance: Balance, state: str, by: Actor, *, why: str = "", now: datetime
) -> None:
    """Make available what a withdrawal holds, exactly, and end it in ``state``.

    The approval that may wait for it is the caller's to end, where it is not cancelled here.
    """
    change_balance(balance, available=record.amount, locked=EXACT.minus(record.amount), now=now)
    move_on(record, state, by, why=why, now=now)
    publish_balances_on_commit([balance_state(balance, record.asset)])


def cancel(record: Withdrawal, balance: Balance, by: Actor, *, now: datetime) -> None:
    """Give back what a withdrawal holds, once, and end its approval; again is fine.

    Raises Conflict where it was paid out, refused, has failed, or a provider may pay it.
    """
    if record.state == State.CANCELLED:
        return
    refuse_what_ended(record)
    end_unsent(record, note="the withdrawal was cancelled", now=now)
    was = figures(record, balance)
    cancel_waiting(record.approval_id, now=now)
    give_back(record, balance, State.CANCELLED, by, now=now)
    record_withdrawal(by, "withdrawal.cancel", record, balance, was=was)


def settle(record: Withdrawal, balance: Balance, by: Actor, *, now: datetime) -> BalanceState:
    """Pay out what is held and return how the balance stands after it."""
    amount = EXACT.minus(record.amount)
    change_balance(balance, available=ZERO, locked=amount, now=now)
    record.transaction = move_with_outside(
        kind="withdrawal", reference=str(record.pk), balance=balance, amount=amount, now=now
    )
    move_on(record, State.SETTLED, by, now=now)
    return balance_state(balance, record.asset, moved=amount)


def figures(record: Withdrawal, balance: Balance) -> dict[str, str]:
    """Return how a withdrawal and its balance stand, as records say what was and is now."""
    return {"state": str(record.state), **figures_of(balance, record.asset)}


def record_withdrawal(
    by: Actor,
    act: str,
    record: Withdrawal,
    balance: Balance,
    *,
    was: dict[str, str],
    why: str = "",
    **more: Any,
) -> None:
    """Write down an act about a withdrawal: how it and its balance stood before, and stand now."""
    record_act(
        by, act, f"account:{record.account.public_id}", reason=why, withdrawal=str(record.pk),
        asset=record.asset.code, amount=f"{record.amount:f}", address=record.address,
        state=str(record.state), was=was, now=figures(record, balance), **more,
    )  # fmt: skip
