"""The undo log: what was changed since the last commit, oldest first, as it was before.

Copies, so that no field can be forgotten: an order as it stood before a command first changed it,
a market's snapshot before each command.
"""

from typing import TYPE_CHECKING, Final

from matching.engine.orders import Order
from matching.engine.rules import IntegerRules, MarketPhase

if TYPE_CHECKING:
    from matching.engine.market import Market
    from matching.engine.timers import Switches

# The fields of a market's snapshot, as they were.
MarketBefore = tuple[IntegerRules, MarketPhase, int, int, int | None]
# Places in the log of orders, of markets and of switches.
Mark = tuple[int, int, int]
START: Final[Mark] = (0, 0, 0)  # right after the last commit
# Whose orders a switch cancels, and the credential that set it (0: a session).
SwitchName = tuple[int, int]

_FIELDS: Final = Order.__struct_fields__


class UndoLog:
    """What was before each change, oldest first.

    Orders with the copy that was made of each, None: it did not exist; markets with the fields of
    their former snapshot, None: the market was not there; switches with when they were due, None:
    not at all.
    """

    __slots__ = ("markets", "orders", "switches")

    def __init__(self) -> None:
        self.orders: list[tuple[Market, Order, Order | None]] = []
        self.markets: list[tuple[Market, MarketBefore | None]] = []
        self.switches: list[tuple[Switches, SwitchName, int | None]] = []

    def mark(self) -> Mark:
        """Return how much can be taken back now."""
        return len(self.orders), len(self.markets), len(self.switches)

    def forget(self, up_to: Mark | None) -> None:
        """Keep what was done up to a mark for good; None: all of it."""
        if up_to is None:
            self.orders.clear()
            self.markets.clear()
            self.switches.clear()
        else:
            del self.orders[: up_to[0]]
            del self.markets[: up_to[1]]
            del self.switches[: up_to[2]]

    def roll_back(self, back_to: Mark) -> list["Market"]:
        """Give everything its former state; return the markets that are to go.

        Only the oldest state of each order since the mark counts.
        """
        orders_mark, markets_mark, switches_mark = back_to
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
        for switches, name, due_us in reversed(self.switches[switches_mark:]):
            switches.put(name, due_us)
        del self.orders[orders_mark:]
        del self.markets[markets_mark:]
        del self.switches[switches_mark:]
        return gone


def restore_order(order: Order, before: Order) -> None:
    """Give an order every field of its former self."""
    for name in _FIELDS:
        setattr(order, name, getattr(before, name))
