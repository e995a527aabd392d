"""What a command's prices set off: orders whose turn has come enter, one after the other.

No recursion: an order that enters may move the price, and whom that reaches queues up behind those
who were reached before. So many enter within one command, and the rest in commands of their own,
so that a long chain does not keep other markets waiting.
"""

from typing import Final

from matching.engine import bounds, costing
from matching.engine.amounts import hold_units
from matching.engine.closing import close
from matching.engine.events import Event, OrderShifted, OrderTriggered, Traded
from matching.engine.lists import claim, has_others, react
from matching.engine.market import Market
from matching.engine.orders import Order
from matching.engine.protecting import protect
from matching.engine.taking import end_taking, take

CHAIN_MAX: Final = 64


def follow(
    market: Market, events: list[Event], *, time_us: int, enter_max: int | None = None
) -> None:
    """Let lists and waiting orders take in what the command did, which ``events`` tell so far.

    ``enter_max``: how many may enter, at most ``CHAIN_MAX``, which is meant by None.

    Nothing fires but in continuous trading; what the book did meanwhile is looked at then.
    """
    triggers = market.triggers
    if not triggers.count and not market.lists and not market.protections:
        return
    sequence_before = triggers.sequence
    looked = _look(market, events, 0, time_us=time_us)
    for _ in range(CHAIN_MAX if enter_max is None else min(enter_max, CHAIN_MAX)):
        if not triggers.queue or market.phase != "continuous":
            break
        number = next(iter(triggers.queue))
        _enter(market, triggers.queue[number], events, time_us=time_us)
        looked = _look(market, events, looked, time_us=time_us)
    # The queue is in the order of its numbers: those of this command stand at its end.
    for number in reversed(triggers.queue):
        if number <= sequence_before:
            break
        events.append(OrderShifted(triggers.queue[number]))


def _look(market: Market, events: list[Event], looked: int, *, time_us: int) -> int:
    """Take in new events, from ``looked`` on, and the best prices as they stand.

    First the way that the last price went, then lists: what they let go waits from here on. The
    best prices count in continuous trading only. Returns up to where it was looked at.
    """
    triggers = market.triggers
    new = events[looked:]
    seen_ticks = None
    for event in new:
        if type(event) is Traded and event.price_ticks != seen_ticks:
            seen_ticks = event.price_ticks
            triggers.reach("last", seen_ticks, events)
    react(market, new, events, time_us=time_us)
    if market.protections:
        before = len(events)
        protect(market, new, events, time_us=time_us)
        react(market, events[before:], events, time_us=time_us)
    if market.phase == "continuous":
        triggers.look("bid", events)
        triggers.look("ask", events)
    return len(events)


def _enter(market: Market, order: Order, events: list[Event], *, time_us: int) -> None:
    """Let an order enter the market as a taker."""
    market.keep_order(order)
    market.leave(order, events)
    order.trigger_state = "triggered"
    order.triggered_us = order.updated_us = time_us
    conditions = order.terms.conditions
    if conditions.trigger is not None and conditions.leg in ("one", "pending"):
        claim(market, order, events, time_us=time_us)
    crosses = _step_aside(market, order)
    released_units = 0
    if not has_others(market, order) or conditions.leg == "working":  # else it holds for others
        released_units = order.hold_units - _needed_units(market, order)
        order.hold_units -= released_units
    events.append(OrderTriggered(order, released_units))
    if crosses:
        close(order, "expired", "post_only_would_cross", events)
    elif order.terms.is_whole_or_nothing and not costing.can_fill(
        market, costing.taker_of(market, order), order.quantity_lots or 0
    ):
        close(order, "expired", "fok_unfillable", events)
    else:
        end_taking(market, order, take(market, order, events, time_us=time_us), events)


def _step_aside(market: Market, order: Order) -> bool:
    """Let a post-only order slide where it may; tell whether it would trade all the same."""
    terms, price_ticks = order.terms, order.price_ticks
    if not terms.post_only or price_ticks is None:
        return False
    if not terms.conditions.slides:
        return market.would_cross(terms.side, price_ticks)
    slid_ticks = bounds.slid_ticks(market, terms.side, price_ticks)
    if slid_ticks is None:
        return True
    order.price_ticks = slid_ticks
    return False


def _needed_units(market: Market, order: Order) -> int:
    """Return what an order needs now that the book is looked at."""
    terms = order.terms
    if order.price_ticks is not None:
        return hold_units(market.rules, terms.side, order.price_ticks, order.left_lots)
    if terms.side == "buy" and terms.budget_units is None:
        return costing.cost_units(market, costing.taker_of(market, order), order.left_lots)
    return order.hold_units
