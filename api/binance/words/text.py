"""Figures and times as this API writes them: eight decimals, milliseconds since 1970."""

from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final

from zavora.foundation.times import microseconds_of

DECIMALS: Final = 8
ZERO: Final = "0.00000000"
_PADDING: Final = "0" * DECIMALS


def eight(value: str | Decimal) -> str:
    """Return a figure with eight decimals, never an exponent: ``0.14`` -> ``0.14000000``.

    Digits beyond the eighth are cut. Markets with such figures are not offered here
    (``symbols.is_exact``), so that happens only to averages and to balances of finer assets.
    """
    return _of_text(value) if isinstance(value, str) else _of_text(f"{value:f}")


@lru_cache(2**16)
def _of_text(text: str) -> str:
    whole, _, fraction = text.partition(".")
    if len(fraction) < DECIMALS:
        return f"{whole}.{fraction}{_PADDING[len(fraction) :]}"
    cut = f"{whole}.{fraction[:DECIMALS]}"
    return cut.removeprefix("-") if cut.startswith("-") and not cut.strip("-0.") else cut


def ms_of_us(microseconds: int) -> int:
    """Return microseconds since 1970 as milliseconds, rounded down."""
    return microseconds // 1_000


def ms_of(moment: datetime) -> int:
    """Return a time as milliseconds since 1970, rounded down."""
    return microseconds_of(moment) // 1_000
