"""Whose things these are: nobody but a superuser acts on staff, on themselves neither."""

from accounts.access.actor import Actor
from accounts.models import Account, User


def is_privileged(user: User | None) -> bool:
    """Return whether a user is staff or a superuser; nobody is not."""
    return user is not None and (user.is_staff or user.is_superuser)


def require_over_owner(by: Actor, account: Account, *, what: str) -> None:
    """Raise Forbidden where an account is a staff member's and ``by`` is no superuser."""
    by.require_over(is_privileged=is_privileged(account.owner), what=what)
