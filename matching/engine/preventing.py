"""Self-trade prevention: what becomes of two orders of one owner that meet."""

from matching.engine import iceberg
from matching.engine.amounts import hold_units, notional_units
from matching.engine.closing import close, end_open
from matching.engine.events import Event, Prevented
from matching.engine.market import Market
from matching.engine.orders import LOSING_MODES, Order, OrderTerms, SelfTradeMode


def party_of(market: Market, owner_id: int) -> int:
    """Return the owner whose orders in the market count as one's own, beside the account's.

    -1, which nobody is, where the owner is not known or the market compares accounts only.
    """
    return owner_id or -1 if market.rules.self_trade_scope == "owner" else -1


def mode_of(market: Market, terms: OrderTerms) -> SelfTradeMode:
    """Return what is done where an order meets one of its own, as the taker.

    An order by quote amount has no quantity to lose: it ends where others lose some.
    """
    mode = _asked_mode(market, terms)
    return "taker" if terms.budget_units is not None and mode in LOSING_MODES else mode


def mode_with(market: Market, mode: SelfTradeMode, account_id: int, maker: Order) -> SelfTradeMode:
    """Return what becomes of a taker's mode where it meets that maker.

    Nothing is transferred within an account, nor to or from one whose order did not ask for it.
    """
    if mode == "transfer" and (
        maker.account_id == account_id or _asked_mode(market, maker.terms) != "transfer"
    ):
        return "decrement"
    return mode


def _asked_mode(market: Market, terms: OrderTerms) -> SelfTradeMode:
    return terms.conditions.self_trade or market.rules.self_trade_mode


def prevent(
    market: Market,
    mode: SelfTradeMode,
    maker: Order,
    taker: Order,
    lots: int,
    events: list[Event],
    *,
    time_us: int,
) -> bool:
    """Keep two orders from trading ``lots`` by any mode but none; tell whether the taker ends.

    The taker's own end is left to whoever matches it.
    """
    if mode in LOSING_MODES:
        return _decrement(market, mode, maker, taker, lots, events, time_us=time_us)
    price_ticks = maker.price_ticks
    assert price_ticks is not None  # for the type checker: only limit orders rest
    event = Prevented(mode, maker, taker, price_ticks, lots, maker.left_lots, taker.remaining_lots)
    events.append(event)
    if mode != "taker":
        end_open(market, maker, "cancelled", "self_trade", events, time_us=time_us)
    return mode != "maker"


def _decrement(
    market: Market,
    mode: SelfTradeMode,
    maker: Order,
    taker: Order,
    lots: int,
    events: list[Event],
    *,
    time_us: int,
) -> bool:
    """Let both lose what they would have traded; tell whether nothing is left of the taker."""
    market.keep_order(maker)
    level = market.level_of(maker)
    price_ticks = maker.price_ticks or 0
    base_units = quote_units = 0
    if mode == "transfer":
        base_units = lots * market.rules.lot_units
        quote_units = notional_units(market.rules, price_ticks, lots)
    released = _lose(market, maker, lots, quote_units), _lose(market, taker, lots, quote_units)
    level.total_lots -= lots
    maker.updated_us = time_us
    events.append(
        Prevented(
            mode,
            maker,
            taker,
            price_ticks,
            lots,
            maker.left_lots,
            taker.remaining_lots,
            *released,
            base_units,
            quote_units,
        )
    )
    if not maker.remaining_lots:
        if maker.hidden_lots:
            iceberg.show_next(level, maker, events)
        else:
            market.unrest(maker)
            close(maker, "cancelled", "self_trade", events)
    return not taker.remaining_lots


def _lose(market: Market, order: Order, lots: int, quote_units: int) -> int:
    """Take lots off an order by quantity; return what need not be held any more.

    A market order to buy holds what it would pay others, ``quote_units`` where these are its
    owner's, and else nothing for its own orders.
    """
    order.remaining_lots -= lots
    order.prevented_lots += lots
    released_units = hold_units(market.rules, order.terms.side, order.price_ticks or 0, lots)
    if order.terms.side == "buy" and order.price_ticks is None:
        released_units = quote_units
    order.hold_units -= released_units
    return released_units
