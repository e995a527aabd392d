"""Withdrawals: held when asked for, then paid out or given back.

Only the sandbox, where the faucet makes the money, pays out at once; anywhere else an operator
decides. Each service locks the account first, then its balance: of a pay-out and a cancel at once
one wins.
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.access.actor import Actor, Permission
from accounts.access.callers import SCOPE_WITHDRAW
from accounts.access.confirmation import require_factor_to_withdraw
from accounts.access.rights import require_over_owner, require_own
from accounts.audit import record_act
from accounts.models import Account, Balance, Withdrawal
from accounts.money.postings import (
    ZERO,
    balance_state,
    change_balance,
    checked_amount,
    get_asset,
    lock_balance,
    move_with_outside,
)
from accounts.money.services import SHUT_STATUSES, check_key
from accounts.notices import BalanceState, publish_balances_on_commit
from accounts.people.locks import lock_account
from zavora.foundation.errors import (
    AccountFrozen,
    Conflict,
    InsufficientBalance,
    NotFound,
    ValidationFailed,
)
from zavora.foundation.idempotency import KEY_LENGTH_MAX
from zavora.foundation.money import EXACT


@transaction.atomic(durable=True)
def request_withdrawal(
    *,
    by: Actor,
    account_id: UUID,
    asset: str,
    amount: Decimal,
    key: str | None = None,
    address: str = "",
) -> Withdrawal:
    """Hold ``amount`` of one's own ``asset`` for a withdrawal. Idempotent on ``key``.

    In the sandbox (``ZAVORA_FAUCET``) it is paid out at once and may do without an address.
    Raises Forbidden (without the scope, or a second factor where that is asked), AccountNotFound
    (for somebody else's, too), InsufficientBalance, AccountFrozen, ValidationFailed or Conflict;
    then nothing was written.
    """
    by.require_scope(SCOPE_WITHDRAW)
    require_factor_to_withdraw(by)
    check_key(key)
    if len(address) > KEY_LENGTH_MAX or not address.isprintable():
        raise ValidationFailed(
            "bad address", address=f"expected at most {KEY_LENGTH_MAX} printable characters"
        )
    account = lock_account(account_id)
    require_own(by, account, what="withdraw for others")
    the_asset = get_asset(asset)
    checked_amount(amount, the_asset)
    if key is not None and (
        earlier := Withdrawal.objects.filter(account=account, idempotency_key=key).first()
    ):
        if (earlier.asset_id, earlier.amount, earlier.address) == (the_asset.pk, amount, address):
            return earlier
        raise Conflict("the key was used for another withdrawal")
    if not address.strip() and not settings.ZAVORA_FAUCET:
        raise ValidationFailed("no address", address="expected where the money is to go")
    if account.status in SHUT_STATUSES:
        raise AccountFrozen(f"the account is {account.status}")
    balance = lock_balance(account=account, asset=the_asset)
    if balance.available < amount:
        raise InsufficientBalance(
            f"not enough {the_asset.code} available", asset=the_asset.code, required=f"{amount:f}"
        )
    now = timezone.now()
    change_balance(balance, available=EXACT.minus(amount), locked=amount, now=now)
    record = Withdrawal.objects.create(
        account=account,
        asset=the_asset,
        amount=amount,
        address=address,
        idempotency_key=key,
        created_at=now,
        updated_at=now,
    )
    # Each version is told: readers notice one that they were not told of.
    states = [balance_state(balance, the_asset)]
    if settings.ZAVORA_FAUCET:
        states.append(_settle(record, balance, now))
    _record(by, "withdrawal.request", record, account)
    publish_balances_on_commit(states)
    return record


@transaction.atomic(durable=True)
def settle_withdrawal(*, by: Actor, withdrawal_id: int) -> Withdrawal:
    """Pay out a pending withdrawal; again is fine.

    Raises Forbidden, NotFound, AccountFrozen, or Conflict where it was cancelled.
    """
    by.require(Permission.DECIDE_WITHDRAWAL)
    record, account, balance = _lock_withdrawal(withdrawal_id)
    require_over_owner(by, account, what="pay out withdrawals")
    if record.state == Withdrawal.State.CANCELLED:
        raise Conflict("the withdrawal was cancelled")
    if record.state == Withdrawal.State.PENDING:
        if account.status in SHUT_STATUSES:
            raise AccountFrozen(f"the account is {account.status}")
        publish_balances_on_commit([_settle(record, balance, timezone.now())])
        _record(by, "withdrawal.settle", record, account)
    return record


@transaction.atomic(durable=True)
def cancel_withdrawal(*, by: Actor, withdrawal_id: int) -> Withdrawal:
    """Give back what a pending withdrawal holds, by an operator; again is fine.

    Raises Forbidden, NotFound, or Conflict where it was paid out.
    """
    by.require(Permission.DECIDE_WITHDRAWAL)
    record, account, balance = _lock_withdrawal(withdrawal_id)
    require_over_owner(by, account, what="cancel withdrawals")
    if _release(record, balance):
        _record(by, "withdrawal.cancel", record, account)
    return record


@transaction.atomic(durable=True)
def cancel_own_withdrawal(*, by: Actor, account_id: UUID, withdrawal_id: int) -> Withdrawal:
    """Give back what a pending withdrawal of one's own account holds; again is fine.

    A frozen account may: nothing leaves by it. Raises Forbidden (without the scope),
    AccountNotFound or NotFound, for somebody else's too, or Conflict where it was paid out.
    """
    by.require_scope(SCOPE_WITHDRAW)
    record, account, balance = _lock_withdrawal(withdrawal_id, account_id=account_id)
    require_own(by, account, what="cancel withdrawals in others' names")
    if _release(record, balance):
        _record(by, "withdrawal.cancel", record, account)
    return record


def _lock_withdrawal(
    withdrawal_id: int, *, account_id: UUID | None = None
) -> tuple[Withdrawal, Account, Balance]:
    """Return a withdrawal as it stands under the locks of its account and balance."""
    record = Withdrawal.objects.select_related("account", "asset").filter(pk=withdrawal_id).first()
    if record is None or account_id not in (None, record.account.public_id):
        raise NotFound("no such withdrawal")
    account = lock_account(record.account.public_id)
    balance = lock_balance(account=account, asset=record.asset)
    record.refresh_from_db(fields=["state", "updated_at", "transaction"])
    return record, account, balance


def _release(record: Withdrawal, balance: Balance) -> bool:
    """Give back what is held, once; return whether this call did. Raises Conflict if paid out."""
    if record.state == Withdrawal.State.SETTLED:
        raise Conflict("the withdrawal was paid out")
    if record.state == Withdrawal.State.CANCELLED:
        return False
    now = timezone.now()
    change_balance(balance, available=record.amount, locked=EXACT.minus(record.amount), now=now)
    record.state = Withdrawal.State.CANCELLED
    record.updated_at = now
    record.save(update_fields=["state", "updated_at"])
    publish_balances_on_commit([balance_state(balance, record.asset)])
    return True


def _record(by: Actor, act: str, record: Withdrawal, account: Account) -> None:
    record_act(
        by, act, f"account:{account.public_id}", withdrawal=str(record.pk),
        asset=record.asset.code, amount=f"{record.amount:f}", address=record.address,
        state=str(record.state),
    )  # fmt: skip


def _settle(record: Withdrawal, balance: Balance, now: datetime) -> BalanceState:
    """Pay out what is held and return how the balance stands after it."""
    amount = EXACT.minus(record.amount)
    change_balance(balance, available=ZERO, locked=amount, now=now)
    record.transaction = move_with_outside(
        kind="withdrawal", reference=str(record.pk), balance=balance, amount=amount, now=now
    )
    record.state = Withdrawal.State.SETTLED
    record.updated_at = now
    record.save(update_fields=["transaction", "state", "updated_at"])
    return balance_state(balance, record.asset, moved=amount)
