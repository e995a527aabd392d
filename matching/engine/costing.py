"""What a taker would find, counted on the book before anything changes.

A taker never trades with its own orders (those of its account, or of its owner) and stops at the
first of them, so only what stands before that one counts.
"""

from collections.abc import Iterator

from matching.engine.amounts import lot_cost_units, tick_lots_units
from matching.engine.market import Market
from matching.engine.orders import Side
from matching.engine.taking import party_of


def standing(
    market: Market, *, side: Side, account_id: int, owner_id: int, limit_ticks: int | None
) -> Iterator[tuple[int, int]]:
    """Yield (price_ticks, lots) of each order a taker of ``side`` would meet, in matching order.

    Ends at the limit and before the taker's first own order.
    """
    party = party_of(market, owner_id)
    opposite = market.asks if side == "buy" else market.bids
    limit_key = None if limit_ticks is None else opposite.sign * limit_ticks
    for key in reversed(opposite.keys):
        if limit_key is not None and key < limit_key:
            return
        for order in opposite.levels[key].orders.values():
            if order.account_id == account_id or order.owner_id == party:
                return
            yield abs(key), order.remaining_lots


def can_fill(
    market: Market,
    *,
    side: Side,
    account_id: int,
    owner_id: int,
    limit_ticks: int | None,
    quantity_lots: int,
) -> bool:
    """Tell whether the whole quantity stands within the limit."""
    missing_lots = quantity_lots
    for _, lots in standing(
        market, side=side, account_id=account_id, owner_id=owner_id, limit_ticks=limit_ticks
    ):
        missing_lots -= lots
        if missing_lots <= 0:
            return True
    return False


def cost_units(market: Market, *, account_id: int, owner_id: int, quantity_lots: int) -> int:
    """Return what buying up to ``quantity_lots`` at the market costs, in quote units."""
    missing_lots = quantity_lots
    tick_lots = 0
    for price_ticks, lots in standing(
        market, side="buy", account_id=account_id, owner_id=owner_id, limit_ticks=None
    ):
        taken_lots = min(lots, missing_lots)
        tick_lots += price_ticks * taken_lots
        missing_lots -= taken_lots
        if not missing_lots:
            break
    return tick_lots_units(market.rules, tick_lots)


def lots_to_sell(market: Market, *, account_id: int, owner_id: int, budget_units: int) -> int:
    """Return how many lots can be sold at the market for at most ``budget_units`` of quote."""
    sold_lots = 0
    left_units = budget_units
    for price_ticks, lots in standing(
        market, side="sell", account_id=account_id, owner_id=owner_id, limit_ticks=None
    ):
        lot_units = lot_cost_units(market.rules, price_ticks)
        taken_lots = min(lots, left_units // lot_units)
        sold_lots += taken_lots
        left_units -= taken_lots * lot_units
        if taken_lots < lots:
            break
    return sold_lots
