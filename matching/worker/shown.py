"""How a shard stands, told by its worker only when somebody looks.

The metrics' thread reads it beside the worker, who is held up by nothing: each figure is a single
look at what is there, and may be a moment older than the next one.
"""

import time
from collections.abc import Callable
from typing import Final

from django.conf import settings

from matching.engine.market import Market
from matching.worker.owned import OwnedShard
from zavora.foundation import metrics
from zavora.foundation.told import Labels

_OF_SHARD: Final = (
    metrics.SHARD_EPOCH,
    metrics.JOURNAL_SEQUENCE,
    metrics.LEASE_REMAINING,
    metrics.TAKEOVER_DURATION,
    metrics.OPEN_ORDERS,
    metrics.MARKET_PHASE,
    metrics.SPREAD,
)


def refresh(shard_id: int, owned: Callable[[], OwnedShard | None]) -> None:
    """Tell how the shard stands, where it is this worker's; a standby tells nothing of it."""
    shard = owned()
    if shard is None:
        for gauge in _OF_SHARD:
            gauge.tell({})
        return
    memory, name = shard.memory, (str(shard_id),)
    metrics.SHARD_EPOCH.tell({name: memory.position.epoch})
    metrics.JOURNAL_SEQUENCE.tell({name: memory.context.journal_sequence})
    passed_s = time.monotonic() - shard.settlement.renewed_at
    left_s = settings.ZAVORA_LEASE_MS / 1_000 - passed_s
    metrics.LEASE_REMAINING.tell({name: max(0.0, left_s)})
    metrics.TAKEOVER_DURATION.tell({name: shard.taken_in_s})
    phases: dict[Labels, float] = {}
    orders: dict[Labels, float] = {}
    spreads: dict[Labels, float] = {}
    engine = memory.context.engine
    for market_id, terms in list(memory.context.terms.items()):
        if not engine.has_market(market_id):
            continue
        market = engine.market(market_id)
        phases[terms.symbol, market.phase] = 1
        orders[terms.symbol,] = market.count_open()
        spread = _spread(market)
        if spread is not None:
            spreads[terms.symbol,] = spread
    metrics.MARKET_PHASE.tell(phases)
    metrics.OPEN_ORDERS.tell(orders)
    metrics.SPREAD.tell(spreads)


def _spread(market: Market) -> float | None:
    """Return the spread as a part of the price, None where there is none at this moment."""
    try:
        bid, ask = market.bids.keys[-1], -market.asks.keys[-1]
    except IndexError:
        return None
    # While an order takes, both sides may be seen to meet.
    return 2 * (ask - bid) / (ask + bid) if ask > bid else None
