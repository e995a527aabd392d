"""An order in another's place, as the naive exchange does it: step by step."""

from typing import Any

from matching.engine.commands import Place, Replace
from tests.property.naive_matching import Log, close, follow, react
from tests.property.naive_orders import Outcome, RefusedError


def replace_order(exchange: Any, command: Replace) -> Outcome:
    """Cancel one order and place another: what is known beforehand leaves all as it is."""
    market = exchange.market(command.market_id)
    try:
        leaving = exchange.find(command)
        status = "partially_filled" if leaving.filled else "new"
        if command.only_status not in (None, status):
            raise RefusedError("cancel_restricted")
    except RefusedError as refusal:
        if not command.goes_on:
            raise
        try:
            outcome = exchange.place(command.place)
        except RefusedError as other:
            return Outcome(refusal=str(refusal), halves=(str(refusal), str(other)))
        outcome.halves = str(refusal), ""
        return outcome
    cancelled = Outcome()
    # So that what is known of the new order beforehand leaves everything as it is.
    before = [(order, vars(order).copy()) for order in market.orders]
    close(leaving, "cancelled", "requested", cancelled.log)
    react(market, cancelled.log[:], cancelled.log)
    try:
        outcome = exchange.place(command.place)
    except RefusedError as refusal:
        if not is_for_the_book(str(refusal), command.place):
            for order, values in before:
                vars(order).update(values)
            raise
        follow_up: Log = []
        follow(market, follow_up)
        return Outcome(log=cancelled.log + follow_up, halves=("", str(refusal)))
    if command.place.terms.conditions.trigger:
        follow(market, outcome.log)
    outcome.log[:0] = cancelled.log
    outcome.halves = "", ""
    return outcome


def is_for_the_book(refusal: str, command: Place) -> bool:
    """Whether a new order was refused for what the book looks like once the old one is gone."""
    terms = command.terms
    if refusal == "insufficient_balance" and terms.order_type == "market":
        by_quantity = terms.budget_units is None
        return terms.conditions.trigger is None and by_quantity == (terms.side == "buy")
    return refusal in ("post_only_would_cross", "would_trigger_at_once", "no_reference_price")
