"""Who acts in tests."""

from typing import Any

from accounts.access.actor import Actor, ActorKind, Permission

# Where it does not matter who acts.
SYSTEM = Actor.system("tests")


def customer(user: Any, *, kind: ActorKind = ActorKind.USER, **more: Any) -> Actor:
    """Return a user as the customer that everybody is outside of the operators' pages."""
    # Imported here: this file is read before Django knows its settings.
    from accounts.access.callers import SCOPES

    more.setdefault("scopes", frozenset(SCOPES))
    return Actor(kind=kind, name=user.email, user_id=user.pk, **more)


def operator(*permissions: Permission, user_id: int = 999_999, **more: Any) -> Actor:
    """Return an operator with some permissions, who is no superuser."""
    return Actor.operator(
        user_id=user_id,
        name="desk@example.com",
        permissions=permissions,
        is_superuser=False,
        request_id="request-of-the-desk",
        **{"reason": "for the test", **more},
    )
