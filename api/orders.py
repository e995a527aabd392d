"""What both APIs do with orders, whatever they call them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from django.db import DatabaseError, InterfaceError

from accounts.access.callers import Caller
from api.process import web_process
from api.transport.measured import acknowledging
from matching import wire
from matching.commands.base import WireCommand
from matching.commands.place import PlaceOrder
from matching.gateway.together import Placed, submit_together
from zavora.foundation.errors import AccountNotFound, OrderNotFound, OutcomeUnknown, Overloaded

Result = TypeVar("Result")


async def submit(
    command: WireCommand, request_id: str, *, shard_id: int | None = None
) -> wire.Reply:
    """Submit a command and return its reply after the commit; raises what the gateway raises.

    A database that fails the look-up after the wait leaves it unknown. ``shard_id`` is for what
    concerns a whole shard; a market's is known.
    """
    with acknowledging():
        try:
            return await web_process().gateway.submit(
                command, shard_id=shard_id, request_id=request_id
            )
        except (DatabaseError, InterfaceError):
            raise OutcomeUnknown(
                "The command may have been queued, and its outcome cannot be read right now."
            ) from None


async def told_after(reading: Awaitable[Result]) -> Result:
    """Return how things stand after a command that took effect.

    Raises OutcomeUnknown where that cannot be read: anything else would say that nothing was done.
    """
    try:
        return await reading
    except (DatabaseError, InterfaceError, Overloaded):
        raise OutcomeUnknown(
            "The command took effect, and how things stand cannot be read right now."
        ) from None


async def submit_batch(orders: Sequence[PlaceOrder], request_id: str) -> list[Placed]:
    """Submit orders together and return what became of each, in their order; raises nothing."""
    with acknowledging():
        return await submit_together(web_process().gateway, orders, request_id)


async def as_caller(
    caller: Caller,
    call: Callable[[Caller], Awaitable[Result]],
    reloaded: Callable[[Caller], Awaitable[Caller | None]],
) -> Result:
    """Return what a call answers a caller; where that is unknown to it, once more as ``reloaded``.

    An account may be so new that what is remembered of its owner does not know it. ``reloaded``
    returns the caller as the tables know it, None where that says nothing new.
    """
    try:
        return await call(caller)
    except (AccountNotFound, OrderNotFound):
        fresh = await reloaded(caller)
        if fresh is None:
            raise
        return await call(fresh)
