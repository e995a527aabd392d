"""The undo log: what was changed since the last commit, oldest first, as it was before.

Copies, so that no field can be forgotten: an order as it stood before a command first changed it,
a market's snapshot before each command.
"""

from typing import TYPE_CHECKING, Final

from matching.engine.orders import Order
from matching.engine.rules import IntegerRules, MarketPhase

if TYPE_CHECKING:
    from matching.engine.market import Market

# The fields of a market's snapshot, as they were.
MarketBefore = tuple[IntegerRules, MarketPhase, int, int, int | None]
# Places in the log of orders and of markets.
Mark = tuple[int, int]

_FIELDS: Final = Order.__struct_fields__


class UndoLog:
    """What was before each change, oldest first.

    Orders with the copy that was made of each, None: it did not exist; markets with the fields
    of their former snapshot, None: the market was not there.
    """

    __slots__ = ("markets", "orders")

    def __init__(self) -> None:
        self.orders: list[tuple[Market, Order, Order | None]] = []
        self.markets: list[tuple[Market, MarketBefore | None]] = []

    def mark(self) -> Mark:
        """Return how much can be taken back now."""
        return len(self.orders), len(self.markets)

    def forget(self, up_to: Mark | None) -> None:
        """Keep what was done up to a mark for good; None: all of it."""
        if up_to is None:
            self.orders.clear()
            self.markets.clear()
        else:
            del self.orders[: up_to[0]]
            del self.markets[: up_to[1]]

    def roll_back(self, back_to: Mark) -> list["Market"]:
        """Give orders and markets their former state; return the markets that are to go.

        Only the oldest state of each order since the mark counts.
        """
        orders_mark, markets_mark = back_to
        befores: dict[Market, dict[int, tuple[Order, Order | None]]] = {}
        for market, order, before in reversed(self.orders[orders_mark:]):
            befores.setdefault(market, {})[id(order)] = (order, before)
        for market, by_identity in befores.items():
            market.restore_orders(list(by_identity.values()))
        gone = []
        for market, before_it in reversed(self.markets[markets_mark:]):
            if before_it is None:
                gone.append(market)
            else:
                market.restore(before_it)
        del self.orders[orders_mark:]
        del self.markets[markets_mark:]
        return gone


def restore_order(order: Order, before: Order) -> None:
    """Give an order every field of its former self."""
    for name in _FIELDS:
        setattr(order, name, getattr(before, name))
