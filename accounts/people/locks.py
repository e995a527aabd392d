"""The locks of people and accounts; accounts before balances, always."""

from collections.abc import Collection
from uuid import UUID

from accounts.models import Account, User
from zavora.foundation.errors import AccountNotFound, NotFound


def lock_user(user_id: int) -> User:
    """Lock and return a user; raises NotFound."""
    user = User.objects.select_for_update().filter(pk=user_id).first()
    if user is None:
        raise NotFound("no such user")
    return user


def lock_account(public_id: UUID) -> Account:
    """Lock and return a customer's account: the first lock of every service that moves money.

    While it is held no other service moves money of the account or changes its status.
    """
    return lock_accounts([public_id])[public_id]


def lock_accounts(public_ids: Collection[UUID]) -> dict[UUID, Account]:
    """Lock and return several customers' accounts, by id, so that no two of these deadlock.

    Raises AccountNotFound where one of them is not there.
    """
    accounts = Account.objects.select_for_update(no_key=True).order_by("pk")
    rows = accounts.filter(public_id__in=public_ids, kind=Account.Kind.CUSTOMER)
    found = {account.public_id: account for account in rows}
    if len(found) < len(set(public_ids)):
        raise AccountNotFound("no such account")
    return found
