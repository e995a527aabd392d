"""What the naive exchange keeps: orders with what they ask for, and a market with its orders.

Written from docs/matching.md, to be believed: nothing is indexed, everything is looked for.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from matching.engine.commands import Place
from matching.engine.orders import Conditions
from matching.engine.rules import IntegerRules


@dataclass(eq=False)
class NaiveOrder:
    """An order; only what cannot be worked out from something else.

    ``place`` counts who came later to a price. ``waits``: "", or "rise", "fall" (for a price),
    "trail" (behind ``mark``), "turn" (it was reached), "other" (of its list, to fill; meanwhile
    ``reserved`` is what that one has brought). ``shown_slice`` is set for an iceberg in the book.
    """

    order_id: int
    account_id: int
    client_order_id: str | None
    side: str
    is_market: bool
    time_in_force: str
    post_only: bool
    price: int | None
    quantity: int | None
    budget: int | None
    maker_ppm: int
    taker_ppm: int
    owner_id: int
    asked: Conditions
    trigger: int | None = None
    protection: int | None = None
    expires: int | None = None
    place: int = 0
    shown_slice: int | None = None
    filled: int = 0
    prevented: int = 0
    spent: int = 0
    moved: int = 0
    waits: str = ""
    mark: int = 0
    reserved: int = 0
    status: str = "open"
    reason: str = ""

    @property
    def remaining(self) -> int:
        """Lots still wanted (orders by quantity)."""
        assert self.quantity is not None
        return self.quantity - self.filled - self.prevented

    @property
    def shown(self) -> int:
        """Lots that stand in the book for all to see."""
        return self.remaining if self.shown_slice is None else self.shown_slice

    @property
    def limit(self) -> int | None:
        """The worst price at which it trades."""
        return self.protection if self.price is None else self.price

    @property
    def may_rest(self) -> bool:
        return not self.is_market and self.time_in_force in ("gtc", "gtd", "day")

    @property
    def looks_at(self) -> str:
        """Which price it waits for."""
        if self.asked.trigger_by == "last":
            return "last"
        return "bid" if self.side == "sell" else "ask"

    @property
    def fires_on(self) -> str:
        """Whether its turn comes by a rise or a fall."""
        if self.asked.trail_ticks is not None or self.asked.trail_bps is not None:
            return "rise" if self.side == "buy" else "fall"
        return "rise" if (self.asked.trigger == "stop") == (self.side == "buy") else "fall"

    def turn(self) -> int:
        """The price at which the turn of a trailing order comes."""
        if self.asked.trail_ticks is not None:
            distance = self.asked.trail_ticks
        else:
            distance = -(-self.mark * self.asked.trail_bps // 10_000)
        return self.mark + distance if self.fires_on == "rise" else self.mark - distance


@dataclass(frozen=True)
class NaiveTrade:
    """A trade as the rules describe it."""

    sequence: int
    run_sequence: int
    maker_id: int
    taker_id: int
    price: int
    lots: int
    buyer_fee: int
    seller_fee: int
    rebate: int


@dataclass
class Outcome:
    """What a command came to: in ``log`` what happened, in order, as tuples that begin with a word.

    ``order`` is what was placed or amended; ``more_held`` units were locked before it traded.
    ``placed``: ids and what was locked for each order of a list. ``halves``: why the cancel and the
    new order of a replacement were refused, empty: they were not.
    """

    refusal: str = ""
    log: list[tuple[Any, ...]] = field(default_factory=list)
    order: NaiveOrder | None = None
    more_held: int = 0
    placed: list[tuple[int, int]] = field(default_factory=list)
    halves: tuple[str, str] | None = None


class RefusedError(Exception):
    """A rule says no."""


@dataclass
class NaiveProtection:
    """What a market maker lets happen, and the fills since it was set: (when, lots)."""

    fills_max: int | None
    lots_max: int | None
    window: int
    fills: list[tuple[int, int]] = field(default_factory=list)
    tripped: bool = False

    def count(self, now: int, lots: int) -> None:
        if self.fills and now - self.fills[0][0] >= self.window:
            self.fills = []
        self.fills.append((now, lots))
        total = sum(lots for _, lots in self.fills)
        self.tripped = (self.fills_max is not None and len(self.fills) >= self.fills_max) or (
            self.lots_max is not None and total >= self.lots_max
        )


class NaiveMarket:
    """The rules, the last price, the number of trades and the orders, in no special order."""

    def __init__(self, rules: IntegerRules, phase: str) -> None:
        self.rules = rules
        self.phase = phase
        self.last_price: int | None = None
        self.static_price: int | None = None
        self.auction_ends: int | None = None
        self.protections: dict[int, NaiveProtection] = {}
        self.now = 0
        self.trade_count = 0
        self.places = 0
        self.orders: list[NaiveOrder] = []
        self.turns: list[NaiveOrder] = []  # reached, in order; some have ended meanwhile

    def copy(self) -> "NaiveMarket":
        """The same market with orders of its own, to see what would happen."""
        other = NaiveMarket(self.rules, self.phase)
        other.last_price, other.trade_count = self.last_price, self.trade_count
        other.static_price = self.static_price
        other.places = self.places
        other.orders = [replace(order) for order in self.orders]
        return other

    def resting(self, side: str) -> list[NaiveOrder]:
        """The orders in a side of the book: best price first, then who was there first."""
        mine = [
            order
            for order in self.orders
            if order.status == "open" and order.side == side and not order.waits
        ]
        worst_first = -1 if side == "buy" else 1
        return sorted(mine, key=lambda order: (worst_first * order.price, order.place))

    def waiting(self) -> list[NaiveOrder]:
        """The orders that wait for a price or their turn, by age."""
        mine = [order for order in self.orders if order.status == "open" and order.waits]
        return sorted(mine, key=lambda order: order.order_id)

    def depth(self, side: str) -> list[tuple[int, int]]:
        """(price, lots shown) best first."""
        levels: dict[int, int] = {}
        for order in self.resting(side):
            levels[order.price] = levels.get(order.price, 0) + order.shown
        return list(levels.items())

    def best(self, side: str) -> int | None:
        depth = self.depth(side)
        return depth[0][0] if depth else None

    def reference(self, name: str) -> int | None:
        """The price that triggers look at, by its name."""
        if name == "last":
            return self.last_price
        return self.best("buy" if name == "bid" else "sell")

    def others(self, order: NaiveOrder) -> list[NaiveOrder]:
        """The other open orders of an order's list, by age."""
        if order.asked.leg is None:
            return []
        return sorted(
            (
                other
                for other in self.orders
                if other.status == "open"
                and other is not order
                and other.asked.list_id == order.asked.list_id
            ),
            key=lambda other: other.order_id,
        )

    def pair(self, order: NaiveOrder) -> list[NaiveOrder]:
        """An order and the open one of which only one is to trade, by age."""
        if order.asked.leg == "working":
            return [order]
        others = [other for other in self.others(order) if other.asked.leg != "working"]
        return sorted([order, *others], key=lambda leg: leg.order_id)

    def held(self, order: NaiveOrder) -> int:
        """What an open order keeps locked: one of a pair for both."""
        pair = self.pair(order)
        if order is not holder(pair):
            return 0
        if order.waits == "other":
            working = next(leg for leg in self.others(order) if leg.asked.leg == "working")
            if working.side != order.side:
                return order.reserved
        return max(self.need(leg) for leg in pair)

    def need(self, order: NaiveOrder) -> int:
        """What an open order needs by itself."""
        if order.budget is not None:
            return order.budget
        if order.side == "sell":
            return order.remaining * self.rules.lot_units
        return order.limit * order.remaining * self.rules.tick_lot_units

    def is_near(self, price: int, last_price: int | None) -> bool:
        """Whether trading goes on at a price, where the last one before was so much."""
        for ppm, about in (
            (self.rules.dynamic_collar_ppm, last_price),
            (self.rules.static_collar_ppm, self.static_price),
        ):
            is_asked = ppm is not None and about is not None
            if is_asked and abs(price - about) * 1_000_000 > about * ppm:
                return False
        return True

    def crosses(self, side: str, price: int) -> bool:
        """Whether a limit meets the best opposite price."""
        if side == "buy":
            best = self.best("sell")
            return best is not None and price >= best
        best = self.best("buy")
        return best is not None and price <= best

    def slid(self, side: str, price: int) -> int:
        """The price of a post-only order that slides; refused where there is none."""
        if not self.crosses(side, price):
            return price
        price = self.best("sell") - 1 if side == "buy" else self.best("buy") + 1
        if price not in range(1, self.rules.max_price_ticks + 1):
            raise RefusedError("post_only_would_cross")
        return price

    def rest(self, order: NaiveOrder) -> None:
        """Put an order behind all others at its price."""
        self.places += 1
        order.place = self.places
        display = order.asked.display_lots
        order.shown_slice = None if display is None else min(display, order.remaining)

    def show_next(self, order: NaiveOrder) -> bool:
        """Show the next slice of an iceberg, whose last one is used up; tell if there is one."""
        if order.shown_slice is None or order.remaining == 0:
            return False
        self.rest(order)
        return True

    def mode_of(self, order: NaiveOrder) -> str:
        """What an order wants done where it meets one of its owner's."""
        return order.asked.self_trade or self.rules.self_trade_mode

    def is_own(self, maker: NaiveOrder, taker: NaiveOrder) -> bool:
        """Whether a taker must not trade with it."""
        if maker.account_id == taker.account_id:
            return True
        if self.rules.self_trade_scope == "account" or taker.owner_id == 0:
            return False
        return maker.owner_id == taker.owner_id


def holder(pair: list[NaiveOrder]) -> NaiveOrder:
    """Which of two orders, of which one is to trade, holds for both."""
    oldest = min(pair, key=lambda order: order.order_id)
    return next((order for order in pair if order.asked.trigger is None), oldest)


def new_order(command: Place) -> NaiveOrder:
    terms = command.terms
    return NaiveOrder(
        command.order_id,
        command.account_id,
        terms.client_order_id,
        terms.side,
        terms.order_type == "market",
        terms.time_in_force,
        terms.post_only,
        command.price_ticks,
        command.quantity_lots,
        terms.budget_units,
        command.maker_ppm,
        command.taker_ppm,
        command.owner_id,
        terms.conditions,
        trigger=terms.conditions.trigger_ticks,
        protection=terms.conditions.protection_ticks,
        expires=terms.conditions.expires_us,
    )
