"""What is told of an auction while it is held: how it would end now."""

from matching import wire
from matching.engine.auction import indicate
from matching.engine.market import Market
from matching.markets.terms import MarketTerms


def auction_state(market: Market, terms: MarketTerms) -> wire.AuctionState:
    """Return what would trade if a market's auction ended now."""
    indication, zero = indicate(market), terms.zero_quantity
    if indication is None:
        return wire.AuctionState(None, zero, zero, market.auction_ends_us)
    surplus = terms.quantity_text(abs(indication.surplus_lots))
    return wire.AuctionState(
        terms.price_text(indication.price_ticks),
        terms.quantity_text(indication.quantity_lots),
        f"-{surplus}" if indication.surplus_lots < 0 else surplus,
        market.auction_ends_us,
    )
