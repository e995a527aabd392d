"""Orders that wait for a price: outside the book, indexed by the price at which their turn comes.

A price is looked at by its name (``matching.engine.rules.Reference``) and in a direction: orders
wait for it to rise or to fall to their own. A trailing order's own price moves along. All that
began to trail at the same time have seen the same highest (or lowest) price since, and who began
earlier has seen no less; so they stand in few groups, each with that price, and a new highest only
ever joins the latest groups (``trailing``).
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from matching.engine.events import Event, OrderShifted, TrailMoved
from matching.engine.orders import WAITING, Order, OrderTerms
from matching.engine.rules import MarketSnapshot, Reference, TrailMark
from matching.engine.trailing import Group, Trail
from matching.engine.undo import TrailName, UndoLog

if TYPE_CHECKING:
    from matching.engine.market import Market

# What is looked at, and whether its rise is waited for.
Watch = tuple[Reference, bool]
WATCHES: Final[tuple[Watch, ...]] = (
    ("last", False),
    ("last", True),
    ("bid", False),
    ("bid", True),
    ("ask", False),
    ("ask", True),
)


def reference_of(terms: OrderTerms) -> Reference:
    """Return the price that an order looks at."""
    if terms.conditions.trigger_by == "last":
        return "last"
    return "bid" if terms.side == "sell" else "ask"


def fires_rising(terms: OrderTerms) -> bool:
    """Tell whether an order's turn comes when its price has risen, else when it has fallen.

    A trailing order turns with the market, whatever it is called: one to buy when the price comes
    up from its lowest, one to sell when it comes down from its highest.
    """
    buys = terms.side == "buy"
    return buys if terms.conditions.trails else buys == (terms.conditions.trigger == "stop")


class Waiting:
    """Orders that wait for one price to rise, or to fall, to a price of their own."""

    __slots__ = ("keys", "levels", "sign")

    def __init__(self, rises: bool) -> None:
        # As in the book, keys are prices or negated prices: what is reached first stands last.
        self.sign = -1 if rises else 1
        self.keys: list[int] = []
        self.levels: dict[int, dict[int, Order]] = {}

    def add(self, order: Order, price_ticks: int) -> None:
        """Let ``order`` wait for a price."""
        key = self.sign * price_ticks
        level = self.levels.get(key)
        if level is None:
            level = self.levels[key] = {}
            insort(self.keys, key)
        level[order.order_id] = order

    def remove(self, order: Order, price_ticks: int) -> None:
        """Let ``order`` not wait any more."""
        key = self.sign * price_ticks
        level = self.levels[key]
        del level[order.order_id]
        if not level:
            del self.levels[key]
            del self.keys[bisect_left(self.keys, key)]

    def reached(self, price_ticks: int) -> Iterator[tuple[int, Order]]:
        """Take out and yield (key, order) of all that wait for that price or one before it."""
        key = self.sign * price_ticks
        while self.keys and self.keys[-1] >= key:
            nearest = self.keys.pop()
            yield from ((nearest, order) for order in self.levels.pop(nearest).values())


def awaited_ticks(terms: OrderTerms) -> int | None:
    """Return the price that an order waits for while it does not trail."""
    conditions = terms.conditions
    return conditions.activation_ticks if conditions.trails else conditions.trigger_ticks


class Triggers:
    """All orders of a market that wait, and those whose turn is to come."""

    __slots__ = (
        *("_by_age", "_log", "_market", "_trails", "_waiting"),
        *("count", "is_damaged", "queue", "sequence"),
    )

    def __init__(self, market: "Market", snapshot: MarketSnapshot, log: UndoLog) -> None:
        self._market = market
        self._log = log
        self.sequence = snapshot.trigger_sequence
        self.count = 0
        # Whether ``restore`` is to follow on what was taken back.
        self.is_damaged = False
        self.queue: dict[int, Order] = {}
        # All that wait, the youngest first, and some that did: sorted anew once one is added.
        self._by_age: list[Order] | None = None
        self._waiting = {watch: Waiting(watch[1]) for watch in WATCHES}
        self._trails = {watch: Trail(watch[1]) for watch in WATCHES}
        for mark in snapshot.trails:
            self.put_mark((mark.reference, mark.rises, mark.number), mark.price_ticks)

    def marks(self) -> tuple[TrailMark, ...]:
        """Return from where orders trail."""
        return tuple(
            TrailMark(*watch, number, price_ticks)
            for watch in WATCHES
            for number, price_ticks in self._trails[watch].marks()
        )

    def orders(self) -> Iterator[Order]:
        """Yield the orders that wait, by their ids."""
        if not self.count:
            return
        if self._by_age is None:
            self._by_age = sorted(self._market.waiting(), key=_age, reverse=True)
        by_age = self._by_age
        while by_age and not self._waits(by_age[-1]):
            by_age.pop()
        yield from (order for order in reversed(by_age) if self._waits(order))

    def _waits(self, order: Order) -> bool:
        return order.trigger_state in WAITING and self._market.order(order.order_id) is order

    # --- who waits --------------------------------------------------------------------------------

    def add(self, order: Order, events: list[Event]) -> None:
        """Let a new order wait; one that begins to trail at once does so from its price of now."""
        self._by_age = None
        self.count += 1
        self.begin(order, events)

    def begin(self, order: Order, events: list[Event]) -> None:
        """Put an order, which is counted already, where it begins to wait."""
        if order.trigger_state == "trailing":
            market = self._market
            price_ticks = market.price_of(reference_of(order.terms)) or market.last_price_ticks
            assert price_ticks is not None  # for the type checker: it was looked at before
            self._begin_trailing(order, price_ticks, events)
        else:
            self.load(order)

    def queue_up(self, order: Order) -> None:
        """Let an order's turn come after all whose turn is to come already."""
        self.sequence += 1
        order.trigger_state, order.trigger_number = "queued", self.sequence
        self.queue[self.sequence] = order
        self._market.watch()

    def load(self, order: Order) -> None:
        """Put an order where its fields say that it waits."""
        self._by_age = None
        state = order.trigger_state
        reference = reference_of(order.terms)
        if state == "queued":
            self.queue[order.trigger_number] = order
            self._market.watch()
        elif state == "trailing":
            self._trails[reference, fires_rising(order.terms)].add(order)
        elif state != "pending":
            self._waiting[reference, state == "rising"].add(order, awaited_ticks(order.terms) or 0)

    def end_loading(self) -> None:
        """Bring those whose turn is to come into its order."""
        self.queue = dict(sorted(self.queue.items()))
        self.is_damaged = False

    def remove(self, order: Order, events: list[Event]) -> None:
        """Let an order not wait any more."""
        self.count -= 1
        state = order.trigger_state
        reference = reference_of(order.terms)
        if state == "queued":
            del self.queue[order.trigger_number]
        elif state == "trailing":
            watch = reference, fires_rising(order.terms)
            group = self._trails[watch].group_of(order)
            if len(group.orders) == 1:
                self._drop(watch, group, events)
            else:
                self._trails[watch].remove(order)
        elif state != "pending":
            awaited = awaited_ticks(order.terms) or 0
            self._waiting[reference, state == "rising"].remove(order, awaited)

    def move(self, order: Order, terms: OrderTerms) -> None:
        """Give an order that waits other terms, and let it wait where they say."""
        if awaited_ticks(order.terms) == awaited_ticks(terms):
            order.terms = terms
            return
        waiting = self._waiting[reference_of(terms), order.trigger_state == "rising"]
        waiting.remove(order, awaited_ticks(order.terms) or 0)
        order.terms = terms
        waiting.add(order, awaited_ticks(terms) or 0)

    # --- what a price does ------------------------------------------------------------------------

    def look(self, reference: Reference, events: list[Event]) -> None:
        """Do what ``reach`` does with a price as it stands now, if there is one."""
        price_ticks = self._market.price_of(reference)
        if price_ticks is not None:
            self.reach(reference, price_ticks, events)

    def reach(self, reference: Reference, price_ticks: int, events: list[Event]) -> None:
        """Queue the orders whose price is reached: what was reached first, then by age."""
        self.is_damaged = True  # until it is done: some stand nowhere for a while
        for rises in (False, True):
            watch = reference, rises
            trail = self._trails[watch]
            self._move(watch, price_ticks, events)
            reached: list[tuple[int, int, Order]] = []
            began: list[Order] = []
            for key, order in self._waiting[watch].reached(price_ticks):
                if order.terms.conditions.trails:
                    began.append(order)
                else:
                    reached.append((-key, order.order_id, order))
            for key, order in trail.reached(price_ticks):
                reached.append((-key, order.order_id, order))
            for group in trail.empty_groups():
                self._drop(watch, group, events)
            reached.sort(key=_nearest_first)
            for _, _, order in reached:
                self._market.keep_order(order)
                self.queue_up(order)
            for order in sorted(began, key=_age):
                self._market.keep_order(order)
                order.trigger_state = "trailing"
                self._begin_trailing(order, price_ticks, events)
                events.append(OrderShifted(order))
        self.is_damaged = False

    def _move(self, watch: Watch, price_ticks: int, events: list[Event]) -> None:
        """Let those trail from a price who have not seen one so high, or so low, before."""
        trail = self._trails[watch]
        passed = trail.passed(price_ticks)
        if not passed:
            return
        for group in passed:
            after = price_ticks if group is passed[-1] else None
            self._tell_mark((*watch, group.number), group.mark, after, events)
        trail.join(passed, price_ticks)

    def _drop(self, watch: Watch, group: Group, events: list[Event]) -> None:
        """Let a group go, and who is left in it not trail any more."""
        self._tell_mark((*watch, group.number), group.mark, None, events)
        self._trails[watch].put_mark(group.number, None)

    def _begin_trailing(self, order: Order, price_ticks: int, events: list[Event]) -> None:
        watch = reference_of(order.terms), fires_rising(order.terms)
        self._move(watch, price_ticks, events)
        self.sequence += 1
        order.trigger_number = self.sequence
        trail = self._trails[watch]
        if trail.needs_group(price_ticks):
            self._tell_mark((*watch, self.sequence), None, price_ticks, events)
            trail.put_mark(self.sequence, price_ticks)
        trail.add(order)

    def _tell_mark(
        self, name: TrailName, before: int | None, after: int | None, events: list[Event]
    ) -> None:
        # Before it is changed, so that whatever is raised in between can be taken back.
        self._log.puts.append((self.put_mark, name, before))
        events.append(TrailMoved(self._market.rules.market_id, *name, after))

    # --- taking back ------------------------------------------------------------------------------

    def put_mark(self, name: TrailName, price_ticks: int | None) -> None:
        """Give a mark its price, None: take it out. ``restore`` follows, or loading."""
        self.is_damaged = True
        reference, rises, number = name
        self._trails[reference, rises].put_mark(number, price_ticks)

    def restore(self, waiting: Iterable[Order]) -> None:
        """Let exactly these orders wait, as their fields say, from the marks that there are."""
        self.is_damaged = False
        self._by_age = None
        self.count = 0
        self.queue = {}
        self._waiting = {watch: Waiting(watch[1]) for watch in WATCHES}
        for trail in self._trails.values():
            trail.empty()
        for order in sorted(waiting, key=_turn):
            self.count += 1
            self.load(order)


def _nearest_first(reached: tuple[int, int, Order]) -> tuple[int, int]:
    return reached[:2]


def _turn(order: Order) -> tuple[int, int]:
    return order.trigger_number, order.order_id


def _age(order: Order) -> int:
    return order.order_id
