"""What an operator's movement would do, told before it is done: whose account, from what to what.

Nothing is locked and nothing written, so the service that moves the money checks all of it again.
"""

from decimal import Decimal
from uuid import UUID

import msgspec

from accounts.access.actor import Actor, Permission
from accounts.access.rights import require_over_owner
from accounts.models import Account, Asset, Balance
from accounts.money.postings import ZERO, check_correction, checked_amount, get_asset
from accounts.people.selectors import get_account
from zavora.foundation.money import EXACT


class Movement(msgspec.Struct, frozen=True):
    """A movement to be: ``amount`` is signed, ``available`` what the account has before it."""

    account: Account
    asset: Asset
    amount: Decimal
    available: Decimal

    @property
    def available_after(self) -> Decimal:
        """What the account would have."""
        return EXACT.add(self.available, self.amount)


def preview_credit(*, by: Actor, account_id: UUID, asset: str, amount: Decimal) -> Movement:
    """Return what ``credit_deposit`` would do. Raises as it does, as far as can be known before."""
    by.require(Permission.CREDIT_DEPOSIT)
    movement = _preview(by, account_id, asset, amount, what="credit accounts")
    checked_amount(amount, movement.asset)
    return movement


def preview_adjustment(*, by: Actor, account_id: UUID, asset: str, amount: Decimal) -> Movement:
    """Return what ``adjust_balance`` would do. Raises as it does, as far as can be known before."""
    by.require(Permission.ADJUST_BALANCE)
    movement = _preview(by, account_id, asset, amount, what="correct balances")
    check_correction(amount, movement.asset, available=movement.available)
    return movement


def _preview(by: Actor, account_id: UUID, asset: str, amount: Decimal, *, what: str) -> Movement:
    account = get_account(account_id)
    require_over_owner(by, account, what=what)
    the_asset = get_asset(asset)
    balance = Balance.objects.filter(account=account, asset=the_asset).first()
    return Movement(account, the_asset, amount, balance.available if balance else ZERO)
