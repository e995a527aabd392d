"""The numbered chain of a book's changes: pure, without a clock.

Each event begins one after the end of the one before, says the whole quantity of every level that
changed, and covers whatever the feed had to make up for: where it loaded a book anew, the event
says the difference between the book as it was and as it is.
"""

from typing import NamedTuple

from marketdata.feed.book import Level, is_zero
from marketdata.feed.view import DepthDelta


class ChainBroken(Exception):
    """A book whose numbers went back: nothing that follows would fit."""


class DepthEvent(NamedTuple):
    """Changes ``first`` to ``last``; of each level the whole quantity after ``last``."""

    first: int
    last: int
    bids: list[Level]
    asks: list[Level]


class DepthChain:
    """One chain. ``sequence`` is the last change it knows, ``told`` the last that it gave away."""

    def __init__(self, bids: list[Level], asks: list[Level], sequence: int) -> None:
        self.sequence = self.told = sequence
        self._bids = _Side(bids)
        self._asks = _Side(asks)

    def follows(self, delta: DepthDelta) -> bool:
        """Tell whether a change is the next one."""
        return delta.prev_sequence == self.sequence

    def change(self, delta: DepthDelta) -> None:
        """Take in the next change."""
        if not self.follows(delta):
            raise ChainBroken(f"{delta.prev_sequence} does not follow {self.sequence}")
        self._bids.change(delta.bids)
        self._asks.change(delta.asks)
        self.sequence = delta.sequence

    def reload(self, bids: list[Level], asks: list[Level], sequence: int) -> None:
        """Take in a whole book in the place of changes that are not known one by one."""
        if sequence < self.sequence:
            raise ChainBroken(f"{sequence} after {self.sequence}")
        self._bids.replace(bids)
        self._asks.replace(asks)
        self.sequence = sequence

    def take(self) -> DepthEvent | None:
        """Return what happened since the last call; None: nothing."""
        if self.sequence == self.told:
            return None
        event = DepthEvent(self.told + 1, self.sequence, self._bids.take(), self._asks.take())
        self.told = self.sequence
        return event


class _Side:
    """Quantities by price, and those that changed since they were last taken."""

    __slots__ = ("_changed", "_levels")

    def __init__(self, levels: list[Level]) -> None:
        self._levels = dict(levels)
        self._changed: dict[str, str] = {}

    def change(self, levels: list[Level]) -> None:
        for price, quantity in levels:
            self._changed[price] = quantity
            if is_zero(quantity):
                self._levels.pop(price, None)
            else:
                self._levels[price] = quantity

    def replace(self, levels: list[Level]) -> None:
        known, self._levels = self._levels, dict(levels)
        for price in known:
            if price not in self._levels:
                self._changed[price] = "0"
        for price, quantity in levels:
            if known.get(price) != quantity:
                self._changed[price] = quantity

    def take(self) -> list[Level]:
        changed, self._changed = self._changed, {}
        return list(changed.items())
