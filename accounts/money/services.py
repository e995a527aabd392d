"""Deposits and corrections: money that enters, by the faucet, a gateway or an operator's word.

Between customers it moves in the worker's batches only. Each service locks the account first, then
its balance, so that a repeated request sees the first one's result and a freeze sees no withdrawal
in flight.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.access.actor import Actor, ActorKind, Permission
from accounts.access.callers import SCOPE_TRADE
from accounts.access.rights import require_over_owner, require_own
from accounts.audit import checked_reason, record_act
from accounts.models import Account, Asset, Deposit, LedgerTransaction
from accounts.money.postings import (
    ZERO,
    balance_state,
    change_balance,
    check_correction,
    checked_amount,
    figures_of,
    get_asset,
    lock_balance,
    move_with_outside,
)
from accounts.notices import publish_balances_on_commit
from accounts.people.locks import lock_account
from accounts.people.services import LABEL_LENGTH_MAX
from zavora.foundation.errors import AccountFrozen, Conflict, Forbidden, ValidationFailed
from zavora.foundation.idempotency import KEY_LENGTH_MAX, is_key

SOURCE_FAUCET: Final = "faucet"
SOURCE_OPERATOR: Final = "operator"
SOURCE_LENGTH_MAX: Final = 32
Change = dict[str, Any]  # what was, and what is now
# What an account in one of these gets and gives only by an operator's hand.
SHUT_STATUSES: Final = (Account.Status.FROZEN, Account.Status.CLOSED)


def check_key(key: str | None) -> None:
    """Raise ValidationFailed for what is no idempotency key, or no reference."""
    if key is not None and not is_key(key):
        raise ValidationFailed(
            "bad idempotency key",
            key=f"expected 1 to {KEY_LENGTH_MAX} printable characters",
        )


@transaction.atomic(durable=True)
def deposit(
    *,
    by: Actor,
    account_id: UUID,
    asset: str,
    amount: Decimal,
    source: str,
    key: str | None = None,
    external_reference: str | None = None,
) -> Deposit:
    """Credit money that came from outside. Idempotent on ``key`` and on ``external_reference``.

    ``source`` is "faucet" (where it is on, up to its limit, for what is one's own), else a
    gateway's name, in which only the exchange itself credits: an operator's word is
    ``credit_deposit``, with a reference and a reason. Raises AccountNotFound (for somebody else's,
    too), ValidationFailed, Forbidden, AccountFrozen, or Conflict where the key or reference came
    with other content; then nothing was written.
    """
    check_key(key)
    check_key(external_reference)
    if not (0 < len(source) <= SOURCE_LENGTH_MAX and source.isprintable()):
        expected = f"expected 1 to {SOURCE_LENGTH_MAX} printable characters"
        raise ValidationFailed("bad source", source=expected)
    if source == SOURCE_OPERATOR:
        raise ValidationFailed("bad source", source="expected faucet or a gateway's name")
    if source != SOURCE_FAUCET and by.kind is not ActorKind.SYSTEM:
        raise Forbidden("only the exchange itself credits in a gateway's name")
    by.require_scope(SCOPE_TRADE)
    account = lock_account(account_id)
    require_own(by, account, what="use the faucet for others")
    the_asset = get_asset(asset)
    checked_amount(amount, the_asset)
    if earlier := _earlier_deposit(account, key, external_reference):
        if _is_same(earlier, account, the_asset, amount, source) and (
            (earlier.external_reference or None) == external_reference
        ):
            return earlier
        raise Conflict("the key or reference was used for another deposit")
    if source == SOURCE_FAUCET:
        _check_faucet(amount)
    if account.status in SHUT_STATUSES:
        raise AccountFrozen(f"the account is {account.status}")
    now = timezone.now()
    record = Deposit(
        account=account, asset=the_asset, amount=amount, source=source, idempotency_key=key,
        external_reference=external_reference, created_at=now,
    )  # fmt: skip
    change = write_credit(record, now=now)
    record_act(
        by, "deposit.faucet" if source == SOURCE_FAUCET else "deposit.gateway",
        f"account:{account.public_id}", deposit=str(record.pk), asset=the_asset.code,
        amount=f"{amount:f}", source=source, external_reference=external_reference or "", **change,
    )  # fmt: skip
    return record


@transaction.atomic(durable=True)
def credit_deposit(
    *,
    by: Actor,
    account_id: UUID,
    asset: str,
    amount: Decimal,
    external_reference: str,
    reason: str,
    key: str | None = None,
) -> Deposit:
    """Credit money that an operator saw come in, whatever the account's status.

    Idempotent on ``external_reference`` (what the money is called outside) and on ``key``. Raises
    as ``deposit``, and Forbidden where the account is a staff member's and ``by`` no superuser, or
    where the amount takes a second person (``submit_credit``).
    """
    by.require(Permission.CREDIT_DEPOSIT)
    require_alone(by, amount)
    return credit_now(
        by,
        account_id=account_id,
        asset=asset,
        amount=amount,
        external_reference=external_reference,
        reason=reason,
        key=key,
    )


def checked_reference(external_reference: str) -> str:
    """Return what money is called outside, without space around it, or raise ValidationFailed."""
    external_reference = external_reference.strip()
    if not is_key(external_reference):
        raise ValidationFailed(
            "a credit needs a reference",
            external_reference=f"expected 1 to {KEY_LENGTH_MAX} printable characters",
        )
    return external_reference


def credit_now(
    by: Actor,
    *,
    account_id: UUID,
    asset: str,
    amount: Decimal,
    external_reference: str,
    reason: str,
    key: str | None = None,
    **more: Any,
) -> Deposit:
    """Credit in the present transaction; that ``by`` may, and alone, is known.

    ``more`` goes on record. Raises as ``credit_deposit``.
    """
    check_key(key)
    reason = checked_reason(reason)
    external_reference = checked_reference(external_reference)
    account = lock_account(account_id)
    require_over_owner(by, account, what="credit accounts")
    the_asset = get_asset(asset)
    checked_amount(amount, the_asset)
    if earlier := _earlier_deposit(account, key, external_reference):
        # A key that was used before references were asked for is still the same deposit.
        if _is_same(earlier, account, the_asset, amount, SOURCE_OPERATOR) and (
            earlier.external_reference in (None, "", external_reference)
        ):
            return earlier
        raise Conflict("the key or reference was used for another deposit")
    now = timezone.now()
    record = Deposit(
        account=account, asset=the_asset, amount=amount, source=SOURCE_OPERATOR,
        idempotency_key=key, external_reference=external_reference, created_at=now,
    )  # fmt: skip
    change = write_credit(record, now=now)
    record_act(
        by, "deposit.credit", f"account:{account.public_id}", reason=reason, deposit=str(record.pk),
        asset=the_asset.code, amount=f"{amount:f}", external_reference=external_reference,
        **change, **more,
    )  # fmt: skip
    return record


def is_alone(by: Actor, amount: Decimal) -> bool:
    """Return whether ``by`` moves an amount (signed) by their own word, without a second person.

    The exchange itself may: whoever runs its commands has the database.
    """
    alone_max = settings.ZAVORA_ADJUST_ALONE_MAX
    if by.kind is ActorKind.SYSTEM or alone_max is None or not amount.is_finite():
        return True
    return amount.copy_abs() <= Decimal(alone_max)


def require_alone(by: Actor, amount: Decimal) -> None:
    """Raise Forbidden where an amount (signed) takes a second person."""
    if not is_alone(by, amount):
        raise Forbidden(
            f"above {settings.ZAVORA_ADJUST_ALONE_MAX} this takes a second person's approval"
        )


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


def _is_same(
    earlier: Deposit, account: Account, asset: Asset, amount: Decimal, source: str
) -> bool:
    found = (earlier.account_id, earlier.asset_id, earlier.amount, earlier.source)
    return found == (account.pk, asset.pk, amount, source)


def _check_faucet(amount: Decimal) -> None:
    if not settings.ZAVORA_FAUCET:
        raise Forbidden("the faucet is switched off here")
    amount_max = Decimal(settings.ZAVORA_FAUCET_AMOUNT_MAX)
    if amount > amount_max:
        raise ValidationFailed(
            "the faucet gives less at a time", amount=f"expected at most {amount_max:f}"
        )


def write_credit(record: Deposit, *, now: datetime) -> Change:
    """Credit a deposit, whether or not it is a row yet, with its movement, in the transaction.

    The account is locked and everything is checked. Return what the balance was before and is
    after it. Raises Conflict where the reference is another deposit's by now.
    """
    asset = record.asset
    balance = lock_balance(account=record.account, asset=asset)
    was = figures_of(balance, asset)
    change_balance(balance, available=record.amount, locked=ZERO, now=now)
    record.state, record.updated_at = Deposit.State.CREDITED, now
    write_deposit(record)
    record.transaction = move_with_outside(
        kind="deposit", reference=str(record.pk), balance=balance, amount=record.amount, now=now
    )
    record.save(update_fields=["transaction"])
    publish_balances_on_commit([balance_state(balance, asset, moved=record.amount)])
    return {"was": was, "now": figures_of(balance, asset)}


def write_deposit(record: Deposit) -> None:
    """Write the row of a deposit; raise Conflict where its reference is another one's by now."""
    try:
        with transaction.atomic():
            record.save()
    except IntegrityError:  # it came for another account at the same time
        raise Conflict("the reference was used for another deposit") from None


@transaction.atomic(durable=True)
def adjust_balance(
    *, by: Actor, account_id: UUID, asset: str, amount: Decimal, reason: str
) -> LedgerTransaction:
    """Correct a balance by a signed ``amount`` against the outside: an operator's last resort.

    ``reason`` (at most 64 characters) becomes the reference in the ledger. Raises
    InsufficientBalance where the available part would fall below zero, AccountNotFound,
    ValidationFailed, or Forbidden, where the amount takes a second person
    (``submit_adjustment``), too.
    """
    by.require(Permission.ADJUST_BALANCE)
    require_alone(by, amount)
    return adjust_now(by, account_id=account_id, asset=asset, amount=amount, reason=reason)


def adjust_now(
    by: Actor, *, account_id: UUID, asset: str, amount: Decimal, reason: str, **more: Any
) -> LedgerTransaction:
    """Correct a balance in the present transaction; that ``by`` may, and alone, is known.

    ``more`` goes on record. Raises as ``adjust_balance``.
    """
    reason = checked_reason(reason, length_max=LABEL_LENGTH_MAX)
    account = lock_account(account_id)
    require_over_owner(by, account, what="correct balances")
    the_asset = get_asset(asset)
    balance = lock_balance(account=account, asset=the_asset)
    check_correction(amount, the_asset, available=balance.available)
    was = figures_of(balance, the_asset)
    now = timezone.now()
    change_balance(balance, available=amount, locked=ZERO, now=now)
    record = move_with_outside(
        kind="adjustment", reference=reason, balance=balance, amount=amount, now=now
    )
    record_act(
        by, "balance.adjust", f"account:{account.public_id}", reason=reason,
        transaction=str(record.pk), asset=the_asset.code, amount=f"{amount:f}",
        was=was, now=figures_of(balance, the_asset), **more,
    )  # fmt: skip
    publish_balances_on_commit([balance_state(balance, the_asset, moved=amount)])
    return record
