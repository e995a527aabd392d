"""What a taker would find, counted on the book before anything changes.

Where a taker meets its own orders (those of its account, or of its owner) its mode of self-trade
prevention says what counts: with ``none`` all of it, with ``maker`` only what is others'; else what
stands before the first of them, but that a quantity is decremented by them and costs nothing, where
nothing is transferred.
"""

from collections import deque
from collections.abc import Iterator

import msgspec

from matching.engine import bounds
from matching.engine.amounts import lot_cost_units, tick_lots_units
from matching.engine.book import Level
from matching.engine.market import Market
from matching.engine.orders import Order, OrderTerms, SelfTradeMode, Side
from matching.engine.preventing import mode_of, mode_with, party_of


class Taker(msgspec.Struct, frozen=True, gc=False):
    """Who takes, and down to which price; None: any."""

    side: Side
    account_id: int
    owner_id: int
    mode: SelfTradeMode
    limit_ticks: int | None


def taker(
    market: Market,
    terms: OrderTerms,
    *,
    account_id: int,
    owner_id: int,
    price_ticks: int | None,
) -> Taker:
    """Return who takes by some terms."""
    limit_ticks = terms.conditions.protection_ticks if price_ticks is None else price_ticks
    return Taker(terms.side, account_id, owner_id, mode_of(market, terms), limit_ticks)


def taker_of(market: Market, order: Order) -> Taker:
    """Return who takes with an order that is there already."""
    return taker(
        market,
        order.terms,
        account_id=order.account_id,
        owner_id=order.owner_id,
        price_ticks=order.price_ticks,
    )


def _standing(market: Market, who: Taker) -> Iterator[tuple[int, int, SelfTradeMode]]:
    """Yield (price_ticks, lots, mode) of what a taker would meet, in matching order.

    ``mode``: how it is kept from trading, none where it trades.
    """
    party = party_of(market, who.owner_id)
    opposite = market.asks if who.side == "buy" else market.bids
    limit_key = None if who.limit_ticks is None else opposite.sign * who.limit_ticks
    collar = bounds.collar(market)
    for key in reversed(opposite.keys):
        if limit_key is not None and key < limit_key:
            return
        if collar is not None and not collar[0] <= abs(key) <= collar[1]:
            return
        for order, lots in _slices(opposite.levels[key]):
            mode: SelfTradeMode = "none"
            if order.account_id == who.account_id or order.owner_id == party:
                mode = mode_with(market, who.mode, who.account_id, order)
            yield abs(key), lots, mode


def _slices(level: Level) -> Iterator[tuple[Order, int]]:
    """Yield (order, lots) at a level; what an iceberg hides comes behind all that is shown."""
    hidden: deque[tuple[Order, int]] = deque()
    for order in level.orders.values():
        yield order, order.remaining_lots
        if order.hidden_lots:
            hidden.append((order, order.hidden_lots))
    while hidden:
        order, hidden_lots = hidden.popleft()
        lots = min(hidden_lots, order.terms.conditions.display_lots or hidden_lots)
        yield order, lots
        if hidden_lots > lots:
            hidden.append((order, hidden_lots - lots))


def can_fill(market: Market, who: Taker, quantity_lots: int) -> bool:
    """Tell whether the whole quantity can be traded within the limit."""
    missing_lots = quantity_lots
    for _, lots, mode in _standing(market, who):
        if mode == "maker":
            continue
        if mode != "none":
            return False
        missing_lots -= lots
        if missing_lots <= 0:
            return True
    return False


def cost_units(market: Market, who: Taker, quantity_lots: int) -> int:
    """Return what buying up to ``quantity_lots`` costs, in quote units."""
    missing_lots = quantity_lots
    tick_lots = 0
    for price_ticks, lots, mode in _standing(market, who):
        taken_lots = min(lots, missing_lots)
        if mode == "maker":
            continue
        if mode in ("taker", "both"):
            break
        if mode != "decrement":
            tick_lots += price_ticks * taken_lots
        missing_lots -= taken_lots
        if not missing_lots:
            break
    return tick_lots_units(market.rules, tick_lots)


def lots_to_sell(market: Market, who: Taker, budget_units: int) -> int:
    """Return how many lots can be sold for at most ``budget_units`` of quote."""
    sold_lots = 0
    left_units = budget_units
    for price_ticks, lots, mode in _standing(market, who):
        lot_units = lot_cost_units(market.rules, price_ticks)
        taken_lots = min(lots, left_units // lot_units)
        if mode != "none":
            if mode == "maker" and taken_lots:
                continue
            break
        sold_lots += taken_lots
        left_units -= taken_lots * lot_units
        if taken_lots < lots:
            break
    return sold_lots
