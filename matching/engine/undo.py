"""The undo log: what was changed since the last commit, oldest first, as it was before.

Copies, so that no field can be forgotten: an order as it stood before a command first changed it,
a market's snapshot before each command.
"""

from typing import TYPE_CHECKING, Final

from matching.engine.orders import WAITING, Order
from matching.engine.rules import IntegerRules, MarketPhase, Reference

if TYPE_CHECKING:
    from matching.engine.market import Market
    from matching.engine.timers import Switches

# The fields of a market's snapshot, as they were.
MarketBefore = tuple[IntegerRules, MarketPhase, int, int, int | None, int]
# Places in the log of orders, of markets, of switches and of trails.
Mark = tuple[int, int, int, int]
START: Final[Mark] = (0, 0, 0, 0)  # right after the last commit
# Whose orders trail from a price (``matching.engine.events.TrailMoved``).
TrailName = tuple[Reference, bool, int]
# Whose orders a switch cancels, and the credential that set it (0: a session).
SwitchName = tuple[int, int]

_FIELDS: Final = Order.__struct_fields__


class UndoLog:
    """What was before each change, oldest first.

    Orders with the copy that was made of each, None: it did not exist; markets with the fields of
    their former snapshot, None: the market was not there; switches with when they were due, None:
    not at all; trails with the price that they had, None: they were not there.
    """

    __slots__ = ("markets", "orders", "switches", "trails")

    def __init__(self) -> None:
        self.orders: list[tuple[Market, Order, Order | None]] = []
        self.markets: list[tuple[Market, MarketBefore | None]] = []
        self.switches: list[tuple[Switches, SwitchName, int | None]] = []
        self.trails: list[tuple[Market, TrailName, int | None]] = []

    def mark(self) -> Mark:
        """Return how much can be taken back now."""
        return len(self.orders), len(self.markets), len(self.switches), len(self.trails)

    def forget(self, up_to: Mark | None) -> None:
        """Keep what was done up to a mark for good; None: all of it."""
        if up_to is None:
            self.orders.clear()
            self.markets.clear()
            self.switches.clear()
            self.trails.clear()
        else:
            del self.orders[: up_to[0]]
            del self.markets[: up_to[1]]
            del self.switches[: up_to[2]]
            del self.trails[: up_to[3]]

    def roll_back(self, back_to: Mark) -> list["Market"]:
        """Give everything its former state; return the markets that are to go.

        Only the oldest state of each order since the mark counts.
        """
        orders_mark, markets_mark, switches_mark, trails_mark = back_to
        befores: dict[Market, dict[int, tuple[Order, Order | None]]] = {}
        waited: dict[Market, None] = {}
        for market, name, price_ticks in reversed(self.trails[trails_mark:]):
            market.triggers.put_mark(name, price_ticks)
            waited[market] = None
        for market, order, before in reversed(self.orders[orders_mark:]):
            befores.setdefault(market, {})[id(order)] = (order, before)
        for market, by_identity in befores.items():
            if any(_waits(*both) for both in by_identity.values()):
                waited[market] = None
            market.restore_orders(list(by_identity.values()))
        for market in waited:
            market.restore_triggers()
        gone = []
        for market, before_it in reversed(self.markets[markets_mark:]):
            if before_it is None:
                gone.append(market)
            else:
                market.restore(before_it)
        for switches, switch, due_us in reversed(self.switches[switches_mark:]):
            switches.put(switch, due_us)
        del self.orders[orders_mark:]
        del self.markets[markets_mark:]
        del self.switches[switches_mark:]
        del self.trails[trails_mark:]
        return gone


def _waits(order: Order, before: Order | None) -> bool:
    return order.trigger_state in WAITING or (
        before is not None and before.trigger_state in WAITING
    )


def restore_order(order: Order, before: Order) -> None:
    """Give an order every field of its former self."""
    for name in _FIELDS:
        setattr(order, name, getattr(before, name))
