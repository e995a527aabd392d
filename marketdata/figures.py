"""Figures of market data as text."""

from decimal import Decimal

from marketdata.wire import PublicTrade
from matching.markets.terms import MarketTerms
from matching.orders.by_sequence import PublicTradeRow
from zavora.foundation.money import NotExact, format_decimal, scale_of


def figure_text(value: Decimal, decimals: int) -> str:
    """Return ``value`` with ``decimals`` decimals, or with as many as it needs.

    More are needed only by figures from before a market's tick or lot became coarser.
    """
    try:
        return format_decimal(value, decimals)
    except NotExact:
        return format_decimal(value, scale_of(value))


def trade_of_row(row: PublicTradeRow, terms: MarketTerms) -> PublicTrade:
    """Return a trade of the tables as texts with the market's decimals."""
    return PublicTrade(
        row.sequence,
        row.run_sequence,
        figure_text(row.price, terms.tick_decimals),
        figure_text(row.quantity, terms.lot_decimals),
        figure_text(row.amount, terms.quote.scale),
        row.taker_side,
        row.time_us,
        row.is_auction,
    )
