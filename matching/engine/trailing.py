"""Trailing orders of one price and direction: groups by the highest or lowest price they have seen.

Written for orders that fire when the price falls: they trail from the highest price since they
began. The others are the same with all prices negated (``sign``). The groups stand by age. One
that is older has seen at least as high a price, so the marks fall from group to group, and a new
highest joins the latest ones to one group.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from itertools import pairwise, takewhile

from matching.engine.orders import Order

PER_TEN_THOUSAND = 10_000


class Group:
    """Orders that trail from one price; ``number`` is that of the first of them, or lower."""

    __slots__ = ("by_bps", "by_ticks", "mark", "number", "orders")

    def __init__(self, number: int, mark: int) -> None:
        self.number = number
        self.mark = mark
        self.orders: dict[int, Order] = {}
        # (distance, order id), the smallest distance first: its turn comes first.
        self.by_ticks: list[tuple[int, int]] = []
        self.by_bps: list[tuple[int, int]] = []

    def add(self, order: Order) -> None:
        """Let an order trail from here."""
        self.orders[order.order_id] = order
        distances, distance = self._distances(order)
        insort(distances, (distance, order.order_id))

    def remove(self, order: Order) -> None:
        """Let an order not trail any more."""
        del self.orders[order.order_id]
        distances, distance = self._distances(order)
        del distances[bisect_left(distances, (distance, order.order_id))]

    def join(self, other: "Group") -> None:
        """Take over the orders of a later group."""
        self.orders |= other.orders
        # Two sorted runs: the sort finds them and merges them.
        self.by_ticks = sorted(self.by_ticks + other.by_ticks)
        self.by_bps = sorted(self.by_bps + other.by_bps)

    def nearest(self, sign: int) -> int | None:
        """Return the key (``sign`` x price) at which the first turn comes."""
        keys = []
        if self.by_ticks:
            keys.append(self._key_by_ticks(sign, self.by_ticks[0][0]))
        if self.by_bps:
            keys.append(self._key_by_bps(sign, self.by_bps[0][0]))
        return max(keys, default=None)

    def reached(self, sign: int, key: int) -> Iterator[tuple[int, Order]]:
        """Take out and yield (key, order) of all whose turn has come at ``key``."""
        for distances, key_of in (
            (self.by_ticks, self._key_by_ticks),
            (self.by_bps, self._key_by_bps),
        ):
            count = 0
            for distance, order_id in distances:
                turn = key_of(sign, distance)
                if turn < key:
                    break
                count += 1
                yield turn, self.orders.pop(order_id)
            del distances[:count]

    def _key_by_ticks(self, sign: int, ticks: int) -> int:
        return sign * self.mark - ticks

    def _key_by_bps(self, sign: int, bps: int) -> int:
        # Rounded up: the price has gone at least so far.
        return sign * self.mark + -self.mark * bps // PER_TEN_THOUSAND

    def _distances(self, order: Order) -> tuple[list[tuple[int, int]], int]:
        conditions = order.terms.conditions
        if conditions.trail_ticks is not None:
            return self.by_ticks, conditions.trail_ticks
        return self.by_bps, conditions.trail_bps or 0


class Trail:
    """The groups of one price and direction, oldest first."""

    __slots__ = ("_groups", "_nearest", "sign")

    def __init__(self, rises: bool) -> None:
        self.sign = -1 if rises else 1
        self._groups: list[Group] = []
        # The key at which the first turn comes; None: not worked out.
        self._nearest: int | None = None

    def marks(self) -> Iterator[tuple[int, int]]:
        """Yield (number, price) of each group."""
        return ((group.number, group.mark) for group in self._groups)

    def add(self, order: Order) -> None:
        """Let an order trail with those that began when it did."""
        self._nearest = None
        self.group_of(order).add(order)

    def remove(self, order: Order) -> None:
        """Let an order not trail any more; whether its group goes with it is for others to say."""
        self._nearest = None
        self.group_of(order).remove(order)

    def group_of(self, order: Order) -> Group:
        """Return the group that an order trails in."""
        return self._groups[self._position(order.trigger_number)]

    def needs_group(self, price_ticks: int) -> bool:
        """Tell whether nobody trails from that price, which the latest have seen by now."""
        return not self._groups or self._groups[-1].mark != price_ticks

    def passed(self, price_ticks: int) -> list[Group]:
        """Return the groups that trail from that price once it is seen, the latest first."""
        key = self.sign * price_ticks
        groups = self._groups
        if not groups or self.sign * groups[-1].mark >= key:
            return []
        return list(takewhile(lambda group: self.sign * group.mark <= key, reversed(groups)))

    def join(self, passed: list[Group], price_ticks: int) -> None:
        """Let these groups, which ``passed`` gave, be one that trails from that price."""
        self._nearest = None
        for later, earlier in pairwise(passed):
            earlier.join(later)
            self.put_mark(later.number, None)
        passed[-1].mark = price_ticks

    def reached(self, price_ticks: int) -> Iterator[tuple[int, Order]]:
        """Take out and yield (key, order) of all whose turn has come. ``empty_groups`` may go."""
        key = self.sign * price_ticks
        if not self._groups or self._nearest_key() < key:
            return
        self._nearest = None
        for group in self._groups:
            yield from group.reached(self.sign, key)

    def empty_groups(self) -> list[Group]:
        """Return the groups that nobody trails in any more."""
        if self._nearest is not None:
            return []  # nothing was taken out since
        return [group for group in self._groups if not group.orders]

    def put_mark(self, number: int, price_ticks: int | None) -> None:
        """Add a group without orders, give one another price, or (None) drop one."""
        self._nearest = None
        position = self._position(number)
        is_there = position >= 0 and self._groups[position].number == number
        if price_ticks is None:
            if is_there:
                del self._groups[position]
        elif is_there:
            self._groups[position].mark = price_ticks
        else:
            self._groups.insert(position + 1, Group(number, price_ticks))

    def empty(self) -> None:
        """Take the orders out of all groups."""
        self._nearest = None
        self._groups = [Group(group.number, group.mark) for group in self._groups]

    def _nearest_key(self) -> int:
        if self._nearest is None:
            keys = [group.nearest(self.sign) for group in self._groups]
            # Below every price where nobody trails.
            lowest = -(1 << 200)
            self._nearest = max((key for key in keys if key is not None), default=lowest)
        return self._nearest

    def _position(self, number: int) -> int:
        """Return where the group stands that began with ``number``, or last before it."""
        return bisect_right(self._groups, number, key=_number_of) - 1


def _number_of(group: Group) -> int:
    return group.number
