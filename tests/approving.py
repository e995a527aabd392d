"""Those who approve in tests: operators who are people, as the tables ask."""

from decimal import Decimal
from typing import Any

from accounts.access.actor import Actor, Permission
from tests.actors import SYSTEM, operator

APPROVERS = (Permission.APPROVE_WITHDRAWAL, Permission.APPROVE_ADJUSTMENT)


def approver(name: str, *permissions: Permission, **more: Any) -> Actor:
    """Return somebody of the staff with these permissions, or with those to approve."""
    from accounts.services import ensure_user

    user = ensure_user(by=SYSTEM, email=f"{name}@desk.example", is_staff=True)
    return operator(*(permissions or APPROVERS), user_id=user.pk, **more)


def approve_by_two(withdrawal: Any) -> None:
    """Let two persons approve a withdrawal that waits."""
    from accounts.services import approve

    for name in ("first", "second"):
        approve(by=approver(name), approval_id=withdrawal.approval_id, reason="as it should be")


def approve_up_to(amount: int | str, asset: str = "USD") -> None:
    """Let withdrawals up to an amount need nobody's approval."""
    from accounts.services import submit_threshold

    submit_threshold(by=SYSTEM, code=asset, amount=Decimal(amount), reason="for the test")
