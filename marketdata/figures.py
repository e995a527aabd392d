"""Figures of market data as text."""

from decimal import Decimal

from zavora.foundation.money import NotExact, format_decimal, scale_of


def figure_text(value: Decimal, decimals: int) -> str:
    """Return ``value`` with ``decimals`` decimals, or with as many as it needs.

    More are needed only by figures from before a market's tick or lot became coarser.
    """
    try:
        return format_decimal(value, decimals)
    except NotExact:
        return format_decimal(value, scale_of(value))
