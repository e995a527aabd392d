"""Place several orders by one message: each is a command of its own, in the order asked."""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from matching.commands.base import Kind, WireCommand
from matching.commands.place import PlaceOrder

BATCH_MAX: Final = 100


class PlaceOrders(WireCommand, frozen=True, array_like=True, gc=False, tag="batch"):
    """Place orders of one shard, whosesoever they are and in whichever of its markets.

    Each stands for itself: decided, journaled, bound to its key and refused as if it came alone.
    They are settled by one commit, with the message's place in the queue.
    """

    orders: Annotated[list[PlaceOrder], msgspec.Meta(min_length=1, max_length=BATCH_MAX)]


class PlaceOrdersKind(Kind[PlaceOrders]):
    """It is nothing beside its parts: only one that fails inside is journaled itself, as void."""

    wire = PlaceOrders
    name = "batch"
    may_fly = True
    is_several = True

    def account_ids(self, command: PlaceOrders) -> tuple[int, ...]:
        """Return whose orders they are, each once."""
        return tuple({order.account_id: None for order in command.orders})

    def parts(self, command: PlaceOrders) -> Sequence[PlaceOrder]:
        """Return the orders."""
        return command.orders
