"""An order tried out on a copy of the book: what everybody sees, and the owner's own orders in it.

An engine of its own does what the real one would, as long as nobody interferes. What the book does
not show (others' hidden quantities, and others who wait for a price) it does not know either.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from matching.engine import Engine
from matching.engine.amounts import lot_cost_units
from matching.engine.commands import Place
from matching.engine.conditions import waiting_hold_units
from matching.engine.events import Event
from matching.engine.orders import UNCONDITIONAL, WAITING, Order, OrderTerms, Side
from matching.engine.rules import IntegerRules, MarketSnapshot

# Whose orders those of the public book are: no account and no owner has this id.
NOBODY: Final = 0
_OPPOSITE: Final[dict[Side, Side]] = {"buy": "sell", "sell": "buy"}


class Standing(msgspec.Struct, frozen=True):
    """An open order of the owner, and how much of others stands before it at its price.

    ``ahead_lots`` matters where the order that is tried out would meet it.
    """

    order: Order
    ahead_lots: int = 0


def rehearse(
    place: Place,
    snapshot: MarketSnapshot,
    levels: Iterable[tuple[int, int]],
    standing: Iterable[Standing],
) -> list[Event]:
    """Return what would happen to an order that is placed now.

    ``levels`` are (price_ticks, lots) of the side that it would take from, best first, the owner's
    own lots counted in; no more of them are read than it could take. ``standing``: the owner's open
    orders in the market, of this account and, where they count as its own, of others.
    """
    engine = Engine()
    own = [_own(each) for each in standing]
    engine.load(markets=[snapshot], orders=_placed(place, snapshot, levels, own))
    return engine.apply(place)


def _own(standing: Standing) -> Standing:
    """Return an open order as it counts here: a list, or the price that it waits for, do nothing.

    What those do, they do after the order that is tried out has traded.
    """
    order = standing.order.__copy__()
    conditions = msgspec.structs.replace(order.terms.conditions, leg=None, list_id=0)
    if conditions == UNCONDITIONAL:
        conditions = UNCONDITIONAL
    order.terms = msgspec.structs.replace(order.terms, conditions=conditions)
    if order.trigger_state in WAITING:
        order.trigger_state = "pending"
    return Standing(order, standing.ahead_lots)


def _placed(
    place: Place,
    snapshot: MarketSnapshot,
    levels: Iterable[tuple[int, int]],
    own: list[Standing],
) -> list[Order]:
    """Return all orders of the copy, with their places in line and what they hold."""
    side = _OPPOSITE[place.terms.side]
    sign = 1 if side == "buy" else -1
    met: dict[int, list[Standing]] = {}
    orders: list[Order] = []
    for each in own:
        order = each.order
        if order.terms.side == side and order.trigger_state not in WAITING:
            met.setdefault(order.price_ticks or 0, []).append(each)
        else:
            orders.append(order)
    # The tables may be ahead of the book that is shown: what the owner's own orders would have
    # taken is gone.
    bounds = [
        sign * (order.price_ticks or 0) for order in orders if order.trigger_state not in WAITING
    ]
    is_crossed_book = snapshot.phase not in ("continuous", "post_only")
    ids = _Ids()
    for price_ticks, lots in _wanted(place, snapshot.rules, levels, met):
        here = met.pop(price_ticks, [])
        if here or is_crossed_book or not bounds or sign * price_ticks < min(bounds):
            orders += _level(snapshot.rules, side, price_ticks, lots, here, ids)
    for price_ticks, here in met.items():
        orders += _level(snapshot.rules, side, price_ticks, 0, here, ids)
    for order in orders:
        order.hold_units = waiting_hold_units(
            snapshot.rules, order.terms, order.price_ticks, order.left_lots
        )
    return orders


def _wanted(
    place: Place,
    rules: IntegerRules,
    levels: Iterable[tuple[int, int]],
    met: dict[int, list[Standing]],
) -> Iterator[tuple[int, int]]:
    """Yield levels until others have as much as the order could take."""
    lots_left, units_left = place.quantity_lots, place.terms.budget_units
    for price_ticks, lots in levels:
        own_lots = sum(each.order.remaining_lots for each in met.get(price_ticks, ()))
        yield price_ticks, lots
        others_lots = max(0, lots - own_lots)
        if lots_left is not None:
            lots_left -= others_lots
        if units_left is not None:
            units_left -= others_lots * lot_cost_units(rules, price_ticks)
        if (lots_left or 0) <= 0 and (units_left or 0) <= 0:
            return


class _Ids:
    """Ids of nobody's orders, and everybody's places in line."""

    def __init__(self) -> None:
        self.count = 0

    def next(self) -> int:
        self.count += 1
        return self.count


def _level(
    rules: IntegerRules,
    side: Side,
    price_ticks: int,
    lots: int,
    here: list[Standing],
    ids: _Ids,
) -> Iterator[Order]:
    """Yield a level's orders: the owner's own where they stand, others' before and behind them."""
    others_lots = max(0, lots - sum(each.order.remaining_lots for each in here))
    before_lots = 0
    for each in sorted(here, key=_place_in_line):
        ahead_lots = min(each.ahead_lots, others_lots) - before_lots
        if ahead_lots > 0:
            before_lots += ahead_lots
            yield _nobodys(rules, side, price_ticks, ahead_lots, ids.next())
        each.order.priority = ids.next()
        yield each.order
    if others_lots > before_lots:
        yield _nobodys(rules, side, price_ticks, others_lots - before_lots, ids.next())


def _place_in_line(each: Standing) -> tuple[int, int]:
    return each.order.priority, each.order.order_id


def _nobodys(rules: IntegerRules, side: Side, price_ticks: int, lots: int, number: int) -> Order:
    """Return a part of the public book as an order. Ids below zero are nobody else's."""
    return Order(
        order_id=-number,
        account_id=NOBODY,
        market_id=rules.market_id,
        terms=OrderTerms(None, side, "limit", "gtc", False, None),
        price_ticks=price_ticks,
        quantity_lots=lots,
        remaining_lots=lots,
        filled_lots=0,
        filled_quote_units=0,
        hold_units=0,
        maker_ppm=0,
        taker_ppm=0,
        priority=number,
        status="new",
        reason="",
        created_us=0,
        updated_us=0,
    )
