"""Icebergs: the book shows a slice at a time; each new one stands behind its level."""

from matching.engine.book import Level
from matching.engine.events import Event, OrderShifted
from matching.engine.orders import Order


def hide(order: Order) -> None:
    """Show of an order that is about to rest no more than it asks for; what hides goes on so."""
    display_lots = order.terms.conditions.display_lots
    if display_lots is not None and order.remaining_lots > display_lots:
        order.hidden_lots = order.remaining_lots - display_lots
        order.remaining_lots = display_lots


def reduce_to(order: Order, left_lots: int) -> int:
    """Take lots from behind first; return how many are left in the book."""
    shown_lots = min(order.remaining_lots, left_lots)
    order.hidden_lots = left_lots - shown_lots
    return shown_lots


def show_next(level: Level, order: Order, events: list[Event]) -> None:
    """Put the next slice of an order, of which the last one is used up, behind its level."""
    display_lots = order.terms.conditions.display_lots
    assert display_lots is not None  # for the type checker: nothing else hides
    order.remaining_lots = min(display_lots, order.hidden_lots)
    order.hidden_lots -= order.remaining_lots
    level.total_lots += order.remaining_lots
    level.put_last(order)
    events.append(OrderShifted(order))
