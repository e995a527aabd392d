"""Markets that come and go in a journal: each is proved where it goes, and used where it comes.

So a market is followed over the journals of all shards that had it, and yet each is replayed by
itself: what one journal says of it ends with what another one's begins with, and a hash of it.
"""

from typing import Any

import msgspec
import psycopg

from matching.commands.base import Refused
from matching.commands.move import ReleaseMarket
from matching.engine import Engine, EngineError
from matching.engine.commands import AdoptMarket as AdoptEngine
from matching.engine.events import MarketReleased
from matching.markets.handing import HandedOver
from matching.markets.terms import MarketTerms
from matching.rows.checkpoints import Damaged
from matching.rows.handovers import read_handover
from matching.worker.passing import but_phase
from zavora.foundation.errors import InvariantBroken


class Handovers:
    """The handovers that a shard's journal names."""

    def __init__(self, cursor: "psycopg.Cursor[Any]", shard_id: int) -> None:
        self._cursor = cursor
        self._shard_id = shard_id
        self._taken: HandedOver | None = None

    def taken(self, handover_id: int) -> HandedOver:
        """Return what was let go to this shard; raise Refused where there is nothing.

        Raises InvariantBroken where it is damaged.
        """
        if self._taken is None or self._taken.id != handover_id:
            try:
                stored = read_handover(self._cursor, handover_id)
            except Damaged as error:
                raise InvariantBroken(f"handover {handover_id} is damaged: {error}") from None
            if stored is None or stored.handed.terms.shard_id != self._shard_id:
                raise Refused("wrong_shard", f"there is no handover {handover_id} to this shard")
            self._taken = stored.handed
        return self._taken

    def differences(
        self, command: ReleaseMarket, released: MarketReleased, terms: MarketTerms, sequence: int
    ) -> list[str]:
        """Return how the handover differs that a command wrote as it let a market go."""
        name = f"handover {command.handover_id} of command {sequence}"
        try:
            stored = read_handover(self._cursor, command.handover_id)
        except Damaged as error:
            return [f"{name}: damaged: {error}"]
        if stored is None:
            return [f"{name}: missing"]
        handed, differences = stored.handed, []
        moved = msgspec.structs.replace(terms, shard_id=command.to_shard)
        if but_phase(handed.terms) != but_phase(moved):
            differences.append(f"{name}: the market has other rules than the journal says")
        if stored.journal_sequence != sequence:
            differences.append(f"{name}: stored as of command {stored.journal_sequence}")
        if not handed.state_hash:  # another version wrote it
            return differences
        adopt = AdoptEngine(handed.snapshot, handed.orders, released.state_hash, 0)
        try:
            Engine().apply(adopt)
        except EngineError as error:
            differences.append(f"{name}: its body is not what the journal led to: {error}")
        if handed.state_hash != released.state_hash:
            differences.append(
                f"{name}: stored {handed.state_hash}, replayed {released.state_hash}"
            )
        return differences
