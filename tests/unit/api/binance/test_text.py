"""Figures have eight decimals and no exponent, whatever they come from."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from api.binance.words.text import eight, ms_of, ms_of_us


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0", "0.00000000"),
        ("0.00014", "0.00014000"),
        ("61500.00", "61500.00000000"),
        ("12345678901234567890.12345678", "12345678901234567890.12345678"),
        (Decimal("1E-8"), "0.00000001"),
        (Decimal("1E+3"), "1000.00000000"),
        (Decimal("0E-18"), "0.00000000"),
        ("-1.5", "-1.50000000"),
        # Cut, never rounded up; and never a negative zero.
        ("0.123456789", "0.12345678"),
        (Decimal("0.999999999999"), "0.99999999"),
        ("-0.000000001", "0.00000000"),
    ],
)
def test_figures_have_eight_decimals(value: str | Decimal, text: str) -> None:
    assert eight(value) == text


def test_times_are_whole_milliseconds() -> None:
    assert ms_of_us(1_700_000_000_123_999) == 1_700_000_000_123
    assert ms_of(datetime(1970, 1, 1, 0, 0, 1, 2_999, tzinfo=UTC)) == 1_002
