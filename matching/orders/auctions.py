"""What is told of an auction while it is held: how it would end now."""

from collections.abc import Iterable
from typing import Any

from matching.engine import Engine
from matching.engine.amounts import hold_units
from matching.engine.auction import indicate
from matching.engine.market import Market
from matching.engine.orders import Order, OrderTerms
from matching.engine.rules import MarketSnapshot
from matching.markets.terms import MarketTerms
from matching.models import MarketState
from matching.wire import AuctionState
from zavora.foundation.money import format_decimal
from zavora.foundation.times import microseconds_of


def auction_state(market: Market, terms: MarketTerms) -> AuctionState:
    """Return what would trade if a market's auction ended now."""
    indication, zero = indicate(market), terms.zero_quantity
    if indication is None:
        return AuctionState(None, zero, zero, market.auction_ends_us)
    surplus = terms.quantity_text(abs(indication.surplus_lots))
    return AuctionState(
        terms.price_text(indication.price_ticks),
        terms.quantity_text(indication.quantity_lots),
        f"-{surplus}" if indication.surplus_lots < 0 else surplus,
        market.auction_ends_us,
    )


def indicated(
    terms: MarketTerms, state: MarketState, levels: Iterable[tuple[str, str, str]]
) -> AuctionState:
    """Return the same of a market in the tables: its state, and (side, price, quantity) of levels.

    An engine finds it from them, each level being one order: who stands there makes no difference.
    """
    last, ends_at = state.last_price, state.auction_ends_at
    snapshot = MarketSnapshot(
        terms.integers,
        "auction",
        0,
        0,
        None if last is None else terms.price_to_ticks(format_decimal(last, terms.tick_decimals)),
        auction_ends_us=None if ends_at is None else microseconds_of(ends_at),
    )
    engine = Engine()
    engine.load(
        markets=[snapshot],
        orders=[_level(terms, number, *level) for number, level in enumerate(levels, start=1)],
    )
    return auction_state(engine.market(terms.market_id), terms)


def _level(terms: MarketTerms, number: int, side: Any, price: str, quantity: str) -> Order:
    price_ticks, lots = terms.price_to_ticks(price), terms.quantity_to_lots(quantity)
    asked = OrderTerms(None, side, "limit", "gtc", False, None)
    return Order(
        order_id=number,
        account_id=0,
        market_id=terms.market_id,
        terms=asked,
        price_ticks=price_ticks,
        quantity_lots=lots,
        remaining_lots=lots,
        filled_lots=0,
        filled_quote_units=0,
        hold_units=hold_units(terms.integers, asked.side, price_ticks, lots),
        maker_ppm=0,
        taker_ppm=0,
        priority=number,
        status="new",
        reason="",
        created_us=0,
        updated_us=0,
    )
