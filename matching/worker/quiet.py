"""What is told of markets in which nothing happens: the sequence at which they stand."""

from typing import Final

from matching import wire
from matching.worker.decide import ShardContext

QUIET_EVENT_S: Final = 1.0


def quiet_events(
    context: ShardContext, told_at: dict[int, float], now: float
) -> list[tuple[int, bytes]]:
    """Return each quiet market's current sequence, so that a lost last message is noticed.

    ``told_at``: when something was told of each market last; ``now`` is noted in it.
    """
    quiet = []
    for market_id, sequence in context.event_sequences.items():
        if now - told_at.get(market_id, 0.0) < QUIET_EVENT_S:
            continue
        told_at[market_id] = now
        depth_sequence = context.engine.market(market_id).depth_sequence
        event = wire.MarketEvent(
            market_id, sequence, sequence, context.last_batch_us, depth_sequence, [], [], b""
        )
        quiet.append((market_id, wire.encode(event)))
    return quiet
