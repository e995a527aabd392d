"""What the trials compare: orders, events and everything an engine holds, as plain values."""

from typing import Any

import msgspec

from matching.engine import Engine
from matching.engine.commands import Command
from matching.engine.events import (
    DepthChanged,
    Event,
    ListDone,
    MarketChanged,
    OrderAmended,
    OrderClosed,
    OrderPlaced,
    OrderRejected,
    OrderShifted,
    OrderTriggered,
    Prevented,
    ProtectionChanged,
    SwitchSet,
    Traded,
    TrailMoved,
)
from matching.engine.market import Market
from matching.engine.orders import WAITING, Order
from matching.engine.triggers import fires_rising, reference_of
from tests.property.naive_orders import NaiveMarket, NaiveOrder, NaiveTrade


def engine_order(order: Order, market: Market) -> tuple[object, ...]:
    """What is compared of an order, as the engine has it."""
    return (
        order.order_id,
        order.price_ticks,
        order.quantity_lots,
        order.remaining_lots,
        order.hidden_lots,
        order.filled_lots,
        order.prevented_lots,
        order.hold_units,
        order.terms.conditions.trigger_ticks,
        order.terms.conditions.protection_ticks,
        order.terms.conditions.expires_us,
        order.trigger_state if order.trigger_state in WAITING else "",
        mark_of(order, market) if order.trigger_state == "trailing" else 0,
    )


def mark_of(order: Order, market: Market) -> int:
    """From where an order trails, as what is stored says it."""
    watch = reference_of(order.terms), fires_rising(order.terms)
    return [
        mark.price_ticks
        for mark in market.snapshot().trails
        if (mark.reference, mark.rises) == watch and mark.number <= order.trigger_number
    ][-1]


WAITS = {
    "": "",
    "other": "pending",
    "rise": "rising",
    "fall": "falling",
    "trail": "trailing",
    "turn": "queued",
}


def naive_order(order: NaiveOrder, market: NaiveMarket) -> tuple[object, ...]:
    """The same, as the naive exchange has it."""
    left = 0 if order.quantity is None else order.remaining
    shown = left if order.waits or order.shown_slice is None else order.shown_slice
    return (
        order.order_id,
        order.price,
        order.quantity,
        shown,
        left - shown,
        order.filled,
        order.prevented,
        market.held(order),
        order.trigger,
        order.protection,
        order.expires,
        WAITS[order.waits],
        order.mark if order.waits == "trail" else 0,
    )


def naive_entry(event: Event) -> tuple[object, ...] | None:
    """An event as the naive exchange's log has it; None: it has none such."""
    match event:
        case Traded():
            return "trade", naive_trade(event)
        case Prevented():
            ids = event.maker.order_id, event.taker.order_id
            return "prevented", event.mode, *ids, event.price_ticks, event.quantity_lots
        case OrderTriggered():
            return "triggered", event.order.order_id
        case MarketChanged():
            return "phase", event.phase, event.auction_ends_us
        case ListDone():
            return "list done", event.list_id
        case OrderClosed():
            return "closed", event.order.order_id, event.order.status, event.order.reason
        case OrderPlaced() | OrderRejected() | OrderAmended() | OrderShifted():
            return None
        case DepthChanged() | TrailMoved() | ProtectionChanged() | SwitchSet():
            return None
    raise TypeError(event)


def check_told(command: Command, events: list[Event]) -> None:
    """Every word and figure is of its kind, and whoever is told of was changed at this time."""
    for event in events:
        msgspec.json.decode(msgspec.json.encode(event), type=type(event))
    for order in orders_in(events):
        assert order.updated_us == command.time_us, order


def naive_trade(event: Traded) -> NaiveTrade:
    return NaiveTrade(
        event.sequence,
        event.run_sequence,
        event.maker.order_id,
        event.taker.order_id,
        event.price_ticks,
        event.quantity_lots,
        event.buyer_fee_units,
        event.seller_fee_units,
        event.rebate_units,
    )


def orders_in(events: list[Event]) -> list[Order]:
    """Every order that the events speak of."""
    orders: list[Order] = []
    for event in events:
        if isinstance(event, OrderPlaced | OrderAmended | OrderClosed | OrderTriggered):
            orders.append(event.order)
        elif isinstance(event, Traded):
            orders += [event.maker, event.taker]
    return orders


def fields_of(engine: Engine) -> dict[str, Any]:
    """Everything an engine holds, inner indexes included, as plain comparable values.

    Orders appear with all their fields and, to see that an undo gives back the same objects, the
    engine's lookup is followed for each.
    """
    markets: dict[int, Any] = {}
    for market in engine.markets():
        sides = []
        for side in (market.bids, market.asks):
            assert list(side.levels.keys()) != [] or side.keys == []
            assert sorted(side.levels) == side.keys
            levels = [
                (key, level.total_lots, list(level.orders))
                for key, level in sorted(side.levels.items())
            ]
            sides.append(levels)
        orders = [msgspec.structs.asdict(order) for order in market.open_orders()]
        for order in market.open_orders():
            assert engine.order(order.order_id) is order
        by_account = {
            account_id: sorted(mine) for account_id, mine in sorted(market._by_account.items())
        }
        triggers = market.triggers
        waiting = [
            (watch, key, sorted(level))
            for watch, waits in triggers._waiting.items()
            for key, level in sorted(waits.levels.items())
        ]
        for waits in triggers._waiting.values():
            assert sorted(waits.levels) == waits.keys
        trails = [
            (
                watch,
                group.number,
                group.mark,
                [*group.by_ticks],
                [*group.by_bps],
                sorted(group.orders),
            )
            for watch, trail in triggers._trails.items()
            for group in trail._groups
        ]
        by_client_id = {key: order.order_id for key, order in sorted(market.by_client_id.items())}
        markets[market.rules.market_id] = (
            market.snapshot(),
            sides,
            orders,
            by_account,
            by_client_id,
            dict(market._totals_before),
            waiting,
            trails,
            {number: order.order_id for number, order in triggers.queue.items()},
            triggers.count,
            dict(sorted(market.expiries._due.items())),
            market.expiries.next_us(),
            {list_id: sorted(legs) for list_id, legs in sorted(market.lists.items())},
        )
    return {"markets": markets, "orders": sorted(engine._orders)}
