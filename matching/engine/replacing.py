"""An order in another's place: one is cancelled and one placed, and nothing comes in between."""

from typing import Final

from msgspec.structs import replace as changed

from matching.engine import checks
from matching.engine.closing import end_open
from matching.engine.commands import Place, Replace
from matching.engine.entering import place
from matching.engine.events import Event, OrderClosed, OrderRejected, Replaced
from matching.engine.firing import follow
from matching.engine.lists import others_of, react
from matching.engine.market import Market
from matching.engine.orders import Order

# What only the book can say of a new order: then the old one is gone all the same.
_BOOKS: Final = frozenset({"post_only_would_cross", "would_trigger_at_once", "no_reference_price"})


def replace(market: Market, command: Replace) -> list[Event]:
    """Apply ``command``. Where a refusal comes first nothing is to be kept of what was done.

    That is so where neither half took effect, and where the new order was refused by what was known
    of it. Raises EngineError where the new order's id is in use.
    """
    leaving = _leaving(market, command)
    if isinstance(leaving, OrderRejected):
        if not command.goes_on:
            return [leaving]
        placed = place(market, command.place)
        if isinstance(placed[0], OrderRejected):
            return [leaving, placed[0]]
        return [Replaced(leaving, None), *placed]
    events = _cancel(market, leaving, time_us=command.time_us)
    following = changed(
        command.place,
        available_units=command.place.available_units + _released_units(events, command.place),
    )
    placed = place(market, following, is_alone=False)
    refused = placed[0] if isinstance(placed[0], OrderRejected) else None
    if refused is not None and not _is_books(refused, following):
        return [refused]
    if refused is None:
        events += placed
    if refused is not None or following.terms.conditions.trigger is not None:
        # What enters the book has let the others look already.
        seen: list[Event] = []
        follow(market, seen, time_us=command.time_us)
        events += seen
    market.tell_touched(events)
    return [Replaced(None, refused), *events]


def leaving_of(market: Market, command: Replace) -> list[Order] | None:
    """Return what ends before the new order is placed: an order, and those of its list.

    None where the order does not go.
    """
    leaving = _leaving(market, command)
    return None if isinstance(leaving, OrderRejected) else [leaving, *others_of(market, leaving)]


def _leaving(market: Market, command: Replace) -> Order | OrderRejected:
    """Return the order that is to go, or why it does not."""
    order = market.order(command.order_id)
    if (
        order is None
        or order.account_id != command.account_id
        or order.market_id != command.market_id
    ):
        return checks.NOT_OPEN
    if command.only_status is not None and order.status != command.only_status:
        return checks.RESTRICTED
    return order


def _cancel(market: Market, order: Order, *, time_us: int) -> list[Event]:
    """End an order, and its list with it; return what that has done."""
    events: list[Event] = []
    market.keep()
    end_open(market, order, "cancelled", "requested", events, time_us=time_us)
    react(market, events[:], events, time_us=time_us)
    return events


def _released_units(events: list[Event], following: Place) -> int:
    """Return what was released of the asset that the new order pays with."""
    return sum(
        event.released_units
        for event in events
        if isinstance(event, OrderClosed) and event.order.terms.side == following.terms.side
    )


def _is_books(refused: OrderRejected, following: Place) -> bool:
    """Tell whether it is for the book that an order was refused."""
    if refused.reason in _BOOKS:
        return True
    terms = following.terms
    return (
        refused.reason == "insufficient_balance"
        and terms.order_type == "market"
        and terms.conditions.trigger is None
        and (terms.side == "buy") == (following.quantity_lots is not None)
    )
