"""Symbols as this API writes them, ``BTCUSDT``, and the one rule of which markets it offers.

REST, streams, user data, exchangeInfo and the WebSocket API all ask here: a market that one of
them does not know is told by none.
"""

from typing import Any, Final

from accounts.access.callers import Caller
from api.binance.words import errors
from api.binance.words.text import DECIMALS
from api.process import web_process
from marketdata.feed.feed import MarketView
from matching.markets.terms import MarketTerms
from zavora.foundation.money import scale_of

# The offered markets by symbol, and of which feed in which state they were read.
_offered: Final[dict[str, MarketView]] = {}
_read_of: list[Any] = [None, 0]


def symbol_of(terms: MarketTerms) -> str:
    """Return a market's symbol: ``BTC/USDT`` -> ``BTCUSDT``."""
    return f"{terms.base.code}{terms.quote.code}"


def is_exact(terms: MarketTerms) -> bool:
    """Tell whether eight decimals can say every figure of a market exactly.

    Others are not offered here: what is printed has to add up (ADR 0009).
    """
    return (
        terms.base.scale <= DECIMALS
        and terms.quote.scale <= DECIMALS
        and scale_of(terms.rules.tick_size) <= DECIMALS
    )


def list_offered() -> list[MarketView]:
    """Return the markets that this API offers, oldest first."""
    return list(_by_symbol().values())


def is_offered(view: MarketView) -> bool:
    """Tell whether this API offers a market; of one that it does not, nothing is told."""
    return _by_symbol().get(symbol_of(view.terms)) is view


def find_market(symbol: str) -> MarketView:
    """Return the market of a symbol, else raise -1121. The feed must have been started."""
    view = _by_symbol().get(symbol)
    if view is None:
        raise errors.invalid_symbol()
    return view


def find_traded(symbol: str, caller: Caller) -> MarketView:
    """Return a market in which a key may change orders: -1121 for none, Forbidden for another."""
    view = find_market(symbol)
    caller.require_market(view.terms.symbol)
    return view


def offered_of(views: list[MarketView]) -> dict[str, MarketView]:
    """Return the offered ones of all markets (oldest first) by symbol.

    Of two whose names run together to the same symbol only the older one is offered. New ones of
    the kind are refused (``matching.services``); exchanges of a former version may have
    them.
    """
    offered: dict[str, MarketView] = {}
    for view in views:
        if is_exact(view.terms):
            offered.setdefault(symbol_of(view.terms), view)
    return offered


def _by_symbol() -> dict[str, MarketView]:
    """Return the offered markets by symbol, worked out anew where a market's terms changed."""
    feed = web_process().feed
    state = [feed, feed.terms_version]
    if state != _read_of:
        _offered.clear()
        _offered.update(offered_of(feed.markets()))
        _read_of[:] = state
    return _offered
