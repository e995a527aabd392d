"""Deposits as a provider tells of them: seen, confirmed and so credited, or rejected.

They are known by the provider's reference, whichever event names it, in whatever order events come.
Money that is really there is credited whatever the account's status: a frozen one keeps it.
"""

from datetime import datetime
from decimal import Decimal
from typing import Final

from accounts.access.actor import Actor
from accounts.audit import record_act
from accounts.models import Account, Asset, Deposit
from accounts.money.postings import checked_amount, get_asset
from accounts.money.services import write_credit, write_deposit
from accounts.people.locks import lock_account
from accounts.providers.messages import (
    DEPOSIT_CONFIRMED,
    DEPOSIT_REJECTED,
    DEPOSIT_SEEN,
    Message,
)
from zavora.foundation.errors import AccountNotFound, Conflict, ValidationFailed
from zavora.foundation.money import NotExact, parse_decimal

State = Deposit.State
# What a deposit becomes by an event. What is not here contradicts what is on record.
_STEPS: Final[dict[tuple[str | None, str], str]] = {
    (None, DEPOSIT_SEEN): State.PENDING,
    (None, DEPOSIT_CONFIRMED): State.CREDITED,
    (None, DEPOSIT_REJECTED): State.REJECTED,
    (State.PENDING, DEPOSIT_SEEN): State.PENDING,
    (State.PENDING, DEPOSIT_CONFIRMED): State.CREDITED,
    (State.PENDING, DEPOSIT_REJECTED): State.REJECTED,
    (State.CREDITED, DEPOSIT_SEEN): State.CREDITED,
    (State.CREDITED, DEPOSIT_CONFIRMED): State.CREDITED,
    (State.REJECTED, DEPOSIT_SEEN): State.REJECTED,
    (State.REJECTED, DEPOSIT_REJECTED): State.REJECTED,
}


def take_deposit(by: Actor, provider: str, message: Message, now: datetime) -> bool:
    """Do what an event says of a deposit, in the present transaction; False: it was so already.

    Raises AccountNotFound or ValidationFailed where it is of nobody or nothing that is known here,
    Conflict where it contradicts what is on record. Then nothing was written.
    """
    if message.account is None:
        raise AccountNotFound("no such account")
    account = lock_account(message.account)
    asset = get_asset(message.asset)
    amount = checked_amount(amount_of(message.amount), asset)
    found = Deposit.objects.filter(external_reference=message.reference).first()
    if found is not None and (
        (found.account_id, found.asset_id, found.amount, found.source)
        != (account.pk, asset.pk, amount, provider)
    ):
        raise Conflict("the reference is of another deposit")
    state = _STEPS.get((None if found is None else found.state, message.kind))
    if state is None:
        raise Conflict(f"the deposit is {found.state}" if found else "no such step")
    if found is not None and found.state == state:
        return False
    record = found or Deposit(
        account=account, asset=asset, amount=amount, source=provider,
        external_reference=message.reference, created_at=now,
    )  # fmt: skip
    _move(by, record, account, asset, state, reason=message.reason, now=now)
    return True


def amount_of(text: str) -> Decimal:
    """Return the decimal that a message spells, or raise ValidationFailed."""
    try:
        return parse_decimal(text)
    except NotExact as error:
        raise ValidationFailed("bad amount", amount=str(error)) from None


def _move(
    by: Actor,
    record: Deposit,
    account: Account,
    asset: Asset,
    state: str,
    *,
    reason: str,
    now: datetime,
) -> None:
    was = None if record._state.adding else str(record.state)
    if state == State.CREDITED:
        change = write_credit(record, now=now)
        act = "deposit.gateway"
    else:
        record.state, record.updated_at = state, now
        write_deposit(record)
        change = {"was": {"state": was}, "now": {"state": str(state)}}
        act = "deposit.seen" if state == State.PENDING else "deposit.reject"
    record_act(
        by, act, f"account:{account.public_id}", reason=reason, deposit=str(record.pk),
        asset=asset.code, amount=f"{record.amount:f}", source=record.source,
        external_reference=record.external_reference, **change,
    )  # fmt: skip
