"""A market's book that is kept by a snapshot and deltas, and that knows when it is wrong.

The rules are those of docs/market-data.md: a delta follows the sequence before it, and after each
message a checksum over the best ten levels a side must be right. Nothing here does I/O.
"""

import zlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from msgspec import Struct

CHECKED_LEVELS: Final = 10
Level = tuple[Decimal, Decimal]


class OutOfStep(Exception):
    """The book is not the exchange's any more: it must begin again from a snapshot."""


class BookData(Struct, frozen=True):
    """What a push on the channel `orderbook` says: without `prev_sequence` it is a whole book."""

    bids: list[Level]
    asks: list[Level]
    sequence: int
    checksum: int
    prev_sequence: int | None = None


@dataclass(frozen=True, slots=True)
class BookView:
    """A book at one sequence: levels as (price, quantity), best price first."""

    market: str
    bids: Sequence[Level]
    asks: Sequence[Level]
    sequence: int

    @property
    def bid(self) -> Decimal | None:
        """The best price that somebody buys at."""
        return self.bids[0][0] if self.bids else None

    @property
    def ask(self) -> Decimal | None:
        """The best price that somebody sells at."""
        return self.asks[0][0] if self.asks else None

    @property
    def mid(self) -> Decimal | None:
        """The middle of both; None where a side is empty."""
        return None if self.bid is None or self.ask is None else (self.bid + self.ask) / 2

    @property
    def spread(self) -> Decimal | None:
        """How far they are apart; below zero while an auction gathers orders."""
        return None if self.bid is None or self.ask is None else self.ask - self.bid


class BookSide:
    """One side: prices in order, and the quantity at each."""

    def __init__(self, *, is_bids: bool) -> None:
        self._is_bids = is_bids
        self._prices: list[Decimal] = []  # ascending
        self._quantities: dict[Decimal, Decimal] = {}

    def __len__(self) -> int:
        return len(self._prices)

    def reset(self, levels: Iterable[Level]) -> None:
        """Hold these levels and no others."""
        self._quantities = dict(levels)
        self._prices = sorted(self._quantities)

    def set(self, price: Decimal, quantity: Decimal) -> None:
        """Hold so much at a price; nothing removes the level."""
        at = bisect_left(self._prices, price)
        is_there = price in self._quantities
        if not quantity:
            if is_there:
                del self._prices[at], self._quantities[price]
            return
        if not is_there:
            self._prices.insert(at, price)
        # As it was sent now: the checksum is of the texts, and 1.0 is not 1.00 there.
        self._quantities[price] = quantity

    def best(self, count_max: int | None) -> list[Level]:
        """Return the best levels, best first; all of them for None."""
        return [(price, self._quantities[price]) for price in self._best_prices(count_max)]

    def texts(self, count_max: int) -> list[str]:
        """Return the best levels as the checksum spells them."""
        return [f"{price:f}:{quantity:f}" for price, quantity in self.best(count_max)]

    def quantity(self, price: Decimal) -> Decimal:
        """Return what stands at a price."""
        return self._quantities.get(price, Decimal(0))

    def _best_prices(self, count_max: int | None) -> Sequence[Decimal]:
        if not self._is_bids:
            return self._prices[:count_max]
        first = None if count_max is None else max(0, len(self._prices) - count_max)
        return self._prices[first:][::-1]


class Book:
    """A whole book. ``apply`` raises OutOfStep and leaves it unusable until the next snapshot."""

    def __init__(self, market: str) -> None:
        self.market = market
        self.bids = BookSide(is_bids=True)
        self.asks = BookSide(is_bids=False)
        self.sequence = 0
        self.is_valid = False

    def apply(self, data: BookData) -> bool:
        """Take a message over; return whether the book is another one now.

        Raises OutOfStep where messages are missing between, or the checksum is another.
        """
        if data.prev_sequence is None:
            self.bids.reset(data.bids)
            self.asks.reset(data.asks)
        elif not self.is_valid:
            return False  # of a book that was given up: the snapshot is on its way
        elif data.sequence <= self.sequence:
            return False  # old
        elif data.prev_sequence != self.sequence:
            self.is_valid = False
            raise OutOfStep(f"{data.prev_sequence} does not follow {self.sequence}")
        else:
            for side, levels in ((self.bids, data.bids), (self.asks, data.asks)):
                for price, quantity in levels:
                    side.set(price, quantity)
        self.sequence = data.sequence
        found = self.checksum()
        self.is_valid = found == data.checksum
        if not self.is_valid:
            raise OutOfStep(f"checksum {found} at {data.sequence}, not {data.checksum}")
        return True

    def checksum(self) -> int:
        """Return the CRC-32 of the best ten levels a side, bid and ask by turns."""
        bids, asks = self.bids.texts(CHECKED_LEVELS), self.asks.texts(CHECKED_LEVELS)
        parts: list[str] = []
        for index in range(max(len(bids), len(asks))):
            parts += [*bids[index : index + 1], *asks[index : index + 1]]
        return zlib.crc32(":".join(parts).encode())

    def view(self, depth: int | None = None) -> BookView:
        """Return the best levels as they are now; nothing changes them afterwards."""
        return BookView(self.market, self.bids.best(depth), self.asks.best(depth), self.sequence)
