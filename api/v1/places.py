"""To which account and market an order belongs, of orders that were named lately.

It never changes, and who cancels or amends an order has mostly placed it through this process.
"""

from array import array
from typing import Final

SLOT_BITS: Final = 17
_WORD: Final = (1 << 64) - 1
# Fibonacci hashing: numbers that follow each other, and those of one millisecond, lie apart.
_FACTOR: Final = 0x9E3779B97F4A7C15
_NOBODY: Final = -1


class Places:
    """A table of a fixed size: an order's slot follows from its number, who comes later takes it.

    So it takes the same memory (3 MB) from the beginning, and nobody looks for what is oldest.
    """

    __slots__ = ("_accounts", "_markets", "_numbers")

    def __init__(self) -> None:
        slots = 1 << SLOT_BITS
        self._numbers = array("q", [_NOBODY]) * slots
        self._accounts = array("q", [_NOBODY]) * slots
        self._markets = array("q", [_NOBODY]) * slots

    def get(self, number: int) -> tuple[int, int] | None:
        """Return account and market of an order, None where they are not known any more."""
        slot = _slot(number)
        if number < 0 or self._numbers[slot] != number:
            return None
        return self._accounts[slot], self._markets[slot]

    def put(self, number: int, account_pk: int, market_id: int) -> None:
        """Know an order's account and market; another order of its slot is not known any more."""
        slot = _slot(number)
        self._numbers[slot] = number
        self._accounts[slot] = account_pk
        self._markets[slot] = market_id


def _slot(number: int) -> int:
    return (number * _FACTOR & _WORD) >> (64 - SLOT_BITS)
