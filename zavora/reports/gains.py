"""Realised profit and loss of a market, by two cost formulas at once, in the quote asset.

Both are those of IAS 2 "Inventories", paragraphs 25 to 27: first in, first out, and the weighted
average that is calculated anew with each purchase (the moving average).

What was bought costs the quote amount that was paid for it, for the quantity that arrived: the fee
of a purchase is taken from that quantity, so it makes each unit dearer. What was sold earned the
quote amount less its fee. A gain is what a sale earned less what the sold quantity had cost.

A quantity that was not bought on this market (it was deposited, or bought on another one) has no
cost that we know: what is sold beyond what was bought there is counted apart, with its share of the
earnings, and makes neither gain nor loss.

Figures are exact. Where a part of a purchase is sold, its cost is rounded half to even to the
quote's smallest unit, and the rest keeps what is left: over all sales nothing is lost or made.
"""

from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Final

import msgspec

from zavora.foundation.money import EXACT

ZERO: Final = Decimal(0)


class Purchase(msgspec.Struct, gc=False):
    """What was bought at once: the quantity that arrived, and what was paid for it."""

    trade_id: int
    quantity: Decimal
    cost: Decimal


class Gain(msgspec.Struct, frozen=True, gc=False):
    """What a sale brought: by each formula, and what of it had no known cost."""

    fifo: Decimal
    average: Decimal
    unknown_quantity: Decimal
    unknown_earned: Decimal


def share(amount: Decimal, part: Decimal, whole: Decimal, scale: int) -> Decimal:
    """Return ``amount * part / whole``, rounded half to even to ``scale`` decimals.

    ``round`` of a Fraction is exact, and half to even. All of it is all of it.
    """
    if part == whole:
        return amount
    units = round(Fraction(amount) * Fraction(part) / Fraction(whole) * 10**scale)
    return Decimal(units).scaleb(-scale, EXACT)


class FirstInFirstOut:
    """Purchases in the order in which they were made; the oldest is sold first.

    They are read as they are needed, so that a million of them cost no more memory than one.
    """

    def __init__(self, purchases: Iterator[Purchase], quote_scale: int) -> None:
        self._purchases = purchases
        self._scale = quote_scale
        self._oldest: Purchase | None = None

    def sell(self, quantity: Decimal, *, trade_id: int) -> tuple[Decimal, Decimal]:
        """Take a quantity out; return how much of it had been bought, and what that had cost."""
        left, cost = quantity, ZERO
        while left:
            oldest = self._oldest = self._oldest or next(self._purchases, None)
            if oldest is None or oldest.trade_id > trade_id:
                break  # it is bought later, if ever
            part = min(left, oldest.quantity)
            cost_of_part = share(oldest.cost, part, oldest.quantity, self._scale)
            oldest.quantity = EXACT.subtract(oldest.quantity, part)
            oldest.cost = EXACT.subtract(oldest.cost, cost_of_part)
            left = EXACT.subtract(left, part)
            cost = EXACT.add(cost, cost_of_part)
            if not oldest.quantity:
                self._oldest = None
        return EXACT.subtract(quantity, left), cost


class MovingAverage:
    """All that was bought as one heap of one cost."""

    def __init__(self, quote_scale: int) -> None:
        self._scale = quote_scale
        self.quantity = ZERO
        self.cost = ZERO

    def buy(self, quantity: Decimal, cost: Decimal) -> None:
        """Put a quantity on the heap."""
        self.quantity = EXACT.add(self.quantity, quantity)
        self.cost = EXACT.add(self.cost, cost)

    def sell(self, quantity: Decimal) -> Decimal:
        """Take a quantity off the heap, at most what is there; return what that had cost."""
        cost = share(self.cost, quantity, self.quantity, self._scale) if quantity else ZERO
        self.quantity = EXACT.subtract(self.quantity, quantity)
        self.cost = EXACT.subtract(self.cost, cost)
        return cost


class MarketGains:
    """An account's trading on one market, from its first fill on; sums of a period beside it."""

    def __init__(self, purchases: Iterator[Purchase], quote_scale: int) -> None:
        self._fifo = FirstInFirstOut(purchases, quote_scale)
        self._average = MovingAverage(quote_scale)
        self._scale = quote_scale
        # What all that is left had cost, by each formula.
        self.fifo_cost = ZERO

    @property
    def quantity(self) -> Decimal:
        """Return what was bought and not sold yet."""
        return self._average.quantity

    @property
    def average_cost(self) -> Decimal:
        """Return what that had cost, by the average."""
        return self._average.cost

    def buy(self, quantity: Decimal, cost: Decimal) -> None:
        """Count a purchase; the iterator of purchases gives the same one in its turn."""
        self._average.buy(quantity, cost)
        self.fifo_cost = EXACT.add(self.fifo_cost, cost)

    def sell(self, quantity: Decimal, earned: Decimal, *, trade_id: int) -> Gain:
        """Count a sale: the quantity that went, and the quote amount that arrived for it."""
        known, fifo_cost = self._fifo.sell(quantity, trade_id=trade_id)
        # Both formulas have the same quantity left, so they know the same part of it.
        average_cost = self._average.sell(known)
        self.fifo_cost = EXACT.subtract(self.fifo_cost, fifo_cost)
        earned_by_known = share(earned, known, quantity, self._scale)
        return Gain(
            fifo=EXACT.subtract(earned_by_known, fifo_cost),
            average=EXACT.subtract(earned_by_known, average_cost),
            unknown_quantity=EXACT.subtract(quantity, known),
            unknown_earned=EXACT.subtract(earned, earned_by_known),
        )
