"""Transfers: money that goes from one account to another of the same owner, at once.

Both accounts are locked by id, then both balances by id, so of two opposite transfers one waits
and neither deadlocks. What a transfer takes is available by then: a withdrawal or an order at the
same time finds what it left.
"""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from accounts.access.actor import Actor
from accounts.access.callers import SCOPE_TRADE
from accounts.access.rights import require_own
from accounts.audit import record_act
from accounts.models import Account, Asset, Transfer
from accounts.money.addresses import is_allow_list_on
from accounts.money.postings import (
    ZERO,
    Posting,
    balance_state,
    change_balance,
    checked_amount,
    figures_of,
    get_asset,
    lock_balances_between,
    post,
    total_of,
)
from accounts.money.services import SHUT_STATUSES, Change, check_key
from accounts.notices import publish_balances_on_commit
from accounts.people.locks import lock_accounts
from zavora.foundation.errors import AccountFrozen, Conflict, Forbidden, ValidationFailed
from zavora.foundation.money import EXACT

KIND = "transfer"


@transaction.atomic(durable=True)
def transfer(
    *,
    by: Actor,
    from_account: UUID,
    to_account: UUID,
    asset: str,
    amount: Decimal,
    key: str | None = None,
) -> Transfer:
    """Move ``amount`` of ``asset`` between two accounts of one owner. Idempotent on ``key``.

    A key is the paying account's, as those of its withdrawals are. Raises Forbidden (without the
    scope, for a credential limited to one account, past an allow-list), AccountNotFound (for
    somebody else's, too), ValidationFailed (what does not fit the asset, the same account twice, a
    receiving balance without room), AccountFrozen, InsufficientBalance, or Conflict where the key
    came with other content; then nothing was written.
    """
    if by.only_account is not None:
        raise Forbidden("this credential is limited to one account and reaches no other")
    by.require_scope(SCOPE_TRADE)
    check_key(key)
    if from_account == to_account:
        raise ValidationFailed("one account", to_account="expected another account than the first")
    accounts = lock_accounts((from_account, to_account))
    payer, receiver = accounts[from_account], accounts[to_account]
    for account in (payer, receiver):
        require_own(by, account, what="transfer for others")
    if payer.owner_id != receiver.owner_id:
        raise ValidationFailed("two owners", to_account="expected an account of the same owner")
    the_asset = get_asset(asset)
    checked_amount(amount, the_asset)
    if key is not None and (
        earlier := Transfer.objects.filter(from_account=payer, idempotency_key=key).first()
    ):
        found = (earlier.to_account_id, earlier.asset_id, earlier.amount)
        if found == (receiver.pk, the_asset.pk, amount):
            return earlier
        raise Conflict("the key was used for another transfer")
    now = timezone.now()
    _check_rules(payer, receiver, now)
    record, change = _move(by, payer, receiver, the_asset, amount, key=key, now=now)
    record_act(
        by, "transfer", f"account:{payer.public_id}", transfer=str(record.public_id),
        to=str(receiver.public_id), asset=the_asset.code, amount=f"{amount:f}", **change,
    )  # fmt: skip
    return record


def _check_rules(payer: Account, receiver: Account, now: datetime) -> None:
    """Refuse what either account's state, or the paying one's allow-list, does not let through."""
    for account in (payer, receiver):
        if account.status in SHUT_STATUSES:
            raise AccountFrozen(f"the account {account.public_id} is {account.status}")
    # Else who has the session would have the money leave by way of an account without one.
    if is_allow_list_on(payer, now=now) and not is_allow_list_on(receiver, now=now):
        raise Forbidden("from an account with an allow-list money goes to others that have it on")


def _move(
    by: Actor,
    payer: Account,
    receiver: Account,
    asset: Asset,
    amount: Decimal,
    *,
    key: str | None,
    now: datetime,
) -> tuple[Transfer, Change]:
    """Write a transfer with its movement; the accounts are locked and everything is checked.

    Return it, and what both balances were before and are after it.
    """
    taken_from, given_to = lock_balances_between(
        payer=payer, receiver=receiver, asset=asset, amount=amount
    )

    def figures() -> dict[str, dict[str, str]]:
        return {"from": figures_of(taken_from, asset), "to": figures_of(given_to, asset)}

    was = figures()
    change_balance(taken_from, available=EXACT.minus(amount), locked=ZERO, now=now)
    change_balance(given_to, available=amount, locked=ZERO, now=now)
    record = Transfer(
        owner=payer.owner,
        from_account=payer,
        to_account=receiver,
        asset=asset,
        amount=amount,
        idempotency_key=key,
        created_by_id=by.user_id,
        created_at=now,
    )
    moved = ((taken_from, EXACT.minus(amount)), (given_to, amount))
    record.transaction = post(
        kind=KIND,
        reference=str(record.public_id),
        now=now,
        postings=[
            Posting(balance.account_id, asset.pk, KIND, signed, total_of(balance))
            for balance, signed in moved
        ],
    )
    record.save(force_insert=True)
    publish_balances_on_commit(
        [balance_state(balance, asset, moved=signed) for balance, signed in moved]
    )
    return record, {"was": was, "now": figures()}
