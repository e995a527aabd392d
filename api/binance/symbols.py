"""Symbols as this API writes them: base and quote run together, ``BTCUSDT``."""

from typing import Final

from api.binance import errors
from api.binance.text import DECIMALS
from marketdata.feed import MarketView, get_feed
from matching.terms import MarketTerms
from zavora.money import scale_of

_market_ids: Final[dict[str, int]] = {}


def symbol_of(terms: MarketTerms) -> str:
    """Return a market's symbol: ``BTC/USDT`` -> ``BTCUSDT``."""
    return f"{terms.base.code}{terms.quote.code}"


def is_offered(terms: MarketTerms) -> bool:
    """Tell whether eight decimals can say every figure of a market exactly.

    Others are not offered here: what is printed has to add up (ADR 0009).
    """
    return (
        terms.base.scale <= DECIMALS
        and terms.quote.scale <= DECIMALS
        and scale_of(terms.tick_size) <= DECIMALS
    )


def list_offered() -> list[MarketView]:
    """Return the markets that this API offers, oldest first.

    Of two whose names run together to the same symbol only the older one is offered.
    """
    views: dict[str, MarketView] = {}
    for view in get_feed().markets():
        if is_offered(view.terms):
            views.setdefault(symbol_of(view.terms), view)
    return list(views.values())


def find_market(symbol: str) -> MarketView:
    """Return the market of a symbol, else raise -1121. The feed must have been started."""
    market_id = _market_ids.get(symbol)
    view = None if market_id is None else get_feed().market_by_id(market_id)
    if view is not None and symbol_of(view.terms) == symbol:
        return view
    offered = {symbol_of(view.terms): view for view in list_offered()}
    _market_ids.clear()
    _market_ids.update({name: view.terms.market_id for name, view in offered.items()})
    view = offered.get(symbol)
    if view is None:
        raise errors.invalid_symbol()
    return view
