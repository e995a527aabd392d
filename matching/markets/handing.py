"""A market between two shards: what the one that had it let go, and the other adopts."""

import msgspec

from matching.engine.orders import Order
from matching.engine.rules import MarketSnapshot
from matching.markets.terms import MarketTerms


class HandedOver(msgspec.Struct, kw_only=True):
    """A market as its former shard let it go, for the shard that is to match it.

    ``orders`` are whoever's takes them: an engine changes them. ``state_hash`` is the former
    engine's, of this market alone; empty where another version made it. ``event_sequence`` is what
    its events have come to, ``last_id`` the last id that its former shard gave, ``released_us`` the
    time of the batch that let it go. ``switches`` (when due, account, key) are the former shard's.
    """

    id: int
    terms: MarketTerms
    snapshot: MarketSnapshot
    orders: list[Order]
    switches: list[tuple[int, int, int]]
    state_hash: str
    event_sequence: int
    last_id: int
    released_us: int
    # Account and how many: sent in the window of the clock that ``released_us`` is in.
    messages: list[tuple[int, int]] = []

    @property
    def market_id(self) -> int:
        """Return which market it is."""
        return self.terms.market_id
