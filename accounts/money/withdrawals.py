"""Withdrawals: held when asked for, approved, then paid out or given back.

Only the sandbox, where the faucet makes the money, pays out at once. Anywhere else a withdrawal up
to its asset's threshold is approved by itself, and one above it by two persons, neither of them
the asker (``accounts.approvals``); an operator then pays it out, or a provider is asked to
(``accounts.money.adapters``). Each service locks the account
first, then the approval, then the balance: of a pay-out and a cancel at once one wins.
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from accounts.access.actor import Actor, Permission
from accounts.access.callers import SCOPE_WITHDRAW
from accounts.access.confirmation import require_factor_to_withdraw
from accounts.access.rights import require_over_owner, require_own
from accounts.approval_rows import (
    APPROVERS_OF_A_WITHDRAWAL,
    KIND_WITHDRAWAL,
    Asked,
    moment,
    open_approval,
)
from accounts.audit import checked_reason
from accounts.models import Account, Asset, Balance, Withdrawal
from accounts.money.adapters import adapter
from accounts.money.addresses import check_address, checked_address
from accounts.money.limits import check_limits, lock_owner_of
from accounts.money.payout_rows import end_unsent
from accounts.money.postings import (
    balance_state,
    change_balance,
    checked_amount,
    figures_of,
    get_asset,
    lock_balance,
    not_enough,
)
from accounts.money.restored import require_not_held
from accounts.money.services import SHUT_STATUSES, check_key
from accounts.money.withdrawal_states import (
    cancel,
    figures,
    give_back,
    lock_withdrawal,
    move_on,
    record_withdrawal,
    refuse_what_ended,
    settle,
)
from accounts.notices import publish_balances_on_commit
from accounts.people.locks import lock_account
from accounts.people.pauses import require_not_paused
from zavora.foundation.errors import (
    AccountFrozen,
    Conflict,
    ValidationFailed,
)
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
    now: datetime | None = None,
) -> Withdrawal:
    """Hold ``amount`` of one's own ``asset`` for a withdrawal. Idempotent on ``key``.

    In the sandbox it is paid out at once and may do without an address. Else
    it is approved up to the asset's ``withdrawal_auto_max``, and waits for two persons above it.
    Raises Forbidden (without the scope, or a second factor where that is asked; to an address that
    the book does not allow yet; while withdrawals pause), AccountNotFound (for somebody else's,
    too), InsufficientBalance, AccountFrozen, ValidationFailed (above a day's limit, too) or
    Conflict (while nothing leaves, too: ``accounts.money.restored``); then nothing was written.
    """
    by.require_scope(SCOPE_WITHDRAW)
    require_factor_to_withdraw(by)
    check_key(key)
    address = checked_address(address)
    lock_owner_of(account_id)
    account = lock_account(account_id)
    require_own(by, account, what="withdraw for others")
    the_asset = get_asset(asset)
    checked_amount(amount, the_asset)
    if earlier := _earlier(account, key):
        if (earlier.asset_id, earlier.amount, earlier.address) == (the_asset.pk, amount, address):
            return earlier
        raise Conflict("the key was used for another withdrawal")
    require_not_held()
    now = moment(now)
    _check_rules(account, the_asset, amount, address, now)
    balance = lock_balance(account=account, asset=the_asset)
    if balance.available < amount:
        raise not_enough(the_asset, amount)
    was = figures_of(balance, the_asset)
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
    _begin(by, record, balance, was, now)
    return record


def _earlier(account: Account, key: str | None) -> Withdrawal | None:
    if key is None:
        return None
    return Withdrawal.objects.filter(account=account, idempotency_key=key).first()


def _check_rules(
    account: Account, asset: Asset, amount: Decimal, address: str, now: datetime
) -> None:
    """Refuse what the account, its address book or its limits do not let out."""
    if not address.strip() and adapter().is_real:
        raise ValidationFailed("no address", address="expected where the money is to go")
    if account.status in SHUT_STATUSES:
        raise AccountFrozen(f"the account is {account.status}")
    require_not_paused(account.owner_id, now=now)
    check_address(account, asset, address, now=now)
    check_limits(account, asset, amount, now=now)


def _begin(
    by: Actor, record: Withdrawal, balance: Balance, was: dict[str, str], now: datetime
) -> None:
    """Approve what needs nobody, ask for two persons for the rest, and tell of the hold."""
    # Each version is told: readers notice one that they were not told of.
    states = [balance_state(balance, record.asset)]
    provider = adapter()
    if not provider.is_real or record.amount <= record.asset.withdrawal_auto_max:
        why = "up to the threshold" if provider.is_real else "the sandbox"
        move_on(record, Withdrawal.State.APPROVED, by, why=why, now=now)
        states += provider.pay_out(by, record, balance, now=now)
    else:
        record.approval = open_approval(
            by,
            Asked(
                kind=KIND_WITHDRAWAL,
                account=record.account,
                subject=f"account:{record.account.public_id}",
                topic=str(record.pk),
                arguments={
                    "withdrawal": str(record.pk), "asset": record.asset.code,
                    "amount": f"{record.amount:f}", "address": record.address,
                },
            ),
            needed=APPROVERS_OF_A_WITHDRAWAL,
            now=now,
        )  # fmt: skip
        record.save(update_fields=["approval"])
    record_withdrawal(by, "withdrawal.request", record, balance, was=was)
    publish_balances_on_commit(states)


@transaction.atomic(durable=True)
def settle_withdrawal(*, by: Actor, withdrawal_id: int, now: datetime | None = None) -> Withdrawal:
    """Pay out an approved withdrawal; again is fine.

    Raises Forbidden, NotFound, AccountFrozen, or Conflict where it was not approved, for the
    exchange itself as well, where its money was given back, or where a provider may pay it.
    """
    by.require(Permission.DECIDE_WITHDRAWAL)
    record, account, balance = lock_withdrawal(withdrawal_id)
    require_over_owner(by, account, what="pay out withdrawals")
    if record.state == Withdrawal.State.SETTLED:
        return record
    refuse_what_ended(record)
    if record.state != Withdrawal.State.APPROVED:
        raise Conflict("the withdrawal is not approved")
    if account.status in SHUT_STATUSES:
        raise AccountFrozen(f"the account is {account.status}")
    now = moment(now)
    was = figures(record, balance)
    end_unsent(record, note="paid out by hand", now=now)
    publish_balances_on_commit([settle(record, balance, by, now=now)])
    record_withdrawal(by, "withdrawal.settle", record, balance, was=was)
    return record


@transaction.atomic(durable=True)
def cancel_withdrawal(*, by: Actor, withdrawal_id: int, now: datetime | None = None) -> Withdrawal:
    """Give back what a withdrawal holds that has not left, by an operator; again is fine.

    Raises Forbidden, NotFound, or Conflict where it was paid out, refused, has failed, or a
    provider may pay it.
    """
    by.require(Permission.DECIDE_WITHDRAWAL)
    record, account, balance = lock_withdrawal(withdrawal_id)
    require_over_owner(by, account, what="cancel withdrawals")
    cancel(record, balance, by, now=moment(now))
    return record


@transaction.atomic(durable=True)
def cancel_own_withdrawal(
    *, by: Actor, account_id: UUID, withdrawal_id: int, now: datetime | None = None
) -> Withdrawal:
    """Give back what a withdrawal of one's own account holds that has not left; again is fine.

    A frozen account may: nothing leaves by it. Raises Forbidden (without the scope),
    AccountNotFound or NotFound, for somebody else's too, or Conflict where it was paid out,
    refused, has failed, a provider may pay it, or nothing leaves (``accounts.money.restored``).
    """
    by.require_scope(SCOPE_WITHDRAW)
    record, account, balance = lock_withdrawal(withdrawal_id, account_id=account_id)
    require_own(by, account, what="cancel withdrawals in others' names")
    require_not_held()
    cancel(record, balance, by, now=moment(now))
    return record


@transaction.atomic(durable=True)
def fail_withdrawal(
    *, by: Actor, withdrawal_id: int, reason: str, now: datetime | None = None
) -> Withdrawal:
    """Say that an approved withdrawal could not be paid out; what it holds is given back.

    Again is fine. Raises Forbidden, NotFound, ValidationFailed without a reason, or Conflict where
    it was not approved, was paid out, was given back otherwise, or a provider may pay it
    (``give_up_payout``).
    """
    by.require(Permission.DECIDE_WITHDRAWAL)
    reason = checked_reason(reason)
    record, account, balance = lock_withdrawal(withdrawal_id)
    require_over_owner(by, account, what="decide on withdrawals")
    if record.state == Withdrawal.State.FAILED:
        return record
    refuse_what_ended(record)
    if record.state != Withdrawal.State.APPROVED:
        raise Conflict("the withdrawal is not approved")
    now = moment(now)
    was = figures(record, balance)
    end_unsent(record, note=reason, now=now)
    give_back(record, balance, Withdrawal.State.FAILED, by, why=reason, now=now)
    record_withdrawal(by, "withdrawal.fail", record, balance, was=was, why=reason)
    return record
