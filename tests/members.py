"""People who share an account in tests."""

from typing import Any

from tests.actors import customer


def invited(account: Any, email: str, role: str = "trader") -> str:
    """Let an account's owner invite somebody; return the token of the link."""
    from accounts.services import invite_member

    by = customer(account.owner)
    return invite_member(by=by, account_id=account.public_id, email=email, role=role)[1]


def shared(account: Any, person: Any, role: str) -> Any:
    """Let somebody become a member of an account, by invitation."""
    from accounts.services import accept_invitation

    token = invited(account, person.email, role)
    return accept_invitation(by=customer(person), token=token)
