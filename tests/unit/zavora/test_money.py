"""The boundary between text, integers and NUMERIC: exact, or refused with what was expected."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zavora.foundation.money import (
    NotExact,
    decimal_to_units,
    format_decimal,
    numeric_text_to_units,
    parse_decimal,
    scale_of,
    text_for_people,
    text_to_units,
    units_to_decimal,
    units_to_text,
)

UNITS = st.integers(-(10**38) + 1, 10**38 - 1)
SCALES = st.integers(0, 18)


@pytest.mark.parametrize(
    ("text", "scale", "units"),
    [
        ("1.25", 2, 125),
        ("-1.25", 4, -12_500),
        ("0007", 0, 7),
        ("1.2500000", 2, 125),
        ("99999999999999999999", 18, 99_999_999_999_999_999_999 * 10**18),
    ],
)
def test_text_becomes_units(text, scale, units):
    assert text_to_units(text, scale) == units
    assert parse_decimal(text) == Decimal(text)


@pytest.mark.parametrize("text", ["", "1.", ".5", "+1", "1e3", "1,5", " 1", "١", "NaN", "Infinity"])
def test_text_of_another_form_is_refused(text):
    for read in (parse_decimal, lambda given_text: text_to_units(given_text, 8)):
        with pytest.raises(NotExact, match="expected a decimal such as"):
            read(text)


def test_text_without_end_is_refused_before_it_is_read():
    for read in (parse_decimal, lambda given_text: text_to_units(given_text, 8)):
        with pytest.raises(NotExact, match="at most 40 characters"):
            read("1" * 41)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1.255", "at most 2 decimals"), ("100000000000000000000", "at most 20 digits")],
)
def test_text_that_does_not_fit_is_refused(text, expected):
    with pytest.raises(NotExact, match=expected):
        text_to_units(text, 2)


@pytest.mark.parametrize(
    ("units", "scale", "text"),
    [(125, 2, "1.25"), (-5, 2, "-0.05"), (0, 3, "0.000"), (7, 0, "7"), (-7, 0, "-7")],
)
def test_units_become_plain_text(units, scale, text):
    assert units_to_text(units, scale) == text


@given(UNITS, SCALES)
def test_every_way_there_and_back_is_exact(units, scale):
    decimal = units_to_decimal(units, scale)

    assert decimal_to_units(decimal, scale) == units
    assert numeric_text_to_units(units_to_text(units, scale), scale) == units
    assert format_decimal(decimal, scale) == units_to_text(units, scale)


@pytest.mark.parametrize(
    ("text", "scale", "units"),
    [("1.5", 3, 1_500), ("1.500000", 1, 15), ("-0.25", 2, -25), ("12", 0, 12)],
)
def test_numbers_of_the_tables_become_units(text, scale, units):
    assert numeric_text_to_units(text, scale) == units


def test_numbers_of_the_tables_that_are_too_fine_or_none_are_refused():
    with pytest.raises(NotExact, match="at most 1 decimals"):
        numeric_text_to_units("1.25", 1)
    with pytest.raises(NotExact, match="a finite number, found 'NaN'"):
        numeric_text_to_units("NaN", 1)


def test_decimals_that_are_too_fine_or_none_are_refused():
    with pytest.raises(NotExact, match="at most 1 decimals"):
        decimal_to_units(Decimal("1.25"), 1)
    for read in (lambda value: decimal_to_units(value, 1), scale_of):
        with pytest.raises(NotExact, match="a finite decimal"):
            read(Decimal("Infinity"))


@pytest.mark.parametrize(("value", "scale"), [("1.2500", 2), ("100", 0), ("0.001", 3), ("0", 0)])
def test_trailing_zeros_need_no_decimals(value, scale):
    assert scale_of(Decimal(value)) == scale


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        ("1234567.5", 8, "1,234,567.50"),
        ("-1234.5", 1, "-1,234.5"),
        ("0.00012", 8, "0.00012"),
        ("-0.5", 2, "-0.50"),
        ("1234", 0, "1,234"),
    ],
)
def test_people_read_parted_thousands(value, scale, text):
    assert text_for_people(Decimal(value), scale) == text
