"""How much of a market's base asset an account may come to have: what it has, and what it buys.

An order that could bring it more than the market's rule allows is refused before the engine sees
it; what is there already, and whatever else comes, is left alone.
"""

from collections.abc import Iterable, Sequence

from matching.commands.base import Batch, Refused
from matching.engine.amounts import lot_cost_units
from matching.engine.commands import Place
from matching.engine.market import Market
from matching.engine.orders import Order, OrderTerms
from matching.engine.rules import IntegerRules
from matching.markets.terms import MarketTerms


def check_placed(
    places: Sequence[Place], terms: MarketTerms, batch: Batch, *, leaving: Iterable[Order] = ()
) -> None:
    """Raise Refused where new orders of an account could bring it too much.

    ``leaving``: orders that are cancelled before.
    """
    if terms.max_position_units is None or all(one.terms.side == "sell" for one in places):
        return
    if not batch.engine.has_market(terms.market_id):
        return  # the engine says so
    market, account_id = batch.engine.market(terms.market_id), places[0].account_id
    gone = {order.order_id for order in leaving}
    standing = [order for order in market.orders_of(account_id) if order.order_id not in gone]
    reference_ticks = _reference_ticks(market)
    require_room(
        terms,
        batch.total(account_id, terms.base.asset_id),
        _buying_lots(terms.integers, standing, reference_ticks)
        + _buying_lots(terms.integers, places, reference_ticks),
    )


def check_amended(order: Order, lots: int | None, terms: MarketTerms, batch: Batch) -> None:
    """Raise Refused where more of an open order could bring its account too much."""
    more_lots = (lots or 0) - (order.quantity_lots or 0)
    if terms.max_position_units is None or order.terms.side == "sell" or more_lots <= 0:
        return
    market = batch.engine.market(terms.market_id)
    standing = market.orders_of(order.account_id)
    buying_lots = _buying_lots(terms.integers, standing, _reference_ticks(market))
    total_units = batch.total(order.account_id, terms.base.asset_id)
    require_room(terms, total_units, buying_lots + more_lots)


def check_alone(
    place: Place,
    standing: Iterable[Order],
    terms: MarketTerms,
    *,
    total_units: int,
    reference_ticks: int | None,
) -> None:
    """Do what ``check_placed`` does without a shard, of what is known of an account."""
    if terms.max_position_units is None or place.terms.side == "sell":
        return
    own = [order for order in standing if order.account_id == place.account_id]
    lots = _buying_lots(terms.integers, own, reference_ticks)
    lots += _buying_lots(terms.integers, [place], reference_ticks)
    require_room(terms, total_units, lots)


def require_room(terms: MarketTerms, total_units: int, buying_lots: int) -> None:
    """Raise Refused where what there is and what is bought are together too much."""
    largest_units = terms.max_position_units
    position_units = total_units + buying_lots * terms.integers.lot_units
    if largest_units is not None and position_units > largest_units:
        raise Refused(
            "position_too_large",
            f"The account would have, with what its orders buy, {terms.base_text(position_units)}"
            f" {terms.base.code}; the market allows {terms.base_text(largest_units)}.",
        )


def _reference_ticks(market: Market) -> int | None:
    return market.price_of("ask") or market.last_price_ticks


def _buying_lots(
    rules: IntegerRules, orders: Iterable[Order | Place], reference_ticks: int | None
) -> int:
    """Return what orders can buy; of those of a list of which one is to trade the largest.

    An amount buys what it does at the price that is waited for, else at ``reference_ticks``.
    """
    alone = 0
    in_lists: dict[int, int] = {}
    for order in orders:
        asked = order.terms
        if asked.side == "sell":
            continue
        lots = order.left_lots if isinstance(order, Order) else order.quantity_lots or 0
        if asked.budget_units is not None:
            lots = _lots_for(rules, asked, reference_ticks)
        if asked.conditions.leg in ("one", "pending"):
            list_id = asked.conditions.list_id
            in_lists[list_id] = max(lots, in_lists.get(list_id, 0))
        else:
            alone += lots
    return alone + sum(in_lists.values())


def _lots_for(rules: IntegerRules, asked: OrderTerms, reference_ticks: int | None) -> int:
    conditions = asked.conditions
    ticks = conditions.trigger_ticks or conditions.activation_ticks or reference_ticks
    return (asked.budget_units or 0) // lot_cost_units(rules, ticks) if ticks else 0
