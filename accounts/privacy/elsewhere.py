"""What other apps keep of people: each says itself how that goes when somebody is erased."""

from collections.abc import Callable
from typing import Final

# Deletes what an app keeps of a user, in the transaction that erases the person.
Taker = Callable[[int], None]
_TAKERS: Final[list[Taker]] = []


def on_erasure(take: Taker) -> None:
    """Let ``take`` be called with the id of each user who is erased."""
    if take not in _TAKERS:
        _TAKERS.append(take)


def take_elsewhere(user_id: int) -> None:
    """Delete what other apps keep of a user."""
    for take in _TAKERS:
        take(user_id)
