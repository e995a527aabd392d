"""Markets that other shards let go to this one: found, read, and adopted by a journaled command.

Whoever moves a market asks for it at once. Here the worker sees to it by itself, should nobody ask
any more: nobody else may have the market meanwhile.
"""

import time
from typing import Final

import structlog

from matching.commands.move import AdoptMarket
from matching.rows.handovers import Waiting
from matching.worker.batch import Batches
from matching.worker.entries import own_entry
from matching.worker.memory import ShardMemory
from matching.worker.settlement import Settlement

# How often it is looked for what nobody asked this worker to adopt.
LOOK_EVERY_S: Final = 1.0
# What cannot be adopted is tried again, and said again, this often.
RETRY_S: Final = 30.0

log = structlog.get_logger(__name__)


class Adopting:
    """What waits to be adopted by a shard."""

    def __init__(self, memory: ShardMemory, settlement: Settlement, batches: Batches) -> None:
        self._memory = memory
        self._settlement = settlement
        self._batches = batches
        self._looks_at = 0.0
        # What could not be adopted, and until when it is not tried again.
        self._held: dict[int, float] = {}

    @property
    def is_due(self) -> bool:
        """Tell whether it is time to look again."""
        return time.monotonic() >= self._looks_at

    def adopt(self) -> None:
        """Adopt what waits. Nothing may be in flight."""
        now = time.monotonic()
        self._looks_at = now + LOOK_EVERY_S
        self._held = {id_: until for id_, until in self._held.items() if until > now}
        for waiting in self._settlement.list_waiting():
            if waiting.handover_id in self._held:
                continue
            # Its former shard's clock may be ahead of this one's.
            if waiting.released_us <= self._memory.clock_us():
                self._adopt(waiting)

    def _adopt(self, waiting: Waiting) -> None:
        context = self._memory.context
        command = AdoptMarket(waiting.market_id, waiting.handover_id)
        entry = own_entry(command, self._memory.position.last_stream_id)
        self._batches.settle([entry])
        if waiting.market_id in context.terms:
            return
        self._held[waiting.handover_id] = time.monotonic() + RETRY_S
        context.set_aside[waiting.market_id] = waiting.symbol
        log.critical("market_not_adopted", market=waiting.symbol, shard=context.shard_id)
