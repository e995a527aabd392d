"""Reads of users and their accounts."""

from uuid import UUID

from accounts.models import (
    Account,
    User,
)
from zavora.foundation.errors import AccountNotFound


def find_user(email: str) -> User | None:
    """Return the user of an e-mail address, in any letter case."""
    return User.objects.filter(email=email.strip().lower()).first()


def get_account(public_id: UUID, *, owner_id: int | None = None) -> Account:
    """Return a customer's account; with ``owner_id`` only that user's. Else AccountNotFound."""
    accounts = Account.objects.filter(public_id=public_id, kind=Account.Kind.CUSTOMER)
    if owner_id is not None:
        accounts = accounts.filter(owner_id=owner_id)
    account = accounts.first()
    if account is None:
        raise AccountNotFound("no such account")
    return account


def list_accounts_with_fee_terms(after_pk: int, limit: int) -> list[int]:
    """Return the next accounts that have tiers or own rates in markets, by primary key."""
    accounts = Account.objects.filter(fee_terms__isnull=False, pk__gt=after_pk)
    return list(accounts.order_by("pk").values_list("pk", flat=True)[:limit])


def has_demo_accounts() -> bool:
    """Tell whether any account is the demo's."""
    return Account.objects.filter(is_demo=True).exists()


def list_accounts(owner_id: int) -> list[Account]:
    """Return a user's accounts, oldest first, each with its balances at hand."""
    accounts = Account.objects.filter(owner_id=owner_id).order_by("pk")
    return list(accounts.prefetch_related("balances__asset"))
