"""The book of one market as readers see it: price levels by side, best first.

Prices and quantities stay the texts that the worker published; their order comes from the price's
digits, which works because all prices of a market carry the same number of decimals.
"""

import zlib
from bisect import bisect_left, insort
from typing import Final

Level = tuple[str, str]

CHECKSUM_LEVELS: Final = 10


class BookSide:
    """One side: levels by price, best first."""

    __slots__ = ("_keys", "_levels", "_sign")

    def __init__(self, *, best_is_highest: bool) -> None:
        self._sign = -1 if best_is_highest else 1
        self._keys: list[int] = []
        self._levels: dict[int, Level] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def set(self, price: str, quantity: str) -> None:
        """Make ``quantity`` the whole quantity at ``price``; zero removes the level."""
        key = self._sign * int(price.replace(".", ""))
        if is_zero(quantity):
            if self._levels.pop(key, None) is not None:
                del self._keys[bisect_left(self._keys, key)]
            return
        if key not in self._levels:
            insort(self._keys, key)
        self._levels[key] = (price, quantity)

    def top(self, depth: int | None = None) -> list[Level]:
        """Return the best ``depth`` levels (None: all), best first."""
        levels = self._levels
        return [levels[key] for key in self._keys[:depth]]

    @property
    def best_price(self) -> str | None:
        """Return the best price, None where the side is empty."""
        return self._levels[self._keys[0]][0] if self._keys else None


class DepthBook:
    """Both sides of a market's book."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = BookSide(best_is_highest=True)
        self.asks = BookSide(best_is_highest=False)

    def set(self, side: str, price: str, quantity: str) -> None:
        """Make ``quantity`` the whole quantity at a price of a side ("buy" or "sell")."""
        (self.bids if side == "buy" else self.asks).set(price, quantity)

    def checksum(self) -> int:
        """Return the CRC-32 of ``checksum_text``."""
        return zlib.crc32(self.checksum_text().encode())

    def checksum_text(self) -> str:
        """Return the best ten levels, bid and ask by turns: ``price:quantity`` joined by ``:``."""
        bids, asks = self.bids.top(CHECKSUM_LEVELS), self.asks.top(CHECKSUM_LEVELS)
        parts: list[str] = []
        for index in range(max(len(bids), len(asks))):
            if index < len(bids):
                parts += bids[index]
            if index < len(asks):
                parts += asks[index]
        return ":".join(parts)


def is_zero(text: str) -> bool:
    """Tell whether a decimal text spells zero."""
    return not text.strip("0.")
