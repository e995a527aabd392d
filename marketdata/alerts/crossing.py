"""When an alert is to be told of, by the market's trades alone: pure.

An alert that is armed is told of at the first trade at its price or beyond. One that repeats is
then away, and armed again by the first trade on the other side of its price that comes at least a
pause after the one it was told of. A run of trades is made into a ``Path`` once, so that each alert
finds the trades that concern it in O(log n).
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from matching.orders.by_sequence import PublicTradeRow

# What no price reaches: beyond the last trade of a run.
_NEVER_ABOVE: Final = Decimal(-1)
_NEVER_BELOW: Final = Decimal("Infinity")


class Watched(msgspec.Struct, frozen=True):
    """What of an alert the rule asks for. ``told_us``: when it was told of last, 0: never."""

    rises: bool
    level: Decimal
    repeats: bool
    # "armed", "away" or "told".
    state: str
    since: int
    told_us: int = 0


class Path:
    """Consecutive trades of a market, at least one, oldest first."""

    def __init__(self, trades: Sequence[PublicTradeRow]) -> None:
        self.trades = trades
        self.first = trades[0].sequence
        self.last = trades[-1].sequence
        prices = [trade.price for trade in trades]
        self.high, self.low = max(prices), min(prices)
        self._size = 1 << (len(prices) - 1).bit_length()
        self._highs = self._tree(prices, max, _NEVER_ABOVE)
        self._lows = self._tree(prices, min, _NEVER_BELOW)

    def reached(self, start: int, level: Decimal, *, rises: bool) -> int | None:
        """Return the place of the first trade from ``start`` on at a level or beyond."""
        if rises:
            return self._find(self._highs, start, level.__le__)
        return self._find(self._lows, start, level.__ge__)

    def gone_back(self, start: int, level: Decimal, *, rises: bool, from_us: int) -> int | None:
        """Return the place of the first trade on the side a level is reached from.

        From ``start`` and from a time on.
        """
        tree, is_back = (self._lows, level.__gt__) if rises else (self._highs, level.__lt__)
        found = self._find(tree, start, is_back)
        while found is not None and self.trades[found].time_us < from_us:
            found = self._find(tree, found + 1, is_back)
        return found

    def _tree(
        self, prices: list[Decimal], best: Callable[[Decimal, Decimal], Decimal], never: Decimal
    ) -> list[Decimal]:
        size = self._size
        tree = [never] * size + prices + [never] * (size - len(prices))
        for node in range(size - 1, 0, -1):
            tree[node] = best(tree[2 * node], tree[2 * node + 1])
        return tree

    def _find(
        self, tree: list[Decimal], start: int, holds: Callable[[Decimal], bool]
    ) -> int | None:
        """Return the first place from ``start`` on whose price ``holds``, by the tree's bests."""
        if start >= self._size:
            return None
        node = self._size + start
        while True:
            while node % 2 == 0:
                node //= 2
            if holds(tree[node]):
                while node < self._size:
                    node *= 2
                    if not holds(tree[node]):
                        node += 1
                return node - self._size
            node += 1
            if node & (node - 1) == 0:  # the right edge: nothing comes after it
                return None


def watch(alert: Watched, path: Path, *, pause_us: int) -> tuple[Watched, list[int]]:
    """Return an alert as it is after a run of trades, and the places of those it is told of at.

    Trades up to ``since`` count no more, so that to look twice is to look once.
    """
    state, told_us = alert.state, alert.told_us
    at = max(0, alert.since + 1 - path.first)
    told: list[int] = []
    while state != "told":
        if state == "armed":
            found = path.reached(at, alert.level, rises=alert.rises)
            if found is None:
                break
            told.append(found)
            told_us = path.trades[found].time_us
            state = "away" if alert.repeats else "told"
        else:
            found = path.gone_back(at, alert.level, rises=alert.rises, from_us=told_us + pause_us)
            if found is None:
                break
            state = "armed"
        at = found + 1
    since = max(alert.since, path.last)
    return msgspec.structs.replace(alert, state=state, since=since, told_us=told_us), told
