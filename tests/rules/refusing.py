"""What the lists of refusals are made of: calls about two people, and who may do all but one."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from accounts.access.actor import Actor, ActorKind, Permission
from tests.actors import customer, operator

Things = Any  # what ``tests.rules.refused.things_of`` returns
Call = Callable[[Things, Things], object]

USD: Final = {"asset": "USD", "amount": Decimal(5)}
CREDIT: Final = {**USD, "external_reference": "wire-1", "reason": "seen"}
# Everybody who may do everything but what they are refused.
NOT_SUPERUSER: Final = operator(*Permission)


def all_but(permission: Permission) -> Actor:
    """Return an operator who lacks this permission alone."""
    return operator(*(one for one in Permission if one is not permission))


def key(things: Things, *scopes: str, **more: Any) -> Actor:
    """Return a key of somebody with these scopes."""
    return customer(
        things.user, kind=ActorKind.KEY, key_id=things.key, scopes=frozenset(scopes), **more
    )
