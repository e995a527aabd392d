"""Reads of what protects the quotes of accounts: bounded queries, explicit order, no locks."""

from matching.models import Protection


def find_protection(account_id: int, market_id: int) -> Protection | None:
    """Return what protects an account's quotes in a market; None: nothing does."""
    return Protection.objects.filter(account_id=account_id, market_id=market_id).first()
