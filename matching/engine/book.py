"""One side of a market's book: price levels, best price first, oldest order first.

Prices are kept as *keys*: a bid's key is its price, an ask's its negated price. On both sides the
best price is then the largest key, at the end of a sorted list where adding and removing is
cheapest, and one code path serves both sides. A key also names its side: bids are above zero.
"""

from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterator

from matching.engine.orders import Order


class Level:
    """The orders at one price, by rising priority, and the sum of what they show.

    An OrderedDict because an order may leave from anywhere: a plain dict that loses its first
    entries again and again is searched from its start each time.
    """

    __slots__ = ("orders", "total_lots")

    def __init__(self) -> None:
        self.orders: OrderedDict[int, Order] = OrderedDict()
        self.total_lots = 0

    def put_last(self, order: Order) -> None:
        """Put an order behind all others; its priority says so."""
        orders = self.orders
        newest = orders[next(reversed(orders))]
        if newest is not order:
            orders.move_to_end(order.order_id)
            order.priority = newest.priority + 1

    def sort(self) -> None:
        """Bring the orders into the order of their priorities and count them anew."""
        by_priority = sorted(self.orders.values(), key=_priority)
        self.orders = OrderedDict((order.order_id, order) for order in by_priority)
        self.total_lots = sum(order.remaining_lots for order in by_priority)


class BookSide:
    """The bids (``sign`` 1) or the asks (``sign`` -1) of a market."""

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []  # sorted, the best price last
        self.levels: dict[int, Level] = {}

    def add(self, order: Order, key: int) -> None:
        """Queue ``order`` at its level, behind all that stand there: its priority says so."""
        level = self.levels.get(key)
        if level is None:
            level = self.levels[key] = Level()
            insort(self.keys, key)
            level.orders[order.order_id] = order
            level.total_lots = order.remaining_lots
            return
        orders = level.orders
        newest = orders[next(reversed(orders))]
        orders[order.order_id] = order
        level.total_lots += order.remaining_lots
        if newest.priority >= order.priority:
            order.priority = newest.priority + 1

    def remove(self, order: Order, key: int) -> None:
        """Take ``order`` from its level; an empty level goes with it."""
        level = self.levels[key]
        orders = level.orders
        del orders[order.order_id]
        level.total_lots -= order.remaining_lots
        if not orders:
            self._drop(key)

    def repair(self, key: int) -> None:
        """Put a level right after an undo: its order, its total, and whether it exists at all."""
        level = self.levels.get(key)
        if level is None:
            self._drop_key(key)
            return
        level.sort()
        if not level.orders:
            self._drop(key)
        elif not self._has_key(key):
            insort(self.keys, key)

    def total_at(self, key: int) -> int:
        """Return the lots at a key, 0 where there is no level."""
        level = self.levels.get(key)
        return 0 if level is None else level.total_lots

    def orders(self) -> Iterator[Order]:
        """Yield every order, best price first, oldest first."""
        for key in reversed(self.keys):
            yield from self.levels[key].orders.values()

    def depth(self, levels_max: int | None = None) -> list[tuple[int, int]]:
        """Return (price_ticks, lots) of the best levels, best first; all of them by default."""
        keys = self.keys[::-1] if levels_max is None else self.keys[: -levels_max - 1 : -1]
        return [(self.sign * key, self.levels[key].total_lots) for key in keys]

    def _drop(self, key: int) -> None:
        del self.levels[key]
        self._drop_key(key)

    def _drop_key(self, key: int) -> None:
        keys = self.keys
        if keys and keys[-1] == key:
            keys.pop()
        elif self._has_key(key):
            del keys[bisect_left(keys, key)]

    def _has_key(self, key: int) -> bool:
        position = bisect_left(self.keys, key)
        return position < len(self.keys) and self.keys[position] == key


def _priority(order: Order) -> tuple[int, int]:
    return order.priority, order.order_id
