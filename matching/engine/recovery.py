"""Recovery: open orders from the tables into their books, and a fingerprint of all there is."""

import hashlib
from collections.abc import Iterable
from typing import Final

from msgspec.structs import astuple

from matching.engine.conditions import waiting_hold_units
from matching.engine.errors import EngineError
from matching.engine.market import Market
from matching.engine.orders import OPEN_STATUSES, WAITING, Order

# Raised with every change of what the fingerprint covers.
HASH_FORMAT: Final = "zavora engine state 4"


def load_order(market: Market | None, order: Order) -> None:
    """Let ``order`` rest or wait in its market; call in the order of priorities.

    Raises EngineError where the order is not one that can be open, or does not hold exactly what
    its rest needs.
    """
    if market is None:
        raise EngineError(f"order {order.order_id}: no market {order.market_id}")
    if market.order(order.order_id) is not None:
        raise EngineError(f"order {order.order_id} came twice")
    waits = order.trigger_state in WAITING
    quantity_lots, price_ticks = order.quantity_lots, order.price_ticks
    if order.status not in OPEN_STATUSES or (order.filled_lots > 0) != (
        order.status == "partially_filled"
    ):
        raise EngineError(f"order {order.order_id} cannot be open as it is")
    if (
        not (waits or (order.terms.may_rest and price_ticks is not None))
        or (price_ticks is not None and price_ticks < 1)
        or (quantity_lots is None) != (order.terms.budget_units is not None)
        or (quantity_lots is not None and order.remaining_lots < 1)
        or order.left_lots + order.filled_lots + order.prevented_lots != (quantity_lots or 0)
    ):
        raise EngineError(f"order {order.order_id} cannot be open as it is")
    needed_units = waiting_hold_units(market.rules, order.terms, price_ticks, order.left_lots)
    # What a list holds for its orders together is looked at when all of them are there.
    if order.hold_units != needed_units and order.terms.conditions.leg is None:
        raise EngineError(f"order {order.order_id} does not hold what it needs")
    if waits:
        market.triggers.count += 1
        market.triggers.load(order)
        market.wait(order)
    else:
        market.rest(order)


def state_hash(markets: Iterable[Market], switches: Iterable[tuple[int, int, int]] = ()) -> str:
    """Return the SHA-256 (hex) of markets, by id, their open orders in book order, and switches.

    One line of ASCII each for a market's figures, an order's fields and a switch, in the order in
    which the types declare them; two engines with the same hash do the same from here on.
    """
    digest = hashlib.sha256(HASH_FORMAT.encode())
    for market in sorted(markets, key=lambda market: market.rules.market_id):
        rules = astuple(market.rules)
        figures = (
            market.phase,
            market.trade_sequence,
            market.depth_sequence,
            market.last_price_ticks,
            market.triggers.sequence,
            market.static_ticks,
            market.auction_ends_us,
        )
        digest.update(f"\nmarket {rules!a} {figures!a}".encode())
        for account_id, protection in sorted(market.protections.items()):
            digest.update(f"\nprotection {(account_id, *astuple(protection))!a}".encode())
        for mark in market.triggers.marks():
            digest.update(f"\ntrail {astuple(mark)!a}".encode())
        for order in market.open_orders():
            digest.update(f"\norder {_fields_of(order)!a}".encode())
    for switch in switches:
        digest.update(f"\nswitch {switch!a}".encode())
    return digest.hexdigest()


def _fields_of(order: Order) -> tuple[object, ...]:
    """Return an order's fields and those of its terms, in the order that the format has."""
    budget_units, *asked, name, conditions, carried = astuple(order.terms)
    ids, figures = astuple(order)[:3], astuple(order)[4:]
    asked += astuple(conditions)
    return (*ids, name, *asked, *figures[:2], budget_units, *figures[2:], *astuple(carried))
