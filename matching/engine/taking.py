"""Matching: a taker meets the book, best price first, then oldest first, at the maker's price."""

from typing import Literal

from matching.engine import bounds, iceberg
from matching.engine.amounts import fee_units, lot_cost_units, notional_units, rebate_units
from matching.engine.closing import close
from matching.engine.events import Event, OrderClosed, Traded
from matching.engine.market import Market
from matching.engine.orders import LOSING_MODES, Order
from matching.engine.preventing import mode_of, mode_with, party_of, prevent

# Why matching ended: nothing more wanted; the taker ends at an own order; nothing (more) within the
# limit or in the book; the budget does not cover one lot at the next price; or that price is so far
# away that the market stops into an auction.
Stop = Literal["done", "self_trade", "book_end", "unaffordable", "interrupted"]


def take(market: Market, taker: Order, events: list[Event], *, time_us: int) -> Stop:
    """Fill ``taker`` from the book as far as price, quantity or budget, and its own orders allow.

    Mutates the taker, the makers and the book, and appends a Traded for each match. The taker
    itself is neither rested nor closed.
    """
    party = party_of(market, taker.owner_id)
    opposite = market.asks if taker.terms.side == "buy" else market.bids
    limit_key = _limit_key(taker, opposite.sign)
    budget_units = taker.terms.budget_units
    collar = bounds.collar(market)
    keys = opposite.keys
    while True:
        if budget_units is None:
            wanted = taker.remaining_lots
        else:
            wanted = budget_units - taker.filled_quote_units
        if not wanted:
            return "done"
        if not keys or (limit_key is not None and keys[-1] < limit_key):
            return "book_end"
        key = keys[-1]
        if budget_units is not None:
            wanted //= lot_cost_units(market.rules, abs(key))
            if not wanted:
                return "unaffordable"
        if collar is not None and not collar[0] <= abs(key) <= collar[1]:
            market.interrupt(events, time_us=time_us)
            return "interrupted"
        if _take_level(market, taker, key, wanted, party, events, time_us):
            return "self_trade"


def _limit_key(taker: Order, sign: int) -> int | None:
    """Return the key of the worst price at which the taker trades, None: at any."""
    limit_ticks = taker.price_ticks
    if limit_ticks is None:
        limit_ticks = taker.terms.conditions.protection_ticks
    return None if limit_ticks is None else sign * limit_ticks


def _take_level(
    market: Market,
    taker: Order,
    key: int,
    wanted_lots: int,
    party: int,
    events: list[Event],
    time_us: int,
) -> bool:
    """Trade up to ``wanted_lots`` at one level; tell whether the taker ends at an own order."""
    account_id = taker.account_id
    opposite = market.bids if key > 0 else market.asks
    price_ticks = abs(key)
    level = opposite.levels[key]
    market.touch(key)
    run_sequence = market.trade_sequence + 1
    while wanted_lots:
        maker = next(iter(level.orders.values()))
        lots = min(wanted_lots, maker.remaining_lots)
        if (maker.account_id == account_id or maker.owner_id == party) and (
            mode := mode_of(market, taker.terms)
        ) != "none":
            mode = mode_with(market, mode, account_id, maker)
            if prevent(market, mode, maker, taker, lots, events, time_us=time_us):
                return True
            if mode in LOSING_MODES:
                wanted_lots -= lots
        else:
            events.append(_trade(market, maker, taker, price_ticks, lots, run_sequence, time_us))
            wanted_lots -= lots
            level.total_lots -= lots
            if not maker.remaining_lots:
                if maker.hidden_lots:
                    iceberg.show_next(level, maker, events)
                    continue
                market.unrest(maker)
        if not level.orders:
            return False
    return False


def _trade(
    market: Market,
    maker: Order,
    taker: Order,
    price_ticks: int,
    lots: int,
    run_sequence: int,
    time_us: int,
) -> Traded:
    """Move one fill through both orders and the market's counters."""
    rules = market.rules
    quote_units = notional_units(rules, price_ticks, lots)
    base_units = lots * rules.lot_units
    market.keep_order(maker)
    market.trade_sequence += 1
    market.last_price_ticks = price_ticks
    maker.remaining_lots -= lots
    maker_left_lots = maker.remaining_lots + maker.hidden_lots
    maker_filled_lots = maker.filled_lots = maker.filled_lots + lots
    maker_spent_units = maker.filled_quote_units = maker.filled_quote_units + quote_units
    maker.status = "partially_filled" if maker_left_lots else "filled"
    maker.updated_us = time_us
    terms = taker.terms
    if terms.budget_units is None:
        taker.remaining_lots -= lots
    taker_filled_lots = taker.filled_lots = taker.filled_lots + lots
    taker_spent_units = taker.filled_quote_units = taker.filled_quote_units + quote_units
    taker.status = "partially_filled"  # end_taking() has the last word
    if terms.side == "buy":
        # A limit buy holds its own price for every lot; what it saves goes back at the fill.
        limit_ticks = taker.price_ticks
        buyer_hold_units = (
            quote_units
            if limit_ticks is None or limit_ticks == price_ticks
            else notional_units(rules, limit_ticks, lots)
        )
        taker.hold_units -= buyer_hold_units
        maker.hold_units -= base_units
        buyer_ppm, seller_ppm = taker.taker_ppm, maker.maker_ppm
    else:
        buyer_hold_units = quote_units
        taker.hold_units -= base_units
        maker.hold_units -= quote_units
        buyer_ppm, seller_ppm = maker.maker_ppm, taker.taker_ppm
    traded = Traded(
        market.trade_sequence,
        run_sequence,
        maker,
        taker,
        price_ticks,
        lots,
        base_units,
        quote_units,
        buyer_hold_units,
        fee_units(base_units, buyer_ppm) if buyer_ppm > 0 else 0,
        fee_units(quote_units, seller_ppm) if seller_ppm > 0 else 0,
        maker_filled_lots,
        maker_spent_units,
        maker_left_lots,
        taker_filled_lots,
        taker_spent_units,
        taker.remaining_lots,
        "partially_filled",
    )
    if maker.maker_ppm < 0:
        buys = terms.side == "buy"
        received_units = base_units if buys else quote_units
        taker_fee_units = traded.buyer_fee_units if buys else traded.seller_fee_units
        traded.rebate_units = rebate_units(received_units, maker.maker_ppm, taker_fee_units)
    return traded


def end_taking(market: Market, taker: Order, stop: Stop, events: list[Event]) -> None:
    """Settle what becomes of the taker after matching: filled, resting or closed."""
    if stop == "done" or (stop == "unaffordable" and taker.filled_lots):
        taker.status = "filled"
        _tell_last_fill(events)
        # A quote order's rest that buys not one more lot; what else is held is a list's.
        if taker.hold_units and taker.terms.budget_units is not None:
            released_units, taker.hold_units = taker.hold_units, 0
            events.append(OrderClosed(taker, released_units))
    elif stop == "self_trade":
        close(taker, "cancelled", "self_trade", events)
    elif taker.terms.may_rest:
        market.touch_level_of(taker)
        market.rest(taker)
    elif stop == "interrupted":
        close(taker, "expired", "interrupted", events)
    elif taker.terms.order_type == "market":
        close(taker, "expired", "no_liquidity", events)
    else:
        close(taker, "expired", "ioc_unfilled", events)


def _tell_last_fill(events: list[Event]) -> None:
    """Let the last fill say that its taker is filled by it: whatever follows is not a fill."""
    last = next(event for event in reversed(events) if type(event) is Traded)
    last.taker_status = "filled"
