"""Markets, their books, trades, tickers and candles, and how the exchange is."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct

from zavora.core.calls import CANDLES_PAGE_MAX, LIST_WEIGHT, PAGE_MAX, Call, Listing, Moment
from zavora.core.routes import paged, route
from zavora.models import Candle, Health, Market, OrderBook, PublicTrade, Ticker

DEGRADED: Final = frozenset({503})


class Candles(Struct, frozen=True):
    """A page of candles."""

    market: str
    interval: str
    candles: list[Candle]


class PublicTrades(Struct, frozen=True):
    """A page of trades."""

    market: str
    trades: list[PublicTrade]


class BookRoutes:
    """What REST and the WebSocket tell of a market alike."""

    @route
    def order_book(self, market: str, depth: int = 10) -> Call[OrderBook]:
        """Return the best levels of a book, best price first."""
        return _public(
            "/markets/{market}/order-book", OrderBook, market, socket="getOrderBook", depth=depth
        )

    @route
    def ticker(self, market: str) -> Call[Ticker]:
        """Return the last 24 hours of a market."""
        return _public("/markets/{market}/ticker", Ticker, market, socket="getTicker")


class MarketRoutes(BookRoutes):
    """What everybody may read."""

    @route
    def markets(self) -> Call[list[Market]]:
        """Return every market and its rules."""
        return _public("/markets", list[Market])

    @route
    def market(self, market: str) -> Call[Market]:
        """Return a market and its rules."""
        return _public("/markets/{market}", Market, market)

    @route
    def tickers(self) -> Call[list[Ticker]]:
        """Return the tickers of all markets."""
        return _public("/markets/tickers", list[Ticker])

    @paged
    def trades(self, market: str, *, page: int = PAGE_MAX) -> Listing[PublicTrade]:
        """List a market's trades, newest first."""
        call: Call[Any] = _public("/markets/{market}/trades", PublicTrades, market, limit=page)
        return Listing(call, rows=lambda data: data.trades)

    @paged
    def candles(
        self,
        market: str,
        interval: str = "1m",
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        page: int = CANDLES_PAGE_MAX,
    ) -> Listing[Candle]:
        """List a market's candles, newest first; an interval without a trade has none."""
        call: Call[Any] = _public(
            "/markets/{market}/candles",
            Candles,
            market,
            weight=LIST_WEIGHT,
            interval=interval,
            start=start,
            end=end,
            limit=page,
        )
        return Listing(call, rows=lambda data: data.candles, older=_older_candles)

    @route
    def health(self) -> Call[Health]:
        """Tell how the exchange is, also where it is degraded."""
        return Call("GET", "/health", Health, is_public=True, is_bare=True, also_answers=DEGRADED)


def _public(
    path: str,
    answer: Any,
    market: str | None = None,
    *,
    weight: int = 1,
    socket: str | None = None,
    **query: Any,
) -> Call[Any]:
    # A slash in a name would be two parts of a path; both spellings mean the same market.
    parts = {} if market is None else {"market": market.replace("/", "-")}
    return Call("GET", path, answer, parts, query, is_public=True, weight=weight, socket=socket)


def _older_candles(call: Call[Any], data: Candles) -> Call[Any] | None:
    """Return the call for what opened before the oldest candle of a page."""
    rows: Sequence[Candle] = data.candles
    if len(rows) < call.query["limit"]:
        return None
    end: datetime = rows[-1].open_time - timedelta(milliseconds=1)
    start = call.query["start"]
    if isinstance(start, datetime) and start > end:
        return None
    return call.with_query(end=end)
