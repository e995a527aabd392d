"""A market as the engine holds it: rules, phase, counters, both sides of the book, its indexes.

Whoever changes an order or a market notes its former state in the shared undo log first
(``keep``, ``keep_order``), so that an exception at any point, and a batch whose commit failed,
can be taken back.
"""

from collections.abc import Iterator

from matching.engine import iceberg
from matching.engine.book import BookSide, Level
from matching.engine.errors import EngineError
from matching.engine.events import DepthChanged, Event, MarketChanged
from matching.engine.orders import UNCONDITIONAL, WAITING, Order, Side
from matching.engine.protections import Protections
from matching.engine.rules import IntegerRules, MarketPhase, MarketSnapshot, Reference
from matching.engine.timers import Expiries
from matching.engine.triggers import Triggers
from matching.engine.undo import MarketBefore, UndoLog, restore_order


class Market:
    """One market. Readers use the plain attributes and the methods of the first half."""

    __slots__ = (
        "_by_account",
        "_log",
        "_totals_before",
        "_watched",
        "asks",
        "auction_ends_us",
        "bids",
        "by_client_id",
        "by_id",
        "depth_sequence",
        "expiries",
        "last_price_ticks",
        "lists",
        "phase",
        "protections",
        "rules",
        "static_ticks",
        "trade_sequence",
        "triggers",
    )

    def __init__(
        self,
        snapshot: MarketSnapshot,
        by_id: dict[int, Order],
        watched: "dict[int, Market]",
        log: UndoLog,
    ) -> None:
        self.rules: IntegerRules = snapshot.rules
        self.phase: MarketPhase = snapshot.phase
        self.trade_sequence = snapshot.trade_sequence
        self.depth_sequence = snapshot.depth_sequence
        self.last_price_ticks = snapshot.last_price_ticks
        self.static_ticks = snapshot.static_ticks
        self.auction_ends_us = snapshot.auction_ends_us
        self.bids = BookSide(1)
        self.asks = BookSide(-1)
        self.by_id = by_id  # the engine's, over all markets
        self._by_account: dict[int, dict[int, Order]] = {}
        self.by_client_id: dict[tuple[int, str], Order] = {}
        # The open orders of each list, by their ids.
        self.lists: dict[int, dict[int, Order]] = {}
        self.expiries = Expiries()
        self.protections = Protections(snapshot.protections, log)
        self.triggers = Triggers(self, snapshot, log)
        # The engine's, over all markets: those where something may be due (``watch``).
        self._watched = watched
        self._log = log
        # Levels touched by the running command, in that order: key -> lots before.
        self._totals_before: dict[int, int] = {}
        self.watch()

    # --- reading ------------------------------------------------------------------------------

    def open_orders(self) -> Iterator[Order]:
        """Yield the open orders: bids, then asks, each best price first, oldest first.

        Then those that wait for a price, by their ids.
        """
        yield from self.bids.orders()
        yield from self.asks.orders()
        yield from self.triggers.orders()

    def waiting(self) -> Iterator[Order]:
        """Yield the orders that wait for a price, in no order that says anything."""
        return (order for order in self.indexed() if order.trigger_state in WAITING)

    def indexed(self) -> Iterator[Order]:
        """Yield the open orders, wherever they rest or wait, in no order that says anything."""
        for mine in self._by_account.values():
            yield from mine.values()

    def depth(self, side: Side, levels_max: int | None = None) -> list[tuple[int, int]]:
        """Return (price_ticks, lots) of a side's best levels, best first; all by default."""
        return self.book_side(side).depth(levels_max)

    def order(self, order_id: int) -> Order | None:
        """Return an open order of any market of the engine."""
        return self.by_id.get(order_id)

    def orders_of(self, account_id: int) -> list[Order]:
        """Return the open orders of an account, oldest first."""
        mine = self._by_account.get(account_id)
        if mine is None:
            return []
        return sorted(mine.values(), key=_age)

    def count_of(self, account_id: int) -> int:
        """Return how many open orders an account has."""
        return len(self._by_account.get(account_id, ()))

    def count_open(self) -> int:
        """Return how many orders are open; from another thread, too, as of about now."""
        return sum(map(len, list(self._by_account.values())))

    def count_waiting_of(self, account_id: int) -> int:
        """Return how many orders of an account wait for a price."""
        mine = self._by_account.get(account_id, {})
        return sum(order.trigger_state in WAITING for order in mine.values())

    def order_by_client_id(self, account_id: int, client_order_id: str) -> Order | None:
        """Return the account's open order of that client order id."""
        return self.by_client_id.get((account_id, client_order_id))

    def is_empty(self) -> bool:
        """Tell whether no order rests or waits here."""
        return not self.bids.keys and not self.asks.keys and not self.triggers.count

    def price_of(self, reference: Reference) -> int | None:
        """Return the price that triggers look at, None: there is none."""
        if reference == "last":
            return self.last_price_ticks
        keys = self.bids.keys if reference == "bid" else self.asks.keys
        return abs(keys[-1]) if keys else None

    def snapshot(self) -> MarketSnapshot:
        """Return everything but the open orders."""
        return MarketSnapshot(
            self.rules,
            self.phase,
            self.trade_sequence,
            self.depth_sequence,
            self.last_price_ticks,
            self.triggers.sequence,
            self.triggers.marks(),
            self.static_ticks,
            self.auction_ends_us,
            tuple(sorted(self.protections.items())),
        )

    def book_side(self, side: Side) -> BookSide:
        """Return the side of the book where orders of ``side`` rest."""
        return self.bids if side == "buy" else self.asks

    def would_cross(self, side: Side, price_ticks: int) -> bool:
        """Tell whether an order at that limit meets the best opposite price, whoever's it is."""
        if side == "buy":
            keys = self.asks.keys
            return bool(keys) and keys[-1] >= -price_ticks
        keys = self.bids.keys
        return bool(keys) and keys[-1] >= price_ticks

    def is_crossed(self) -> bool:
        """Tell whether the best prices meet, as they may outside of trading."""
        bids, asks = self.bids.keys, self.asks.keys
        return bool(bids) and bool(asks) and bids[-1] >= -asks[-1]

    def watch(self) -> None:
        """Let the engine look here for what is due."""
        self._watched[self.rules.market_id] = self

    # --- changing; only the engine's own modules call these -----------------------------------

    def keep(self, *, new_order: Order | None = None, is_new: bool = False) -> None:
        """Note all but the orders before a command changes it, and that ``new_order`` was not."""
        # The snapshot's fields: a struct of them would cost twice, here and when it is forgotten.
        before = (
            self.rules,
            self.phase,
            self.trade_sequence,
            self.depth_sequence,
            self.last_price_ticks,
            self.triggers.sequence,
            self.static_ticks,
            self.auction_ends_us,
        )
        self._log.markets.append((self, None if is_new else before))
        if new_order is not None:
            self._log.orders.append((self, new_order, None))

    def keep_order(self, order: Order) -> None:
        """Note the state of an open order, before a command changes it."""
        self._log.orders.append((self, order, order.__copy__()))

    def touch(self, key: int) -> None:
        """Note a level's lots before the running command's first change to it."""
        if key not in self._totals_before:
            side = self.bids if key > 0 else self.asks
            level = side.levels.get(key)
            self._totals_before[key] = 0 if level is None else level.total_lots

    def touch_level_of(self, order: Order) -> None:
        """Note the lots of the level where ``order`` is, or is about to be, unless it waits."""
        if order.trigger_state not in WAITING:
            self.touch(self._place_of(order)[1])

    def level_of(self, order: Order) -> Level:
        """Return the level where ``order`` rests."""
        side, key = self._place_of(order)
        return side.levels[key]

    def rest(self, order: Order) -> int:
        """Put an order with a price into the book and the indexes; return its level's key."""
        if order.terms.conditions is not UNCONDITIONAL:
            iceberg.hide(order)
        side, key = self._place_of(order)
        side.add(order, key)
        self._index(order)
        return key

    def unrest(self, order: Order) -> int:
        """Take an order that rests, with its remaining lots, out again; return its level's key."""
        order_id = order.order_id
        account_id = order.account_id
        side, key = self._place_of(order)
        side.remove(order, key)
        del self.by_id[order_id]
        mine = self._by_account[account_id]
        del mine[order_id]
        if not mine:
            del self._by_account[account_id]
        terms = order.terms
        if terms.client_order_id is not None:
            del self.by_client_id[account_id, terms.client_order_id]
        if terms.conditions is not UNCONDITIONAL:
            self._forget_conditions(order)
        return key

    def wait(self, order: Order) -> None:
        """Index an order that waits for a price; ``triggers`` has it already."""
        self._index(order)

    def leave(self, order: Order, events: list[Event]) -> None:
        """Take an open order out of the market, wherever it rests or waits."""
        if order.trigger_state in WAITING:
            self.triggers.remove(order, events)
            self._forget(order)
        else:
            self.unrest(order)

    def shrink(self, order: Order, remaining_lots: int) -> None:
        """Give an open order fewer remaining lots where it stands."""
        side, key = self._place_of(order)
        self.touch(key)
        side.levels[key].total_lots -= order.remaining_lots - remaining_lots
        order.remaining_lots = remaining_lots

    def tell_depth(self, key: int, events: list[Event]) -> None:
        """Append the DepthChanged of a level that has changed."""
        self.depth_sequence += 1
        if key > 0:
            level = self.bids.levels.get(key)
            lots = 0 if level is None else level.total_lots
            change = DepthChanged(self.rules.market_id, self.depth_sequence, "buy", key, lots)
        else:
            level = self.asks.levels.get(key)
            lots = 0 if level is None else level.total_lots
            change = DepthChanged(self.rules.market_id, self.depth_sequence, "sell", -key, lots)
        events.append(change)

    def tell_touched(self, events: list[Event]) -> None:
        """Append a DepthChanged for each touched level whose lots differ from before."""
        for key, lots_before in self._totals_before.items():
            side = self.bids if key > 0 else self.asks
            if side.total_at(key) != lots_before:
                self.tell_depth(key, events)
        self._totals_before.clear()

    def end_loading(self) -> None:
        """Check a freshly loaded book. Raises EngineError where it crosses and must not."""
        self._totals_before.clear()
        self.triggers.end_loading()
        if self.phase in ("continuous", "post_only") and self.is_crossed():
            raise EngineError(f"market {self.rules.market_id}: the loaded book is crossed")

    def interrupt(self, events: list[Event], *, time_us: int) -> None:
        """Stop into an auction: what would trade next is too far away."""
        self.phase = "auction"
        self.auction_ends_us = time_us + self.rules.interruption_s * 1_000_000
        self.watch()
        events.append(MarketChanged(self.rules.market_id, self.phase, self.auction_ends_us))

    def end_undo(self) -> None:
        """Let the orders that wait stand as their own fields say; forget what was touched."""
        self._totals_before.clear()
        if self.triggers.is_damaged:
            self.triggers.restore(self.waiting())

    def restore(self, before: MarketBefore) -> None:
        """Take back rules, phase and counters."""
        (
            self.rules,
            self.phase,
            self.trade_sequence,
            self.depth_sequence,
            self.last_price_ticks,
            self.triggers.sequence,
            self.static_ticks,
            self.auction_ends_us,
        ) = before
        self.watch()

    def restore_orders(self, befores: list[tuple[Order, Order | None]]) -> None:
        """Give each order its former fields and its former place; None: it did not exist.

        The orders may be in any state between two, as an exception left them: nothing is trusted
        but the list of orders and the levels' other orders.
        """
        damaged: dict[int, BookSide] = {}
        for order, before in befores:
            if order.trigger_state or (before is not None and before.trigger_state):
                self.triggers.is_damaged = True
            side = self.book_side(order.terms.side)
            prices = (
                [order.price_ticks] if before is None else [order.price_ticks, before.price_ticks]
            )
            for price_ticks in prices:
                if price_ticks is not None:
                    key = side.sign * price_ticks
                    damaged[key] = side
                    if (level := side.levels.get(key)) is not None:
                        level.orders.pop(order.order_id, None)
            self._forget(order)
        for order, before in befores:
            if before is None:
                continue
            restore_order(order, before)
            if order.trigger_state not in WAITING:
                side, key = self._place_of(order)
                side.levels.setdefault(key, Level()).orders[order.order_id] = order
            self._index(order)
        for key, side in damaged.items():
            side.repair(key)
        self.lists = {list_id: legs for list_id, legs in self.lists.items() if legs}

    def _place_of(self, order: Order) -> tuple[BookSide, int]:
        """Return an order's side of the book and its level's key there."""
        price_ticks = order.price_ticks
        assert price_ticks is not None  # for the type checker: only limit orders rest
        return (self.bids, price_ticks) if order.terms.side == "buy" else (self.asks, -price_ticks)

    def _index(self, order: Order) -> None:
        order_id = order.order_id
        account_id = order.account_id
        self.by_id[order_id] = order
        mine = self._by_account.get(account_id)
        if mine is None:
            self._by_account[account_id] = {order_id: order}
        else:
            mine[order_id] = order
        terms = order.terms
        if terms.client_order_id is not None:
            self.by_client_id[account_id, terms.client_order_id] = order
        conditions = terms.conditions
        if conditions is not UNCONDITIONAL:
            if conditions.expires_us is not None:
                self.expiries.add(order_id, conditions.expires_us)
                self.watch()
            if conditions.leg is not None:
                self.lists.setdefault(conditions.list_id, {})[order_id] = order

    def _forget(self, order: Order) -> None:
        """Take an order out of the indexes, where it may be in some and not in others."""
        if self.by_id.get(order.order_id) is order:
            del self.by_id[order.order_id]
        mine = self._by_account.get(order.account_id)
        if mine is not None:
            mine.pop(order.order_id, None)
            if not mine:
                del self._by_account[order.account_id]
        if order.terms.client_order_id is not None:
            client_id = order.account_id, order.terms.client_order_id
            if self.by_client_id.get(client_id) is order:
                del self.by_client_id[client_id]
        if order.terms.conditions is not UNCONDITIONAL:
            self._forget_conditions(order)

    def _forget_conditions(self, order: Order) -> None:
        self.expiries.remove(order.order_id)
        # A list without orders stays until it was told of (``matching.engine.lists.react``).
        self.lists.get(order.terms.conditions.list_id, {}).pop(order.order_id, None)


def _age(order: Order) -> int:
    return order.order_id
