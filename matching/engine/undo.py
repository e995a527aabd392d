"""The undo log: what was changed since the last commit, oldest first, as it was before.

Copies, so that no field can be forgotten: an order as it stood before a command first changed it,
a market's snapshot before each command.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from matching.engine.orders import Order
from matching.engine.rules import IntegerRules, MarketPhase, Reference

if TYPE_CHECKING:
    from matching.engine.market import Market

# The fields of a market's snapshot, as they were.
MarketBefore = tuple[IntegerRules, MarketPhase, int, int, int | None, int, int | None, int | None]
# Places in the log of orders, of markets and of what else is kept by name.
Mark = tuple[int, int, int]
START: Final[Mark] = (0, 0, 0)  # right after the last commit
# Whose orders trail from a price (``matching.engine.events.TrailMoved``).
TrailName = tuple[Reference, bool, int]
# Whose orders a switch cancels, and the credential that set it (0: a session).
SwitchName = tuple[int, int]

_FIELDS: Final = Order.__struct_fields__


class UndoLog:
    """What was before each change, oldest first.

    Orders with the copy that was made of each, None: it did not exist; markets with the fields of
    their former snapshot, None: the market was not there. ``puts``: what else is kept by name
    (switches, trails, protections), as what gives a name its former value, None: it had none.
    """

    __slots__ = ("markets", "orders", "puts")

    def __init__(self) -> None:
        self.orders: list[tuple[Market, Order, Order | None]] = []
        self.markets: list[tuple[Market, MarketBefore | None]] = []
        self.puts: list[tuple[Callable[[Any, Any], None], Any, Any]] = []

    def mark(self) -> Mark:
        """Return how much can be taken back now."""
        return len(self.orders), len(self.markets), len(self.puts)

    def forget(self, up_to: Mark | None) -> None:
        """Keep what was done up to a mark for good; None: all of it."""
        if up_to is None:
            self.orders.clear()
            self.markets.clear()
            self.puts.clear()
        else:
            del self.orders[: up_to[0]]
            del self.markets[: up_to[1]]
            del self.puts[: up_to[2]]

    def roll_back(self, back_to: Mark) -> list["Market"]:
        """Give everything its former state; return the markets that are to go.

        Only the oldest state of each order since the mark counts. ``Market.end_undo`` follows.
        """
        orders_mark, markets_mark, puts_mark = back_to
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
        for put, name, value in reversed(self.puts[puts_mark:]):
            put(name, value)
        del self.orders[orders_mark:]
        del self.markets[markets_mark:]
        del self.puts[puts_mark:]
        return gone


def restore_order(order: Order, before: Order) -> None:
    """Give an order every field of its former self."""
    for name in _FIELDS:
        setattr(order, name, getattr(before, name))
