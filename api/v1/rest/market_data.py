"""Public market data from the feed's memory; older trades from their table."""

from typing import Final

from api.process import web_process
from api.transport.threads import in_thread
from api.v1 import words
from api.v1.cursors import cursor_after, take_page
from api.v1.edge_request import EdgeRequest
from api.v1.words import Shape
from marketdata.candles.past import list_past_trades
from marketdata.feed.feed import MarketView
from marketdata.feed.view import TRADES_KEPT_MAX
from marketdata.wire import PublicTrade
from matching.markets.terms import MarketTerms

DEPTH_DEFAULT: Final = 10
DEPTH_MAX: Final = 1_000


def list_markets(request: EdgeRequest) -> Shape:
    """Return every market."""
    request.query().check()
    return {
        "data": [words.market(view.terms, view.auction) for view in web_process().feed.markets()]
    }


def list_tickers(request: EdgeRequest) -> Shape:
    """Return every market's ticker."""
    request.query().check()
    return {
        "data": [words.ticker(view.ticker, view.auction) for view in web_process().feed.markets()]
    }


def get_market(request: EdgeRequest, symbol: str) -> Shape:
    """Return one market."""
    view = web_process().feed.market(symbol)
    request.query().check()
    return {"data": words.market(view.terms, view.auction)}


def get_ticker(request: EdgeRequest, symbol: str) -> Shape:
    """Return a market's ticker."""
    view = web_process().feed.market(symbol)
    request.query().check()
    return {"data": words.ticker(view.ticker, view.auction)}


def get_order_book(request: EdgeRequest, symbol: str) -> Shape:
    """Return the best levels of a book, best price first."""
    view = web_process().feed.market(symbol)
    fields = request.query()
    depth = fields.integer("depth", default=DEPTH_DEFAULT, low=1, high=DEPTH_MAX)
    fields.check()
    return {"data": order_book(view, depth)}


async def get_trades(request: EdgeRequest, symbol: str) -> Shape:
    """Return a page of a market's trades, newest first."""
    view = web_process().feed.market(symbol)
    fields = request.query()
    limit, before = take_page(fields)
    fields.check()
    trades = _kept_trades(view, limit + 1, before)
    if trades is None:
        trades = await in_thread(
            list_past_trades, view.terms, before_sequence=before, limit=limit + 1
        )
    page = trades[:limit]
    following = cursor_after(page[-1].sequence) if len(trades) > limit else None
    return {"data": trades_page(view.terms, page), "meta": {"next": following}}


def order_book(view: MarketView, depth: int) -> Shape:
    """Return a book's shape, for REST and sockets."""
    bids, asks, sequence = view.top(depth)
    return {
        "market": view.terms.symbol,
        "bids": bids,
        "asks": asks,
        "sequence": sequence,
        "auction": words.auction(view.auction),
    }


def trades_page(terms: MarketTerms, trades: list[PublicTrade]) -> Shape:
    """Return a list of trades' shape, for REST and sockets."""
    shown = [words.public_trade(trade, terms) for trade in trades]
    return {"market": terms.symbol, "trades": shown}


def _kept_trades(view: MarketView, count: int, before: int | None) -> list[PublicTrade] | None:
    """Return what memory holds of a page; None where the page needs the table."""
    if before is None and count <= TRADES_KEPT_MAX:
        trades = view.recent_trades(count)
    else:
        kept = view.recent_trades(TRADES_KEPT_MAX)
        trades = [trade for trade in kept if before is None or trade.sequence < before][:count]
    # Sequences have no gaps, so trade 1 is the end; without it a short page may go on.
    is_whole = len(trades) == count or (bool(trades) and trades[-1].sequence == 1)
    if is_whole or (before is None and not trades):
        return trades
    return [] if before is not None and before <= 1 else None
