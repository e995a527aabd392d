"""Whose things these are: a customer acts on their own, nobody but a superuser on staff's."""

from accounts.access.actor import Actor
from accounts.models import Account, User
from zavora.foundation.errors import AccountNotFound


def is_privileged(user: User | None) -> bool:
    """Return whether a user is staff or a superuser; nobody is not."""
    return user is not None and (user.is_staff or user.is_superuser)


def require_own(by: Actor, account: Account, *, what: str) -> None:
    """Raise unless an account is ``by``'s own, and one that their credential reaches.

    AccountNotFound where a customer asks for another one, so that nobody learns of it; Forbidden
    for everybody who is no customer but superusers and the exchange itself.
    """
    if not by.is_customer:
        by.require_everything(what)
    elif account.owner_id != by.user_id or by.only_account not in (None, account.pk):
        raise AccountNotFound("no such account")


def require_over_owner(by: Actor, account: Account, *, what: str) -> None:
    """Raise Forbidden where an account is a staff member's and ``by`` is no superuser."""
    by.require_over(is_privileged=is_privileged(account.owner), what=what)
