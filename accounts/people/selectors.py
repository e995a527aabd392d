"""Reads of users and their accounts."""

from collections.abc import Sequence
from uuid import UUID

from django.utils import timezone

from accounts.access.callers import Role
from accounts.access.rights import SHARED
from accounts.models import Account, Invitation, Membership, User
from accounts.people.emails import has_proved_email
from zavora.foundation.errors import AccountNotFound


def find_user(email: str) -> User | None:
    """Return the user of an e-mail address, in any letter case."""
    return User.objects.filter(email=email.strip().lower()).first()


def get_proved_email(user_id: int) -> str | None:
    """Return the address that mail of ours reaches somebody by; None where it is not proved."""
    user = User.objects.filter(pk=user_id).first()
    return user.email if user is not None and has_proved_email(user_id) else None


def get_account(public_id: UUID) -> Account:
    """Return a customer's account, or raise AccountNotFound."""
    account = Account.objects.filter(public_id=public_id, kind=Account.Kind.CUSTOMER).first()
    if account is None:
        raise AccountNotFound("no such account")
    return account


def get_reached_account(public_id: UUID, *, user_id: int) -> tuple[Account, Role]:
    """Return an account of a user's own, or one that they are a member of, and what they are.

    Raises AccountNotFound.
    """
    account = get_account(public_id)
    if account.owner_id == user_id:
        return account, Role.OWNER
    found = Membership.objects.filter(SHARED, account=account, user_id=user_id).first()
    if found is None:
        raise AccountNotFound("no such account")
    return account, Role(found.role)


def list_memberships(user_id: int) -> list[Membership]:
    """Return a user's memberships in accounts of others, oldest account first, with balances."""
    found = Membership.objects.filter(SHARED, user_id=user_id).select_related("account__owner")
    return list(found.order_by("account_id").prefetch_related("account__balances__asset"))


def list_members(account_pks: Sequence[int]) -> list[Membership]:
    """Return the members of some accounts with their users, oldest first."""
    found = Membership.objects.filter(account_id__in=account_pks).select_related("user")
    return list(found.order_by("pk"))


def list_open_invitations(account_pks: Sequence[int]) -> list[Invitation]:
    """Return what can still be accepted of the invitations to some accounts, oldest first."""
    found = Invitation.objects.filter(
        account_id__in=account_pks,
        expires_at__gt=timezone.now(),
        accepted_at=None,
        declined_at=None,
        withdrawn_at=None,
    )
    return list(found.order_by("pk"))


def list_reached_accounts(user_id: int) -> list[Account]:
    """Return a user's accounts, oldest first, and then those that others share with them."""
    return list_accounts(user_id) + [one.account for one in list_memberships(user_id)]


def list_accounts_with_fee_terms(after_pk: int, limit: int) -> list[int]:
    """Return the next accounts that have tiers or own rates in markets, by primary key."""
    accounts = Account.objects.filter(fee_terms__isnull=False, pk__gt=after_pk)
    return list(accounts.order_by("pk").values_list("pk", flat=True)[:limit])


def has_demo_accounts() -> bool:
    """Tell whether any account is the demo's."""
    return Account.objects.filter(is_demo=True).exists()


def list_account_pks(owner_id: int) -> list[int]:
    """Return a user's accounts by primary key, oldest first."""
    accounts = Account.objects.filter(owner_id=owner_id).order_by("pk")
    return list(accounts.values_list("pk", flat=True))


def list_accounts(owner_id: int) -> list[Account]:
    """Return a user's accounts, oldest first, each with its balances at hand."""
    accounts = Account.objects.filter(owner_id=owner_id).order_by("pk")
    return list(accounts.prefetch_related("balances__asset"))
