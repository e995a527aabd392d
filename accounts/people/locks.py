"""The locks of people and accounts; accounts before balances, always."""

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
    account = (
        Account.objects.select_for_update(no_key=True)
        .filter(public_id=public_id, kind=Account.Kind.CUSTOMER)
        .first()
    )
    if account is None:
        raise AccountNotFound("no such account")
    return account
