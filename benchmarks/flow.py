"""The flow of orders that every measurement uses, so that their figures can be compared.

A flow is made by playing it on an engine of its own: cancels therefore name orders that are open,
and the share of orders that trade is what was asked for, whatever machine it is then played on.
The same seed gives the same flow.
"""

import random
from collections.abc import Sequence
from typing import Final

import msgspec

from matching.engine import Engine
from matching.engine.commands import Cancel, ConfigureMarket, Place
from matching.engine.events import OrderRejected, Traded
from matching.engine.orders import OrderTerms, Side, TimeInForce
from matching.engine.rules import IntegerRules

# 65% new orders and 35% cancels, a quarter of the new orders meeting the book.
CANCEL_SHARE: Final = 0.35
CROSSING_SHARE: Final = 0.25
IOC_SHARE_OF_CROSSING: Final = 0.3
PASSIVE_LOTS_MAX: Final = 100
# Crossing orders are smaller: one meets 1.4 orders at rest on average, and the books grow slowly.
CROSSING_LOTS_MAX: Final = 45
# How far behind the best price a passive order rests: most of them close by.
DISTANCE_MEAN_TICKS: Final = 12
DISTANCE_MAX_TICKS: Final = 200
MAKER_PPM: Final = 1_000
TAKER_PPM: Final = 2_000
_FUNDS: Final = 10**40


class FlowMarket(msgspec.Struct, frozen=True):
    """A market that the flow plays in. ``mid_ticks`` is where its price begins and tends to."""

    market_id: int
    symbol: str
    base_id: int
    quote_id: int
    mid_ticks: int
    tick_decimals: int
    lot_decimals: int
    lot_units: int
    tick_lot_units: int


class NewOrder(msgspec.Struct, frozen=True, gc=False):
    """A limit order to place. ``number`` counts within the flow."""

    number: int
    account: int  # an index into the accounts of whoever plays the flow
    market: FlowMarket
    side: Side
    time_in_force: TimeInForce
    price_ticks: int
    lots: int
    client_order_id: str


class CancelOrder(msgspec.Struct, frozen=True, gc=False):
    """An open order of the account to cancel; ``order_number`` is its NewOrder's."""

    number: int
    account: int
    market: FlowMarket
    order_number: int
    client_order_id: str


Step = NewOrder | CancelOrder


class Flow:
    """An endless, reproducible flow. ``recorded`` holds the engine's commands where asked for."""

    def __init__(
        self,
        markets: Sequence[FlowMarket],
        *,
        accounts: int,
        seed: int,
        cancel_share: float = CANCEL_SHARE,
        record: bool = False,
    ) -> None:
        self._markets = list(markets)
        self._accounts = accounts
        self._seed = seed
        self._random = random.Random(seed)
        self._cancel_share = cancel_share
        self._engine = Engine()
        self._number = 0
        self._open: list[NewOrder] = []
        self.configure = [ConfigureMarket(_rules(market), "continuous", 0) for market in markets]
        self.recorded: list[Place | Cancel] | None = [] if record else None
        self.orders = self.cancels = self.trading_orders = self.trades = 0
        for command in self.configure:
            self._engine.apply(command)
        self._engine.commit()

    def seed_books(self, orders: int) -> list[Step]:
        """Return passive orders only, to give every book some depth."""
        return [self._new_order(is_crossing=False) for _ in range(orders)]

    def take(self, steps: int) -> list[Step]:
        """Return the next steps."""
        return [self._step() for _ in range(steps)]

    def open_orders(self) -> int:
        """Return how many orders rest after what was taken so far."""
        return sum(1 for market in self._engine.markets() for _ in market.open_orders())

    def _step(self) -> Step:
        if self._cancel_share and self._random.random() < self._cancel_share:
            cancelled = self._cancel()
            if cancelled is not None:
                return cancelled
        return self._new_order(is_crossing=self._random.random() < CROSSING_SHARE)

    def _cancel(self) -> CancelOrder | None:
        """Cancel a random open order; None where nothing is open."""
        orders = self._open
        while orders:
            place = int(self._random.random() * len(orders))
            order, orders[place] = orders[place], orders[-1]
            orders.pop()
            if self._engine.order(order.number) is None:
                continue  # filled since
            self._number += 1
            self.cancels += 1
            self._apply(
                Cancel(order.market.market_id, order.account + 1, order.number, self._number)
            )
            return CancelOrder(
                self._number, order.account, order.market, order.number, order.client_order_id
            )
        return None

    def _new_order(self, *, is_crossing: bool) -> NewOrder:
        draw = self._random.random
        market = self._markets[int(draw() * len(self._markets))]
        book = self._engine.market(market.market_id)
        bids, asks = book.bids.keys, book.asks.keys
        bid = bids[-1] if bids else market.mid_ticks - 1
        ask = -asks[-1] if asks else market.mid_ticks + 1
        # Crossing orders pull the price back to where it began, or it would wander off.
        pull = (market.mid_ticks - (bid + ask) / 2) / market.mid_ticks * 100
        side: Side = (
            "buy" if draw() < 0.5 + (max(-0.3, min(0.3, pull)) if is_crossing else 0) else "sell"
        )
        time_in_force: TimeInForce = "gtc"
        if is_crossing:
            price_ticks = ask + 3 if side == "buy" else bid - 3
            lots = 1 + int(draw() * CROSSING_LOTS_MAX)
            if draw() < IOC_SHARE_OF_CROSSING:
                time_in_force = "ioc"
        else:
            away = min(DISTANCE_MAX_TICKS, int(self._random.expovariate(1 / DISTANCE_MEAN_TICKS)))
            price_ticks = ask - 1 - away if side == "buy" else bid + 1 + away
            lots = 1 + int(draw() * PASSIVE_LOTS_MAX)
        self._number += 1
        number = self._number
        order = NewOrder(
            number,
            int(draw() * self._accounts),
            market,
            side,
            time_in_force,
            price_ticks,
            lots,
            f"bench-{self._seed:04x}-{number:010d}",
        )
        self.orders += 1
        if self._apply(_place(order)):
            self._open.append(order)
        return order

    def _apply(self, command: Place | Cancel) -> bool:
        """Play a command; return whether it left an order in the book."""
        if self.recorded is not None:
            self.recorded.append(command)
        events = self._engine.apply(command)
        self._engine.commit()
        if type(events[0]) is OrderRejected:
            raise AssertionError(f"the flow is wrong: {command} was refused as {events[0].reason}")
        trades = sum(1 for event in events if type(event) is Traded)
        self.trades += trades
        self.trading_orders += trades > 0
        return type(command) is Place and self._engine.order(command.order_id) is not None


def price_text(market: FlowMarket, ticks: int) -> str:
    """Return a price as the API takes it; a tick is one unit of the last decimal."""
    return _fixed(ticks, market.tick_decimals)


def quantity_text(market: FlowMarket, lots: int) -> str:
    """Return a quantity as the API takes it; a lot is one unit of the last decimal."""
    return _fixed(lots, market.lot_decimals)


def _fixed(count: int, decimals: int) -> str:
    digits = str(count).zfill(decimals + 1)
    return f"{digits[:-decimals]}.{digits[-decimals:]}"


def _place(order: NewOrder) -> Place:
    return Place(
        order.market.market_id,
        order.account + 1,
        order.number,
        OrderTerms(None, order.side, "limit", order.time_in_force, False, order.client_order_id),
        order.price_ticks,
        order.lots,
        MAKER_PPM,
        TAKER_PPM,
        _FUNDS,
        order.number,
        order.account + 1,
    )


def _rules(market: FlowMarket) -> IntegerRules:
    return IntegerRules(
        market.market_id,
        market.base_id,
        market.quote_id,
        market.lot_units,
        market.tick_lot_units,
        0,
        _FUNDS,
        10**15,
        10**15,
    )
