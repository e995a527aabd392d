"""Placing a list of orders: refused whole, or all of them accepted at once."""

from collections.abc import Sequence
from typing import Final

from matching.engine import checks
from matching.engine.commands import Place, PlaceList
from matching.engine.conditions import waiting_hold_units, waiting_state
from matching.engine.entering import accept, enter, needed_units, new_order, wait
from matching.engine.events import Event, OrderPlaced, OrderRejected
from matching.engine.lists import count_of
from matching.engine.market import Market

# The legs that a list may have: OCO, OTO, OTOCO.
SHAPES: Final = (("one", "one"), ("working", "pending"), ("working", "pending", "pending"))


def place_list(market: Market, command: PlaceList) -> list[Event]:
    """Apply ``command``. Raises EngineError where an order id is in use."""
    places: list[Place] = []
    for leg in command.legs:
        place = Place(
            command.market_id,
            command.account_id,
            leg.order_id,
            leg.terms,
            leg.price_ticks,
            leg.quantity_lots,
            command.maker_ppm,
            command.taker_ppm,
            command.available_units,
            command.time_us,
            command.owner_id,
        )
        accepted = accept(market, place, ahead=len(places))
        if isinstance(accepted, OrderRejected):
            return [accepted]
        places.append(accepted)
    refused = _check_together(places)
    if refused is not None:
        return [refused]
    lists_max = market.rules.max_order_lists
    if lists_max is not None and count_of(market, command.account_id) >= lists_max:
        return [checks.TOO_MANY_LISTS]
    held_units = _holds(market, places)
    if sum(held_units) > command.available_units:
        return [checks.BALANCE]
    orders = [
        new_order(market, place, units) for place, units in zip(places, held_units, strict=True)
    ]
    events: list[Event] = [OrderPlaced(order, order.hold_units) for order in orders]
    entering = None
    for place, order in zip(places, orders, strict=True):
        conditions = order.terms.conditions
        if conditions.leg == "pending":
            wait(market, order, "pending", events)
        elif conditions.trigger is None:
            entering = order
        else:
            state = waiting_state(market, place)
            assert not isinstance(state, OrderRejected)  # for the type checker: it was accepted
            wait(market, order, state, events)
    if entering is not None:
        enter(market, entering, events, time_us=command.time_us)
    return events


def _check_together(places: Sequence[Place]) -> OrderRejected | None:
    """Check that the orders make a list, and that none stands in another's way."""
    legs = tuple(place.terms.conditions.leg for place in places)
    if legs not in SHAPES or len({place.terms.conditions.list_id for place in places}) > 1:
        return checks.LIST
    if any(place.quantity_lots is None for place in places):
        return checks.LIST
    names = [place.terms.client_order_id for place in places if place.terms.client_order_id]
    if len(set(names)) < len(names):
        return checks.DUPLICATE
    pair = places if legs[0] == "one" else places[1:]
    if len(pair) == 2 and not _is_pair(*pair):
        return checks.LIST
    return None


def _is_pair(one: Place, other: Place) -> bool:
    """Tell whether one of two orders can be what is to trade, and the other be in wait for it."""
    triggers = one.terms.conditions.trigger, other.terms.conditions.trigger
    return (
        triggers != (None, None)
        and one.terms.side == other.terms.side
        and one.quantity_lots == other.quantity_lots
    )


def _holds(market: Market, places: Sequence[Place]) -> list[int]:
    """Return what each order holds at first."""
    if places[0].terms.conditions.leg == "one":
        return _shared(market, places)
    working, *pending = places
    if pending[0].terms.side != working.terms.side:
        return [_need(market, working), *(0 for _ in pending)]
    return [_need(market, working), *_shared(market, pending)]


def _shared(market: Market, places: Sequence[Place]) -> list[int]:
    """Return what orders hold of which one is to trade: one of them, for the dearest."""
    in_book = [place for place in places if place.terms.conditions.trigger is None]
    holder = in_book[0] if in_book else min(places, key=_id_of)
    dearest_units = max(_need(market, place) for place in places)
    return [dearest_units if place is holder else 0 for place in places]


def _need(market: Market, place: Place) -> int:
    conditions = place.terms.conditions
    if conditions.leg == "pending" or conditions.trigger is not None:
        return waiting_hold_units(
            market.rules, place.terms, place.price_ticks, place.quantity_lots or 0
        )
    return needed_units(market, place)


def _id_of(place: Place) -> int:
    return place.order_id
