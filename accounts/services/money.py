"""Deposits, withdrawals and corrections: money that enters and leaves.

Between customers it moves in the worker's batches only. Each service locks the account first, then
its balance, so that a repeated request sees the first one's result and a freeze sees no withdrawal
in flight.
"""

from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Account, Balance, Deposit, LedgerTransaction, Withdrawal
from accounts.notices import BalanceState, publish_balances_on_commit
from accounts.postings import (
    ZERO,
    balance_state,
    change_balance,
    checked_amount,
    get_asset,
    lock_account,
    lock_balance,
    move_with_outside,
)
from accounts.services.people import LABEL_LENGTH_MAX
from zavora.errors import (
    AccountFrozen,
    Conflict,
    Forbidden,
    InsufficientBalance,
    NotFound,
    ValidationFailed,
)
from zavora.money import EXACT

SOURCE_FAUCET: Final = "faucet"
SOURCE_OPERATOR: Final = "operator"
KEY_LENGTH_MAX: Final = 128


def _check_key(key: str | None) -> None:
    if key is not None and not (0 < len(key) <= KEY_LENGTH_MAX and key.isprintable()):
        raise ValidationFailed(
            "bad idempotency key",
            key=f"expected 1 to {KEY_LENGTH_MAX} printable characters",
        )


@transaction.atomic(durable=True)
def deposit(
    *,
    account_id: UUID,
    asset: str,
    amount: Decimal,
    source: str,
    key: str | None = None,
    external_reference: str | None = None,
) -> Deposit:
    """Credit money that came from outside. Idempotent on ``key`` and on ``external_reference``.

    ``source`` is "faucet" (where it is on, up to its limit), "operator", or a gateway's name.
    Raises AccountNotFound, ValidationFailed, Forbidden, AccountFrozen, or Conflict where the key
    or reference came with other content; then nothing was written.
    """
    _check_key(key)
    _check_key(external_reference)
    account = lock_account(account_id)
    the_asset = get_asset(asset)
    checked_amount(amount, the_asset)
    if earlier := _earlier_deposit(account, key, external_reference):
        same = (earlier.account_id, earlier.asset_id, earlier.amount, earlier.source) == (
            account.pk,
            the_asset.pk,
            amount,
            source,
        )
        if same and (earlier.external_reference or None) == external_reference:
            return earlier
        raise Conflict("the key or reference was used for another deposit")
    _check_deposit_allowed(account, amount, source)
    balance = lock_balance(account=account, asset=the_asset)
    now = timezone.now()
    change_balance(balance, available=amount, locked=ZERO, now=now)
    try:
        with transaction.atomic():
            record = Deposit.objects.create(
                account=account,
                asset=the_asset,
                amount=amount,
                state=Deposit.State.CREDITED,
                source=source,
                external_reference=external_reference,
                idempotency_key=key,
                created_at=now,
                updated_at=now,
            )
    except IntegrityError:  # the reference was credited to another account at the same time
        raise Conflict("the reference was used for another deposit") from None
    record.transaction = move_with_outside(
        kind="deposit", reference=str(record.pk), balance=balance, amount=amount, now=now
    )
    record.save(update_fields=["transaction"])
    publish_balances_on_commit([balance_state(balance, the_asset, moved=amount)])
    return record


def _earlier_deposit(
    account: Account, key: str | None, external_reference: str | None
) -> Deposit | None:
    if external_reference is not None:
        found = Deposit.objects.filter(external_reference=external_reference).first()
        if found is not None:
            return found
    if key is not None:
        return Deposit.objects.filter(account=account, idempotency_key=key).first()
    return None


def _check_deposit_allowed(account: Account, amount: Decimal, source: str) -> None:
    if source == SOURCE_OPERATOR:
        return
    if source == SOURCE_FAUCET:
        if not settings.ZAVORA_FAUCET:
            raise Forbidden("the faucet is switched off here")
        amount_max = Decimal(settings.ZAVORA_FAUCET_AMOUNT_MAX)
        if amount > amount_max:
            raise ValidationFailed(
                "the faucet gives less at a time", amount=f"expected at most {amount_max:f}"
            )
    if account.status in (Account.Status.FROZEN, Account.Status.CLOSED):
        raise AccountFrozen(f"the account is {account.status}")


@transaction.atomic(durable=True)
def request_withdrawal(
    *,
    account_id: UUID,
    asset: str,
    amount: Decimal,
    key: str | None = None,
    address: str = "",
    settle_at_once: bool = True,
) -> Withdrawal:
    """Hold ``amount`` of ``asset`` and, in the sandbox, pay it out at once. Idempotent on ``key``.

    Raises InsufficientBalance, AccountNotFound, AccountFrozen, ValidationFailed or Conflict;
    then nothing was written.
    """
    _check_key(key)
    if len(address) > KEY_LENGTH_MAX or not address.isprintable():
        raise ValidationFailed(
            "bad address", address=f"expected at most {KEY_LENGTH_MAX} printable characters"
        )
    account = lock_account(account_id)
    the_asset = get_asset(asset)
    checked_amount(amount, the_asset)
    if key is not None and (
        earlier := Withdrawal.objects.filter(account=account, idempotency_key=key).first()
    ):
        if (earlier.asset_id, earlier.amount, earlier.address) == (the_asset.pk, amount, address):
            return earlier
        raise Conflict("the key was used for another withdrawal")
    if account.status in (Account.Status.FROZEN, Account.Status.CLOSED):
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
    if settle_at_once:
        states.append(_settle(record, balance, now))
    publish_balances_on_commit(states)
    return record


@transaction.atomic(durable=True)
def settle_withdrawal(*, withdrawal_id: int) -> Withdrawal:
    """Pay out a pending withdrawal; again is fine. Raises NotFound, or Conflict if cancelled."""
    record, balance = _lock_withdrawal(withdrawal_id)
    if record.state == Withdrawal.State.CANCELLED:
        raise Conflict("the withdrawal was cancelled")
    if record.state == Withdrawal.State.PENDING:
        publish_balances_on_commit([_settle(record, balance, timezone.now())])
    return record


@transaction.atomic(durable=True)
def cancel_withdrawal(*, withdrawal_id: int) -> Withdrawal:
    """Give back what a pending withdrawal holds; again is fine. Raises NotFound, or Conflict."""
    record, balance = _lock_withdrawal(withdrawal_id)
    if record.state == Withdrawal.State.SETTLED:
        raise Conflict("the withdrawal was paid out")
    if record.state == Withdrawal.State.PENDING:
        now = timezone.now()
        change_balance(balance, available=record.amount, locked=EXACT.minus(record.amount), now=now)
        record.state = Withdrawal.State.CANCELLED
        record.updated_at = now
        record.save(update_fields=["state", "updated_at"])
        publish_balances_on_commit([balance_state(balance, record.asset)])
    return record


def _lock_withdrawal(withdrawal_id: int) -> tuple[Withdrawal, Balance]:
    record = Withdrawal.objects.select_related("account", "asset").filter(pk=withdrawal_id).first()
    if record is None:
        raise NotFound("no such withdrawal")
    account = lock_account(record.account.public_id)
    balance = lock_balance(account=account, asset=record.asset)
    record.refresh_from_db(fields=["state", "updated_at", "transaction"])
    return record, balance


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


@transaction.atomic(durable=True)
def adjust_balance(
    *, account_id: UUID, asset: str, amount: Decimal, reason: str
) -> LedgerTransaction:
    """Correct a balance by a signed ``amount`` against the outside: an operator's last resort.

    ``reason`` (at most 64 characters) becomes the reference in the ledger. Raises
    InsufficientBalance where the available part would fall below zero, AccountNotFound,
    ValidationFailed.
    """
    reason = reason.strip()
    if not reason or len(reason) > LABEL_LENGTH_MAX:
        raise ValidationFailed(
            "a correction needs a reason", reason=f"expected 1 to {LABEL_LENGTH_MAX} characters"
        )
    account = lock_account(account_id)
    the_asset = get_asset(asset)
    if not amount.is_finite():
        raise ValidationFailed("bad amount", amount="expected a finite decimal")
    checked_amount(abs(amount), the_asset)
    balance = lock_balance(account=account, asset=the_asset)
    if EXACT.add(balance.available, amount) < 0:
        raise InsufficientBalance(
            f"not enough {the_asset.code} available", asset=the_asset.code, required=f"{-amount:f}"
        )
    now = timezone.now()
    change_balance(balance, available=amount, locked=ZERO, now=now)
    record = move_with_outside(
        kind="adjustment", reference=reason, balance=balance, amount=amount, now=now
    )
    publish_balances_on_commit([balance_state(balance, the_asset, moved=amount)])
    return record
