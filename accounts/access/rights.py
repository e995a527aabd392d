"""Whose things these are: a customer acts on their own, nobody but a superuser on staff's.

Members of an account act on it as far as their role goes (docs/adr/0032-members.md).
"""

from typing import Final

from django.db.models import Q

from accounts.access.actor import Actor, ActorKind
from accounts.access.callers import Role, require_in_role, require_owner
from accounts.models import Account, Membership, User
from zavora.foundation.errors import AccountNotFound

# A membership counts while the account's owner is let in.
SHARED: Final = Q(account__owner__is_active=True)


def is_privileged(user: User | None) -> bool:
    """Return whether a user is staff or a superuser; nobody is not."""
    return user is not None and (user.is_staff or user.is_superuser)


def role_in(by: Actor, account: Account) -> Role | None:
    """Return what a customer is to an account that their credential reaches; None: nothing.

    A key that is not limited to an account reaches its owner's own alone: nobody's programs come
    into reach of what somebody else shares with them later.
    """
    if by.only_account not in (None, account.pk):
        return None
    if account.owner_id == by.user_id:
        return Role.OWNER
    if by.user_id is None or (by.kind is ActorKind.KEY and by.only_account is None):
        return None
    found = Membership.objects.filter(account=account, user_id=by.user_id).filter(SHARED)
    role = found.values_list("role", flat=True).first()
    return None if role is None else Role(role)


def require_own(by: Actor, account: Account, *, what: str) -> None:
    """Raise unless an account is ``by``'s own, and one that their credential reaches.

    AccountNotFound where a customer asks for another one, so that nobody learns of it; Forbidden
    for its members, and for everybody who is no customer but superusers and the exchange itself.
    """
    if not by.is_customer:
        by.require_everything(what)
        return
    require_owner(_role_within_reach(by, account))


def require_reach(by: Actor, account: Account, scope: str, *, what: str) -> None:
    """Raise unless ``by`` may do what a scope says in an account: their own, or by their role.

    Raises as ``require_own``.
    """
    if not by.is_customer:
        by.require_everything(what)
        return
    require_in_role(_role_within_reach(by, account), scope)


def _role_within_reach(by: Actor, account: Account) -> Role:
    role = role_in(by, account)
    if role is None:
        raise AccountNotFound("no such account")
    return role


def require_over_owner(by: Actor, account: Account, *, what: str) -> None:
    """Raise Forbidden where an account is a staff member's and ``by`` is no superuser."""
    by.require_over(is_privileged=is_privileged(account.owner), what=what)
