"""Orders that are placed together: one message for those of a shard, and a result for each."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from matching import wire
from matching.commands import encode
from matching.commands.place import PlaceOrder
from matching.commands.place_batch import BATCH_MAX, PlaceOrders
from matching.gateway.client import Gateway
from matching.gateway.reply_codes import error_of
from zavora.foundation.errors import ZavoraError

Placed = wire.Reply | ZavoraError
# What the message itself takes beside its orders.
_AROUND_BYTES: Final = 32


async def submit_together(
    gateway: Gateway, orders: Sequence[PlaceOrder], request_id: str
) -> list[Placed]:
    """Submit orders and return what became of each, in their order, after the commit.

    What ``Gateway.submit`` would raise for an order is its result here. Orders of one shard are
    queued in their order, as one message where that is not too long.
    """
    results: dict[int, Placed] = {}
    shards: dict[int, int | ZavoraError] = {}
    by_shard: dict[int, list[int]] = {}
    for index, order in enumerate(orders):
        market_id = order.market_id
        if market_id not in shards:
            shards[market_id] = await _shard_of(gateway, market_id)
        shard_id = shards[market_id]
        if isinstance(shard_id, ZavoraError):
            results[index] = shard_id
        else:
            by_shard.setdefault(shard_id, []).append(index)
    messages = [
        (shard_id, portion)
        for shard_id, places in by_shard.items()
        for portion in _portions(places, orders)
    ]
    # They start in this order, and so are queued in it.
    told = await asyncio.gather(
        *(_ask(gateway, portion, orders, shard_id, request_id) for shard_id, portion in messages)
    )
    for (_, portion), placed in zip(messages, told, strict=True):
        results.update(zip(portion, placed, strict=True))
    return [results[index] for index in range(len(orders))]


async def _shard_of(gateway: Gateway, market_id: int) -> int | ZavoraError:
    try:
        return await gateway.shard_of(market_id)
    except ZavoraError as error:
        return error


def _portions(places: Sequence[int], orders: Sequence[PlaceOrder]) -> Iterator[list[int]]:
    """Yield what goes by one message each."""
    portion: list[int] = []
    size = _AROUND_BYTES
    for index in places:
        more = len(encode(orders[index]))
        if portion and (size + more > wire.BATCH_BYTES_MAX or len(portion) == BATCH_MAX):
            yield portion
            portion, size = [], _AROUND_BYTES
        portion.append(index)
        size += more
    if portion:
        yield portion


async def _ask(
    gateway: Gateway,
    portion: Sequence[int],
    orders: Sequence[PlaceOrder],
    shard_id: int,
    request_id: str,
) -> list[Placed]:
    """Queue one message, and return what became of each of its orders."""
    placing = [orders[index] for index in portion]
    try:
        if len(placing) == 1:
            replies = [await gateway.ask(placing[0], shard_id, request_id)]
        else:
            reply = await gateway.ask(PlaceOrders(placing), shard_id, request_id)
            # Without parts it was refused as a whole: it could not be read, or failed inside.
            replies = [wire.decode_reply(part) for part in reply.parts] or [reply] * len(placing)
    except ZavoraError as error:
        return [error] * len(placing)
    # Those that are sent again start in this order, and so are queued in it.
    return await asyncio.gather(
        *(
            _placed(gateway, order, reply, shard_id, request_id)
            for order, reply in zip(placing, replies, strict=True)
        )
    )


async def _placed(
    gateway: Gateway, order: PlaceOrder, reply: wire.Reply, shard_id: int, request_id: str
) -> Placed:
    """Return what a reply says of an order; one that came to the wrong shard is sent again."""
    if reply.code == "wrong_shard":  # it did not take effect there
        try:
            reply = await gateway.ask_again(order, shard_id, request_id)
        except ZavoraError as error:
            return error
    return error_of(reply) if reply.code else reply
