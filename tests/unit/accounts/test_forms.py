"""Refusals as people read them, and amounts as people and the pages write them."""

from decimal import Decimal

import pytest
from django import forms

from zavora.foundation.errors import Conflict, ValidationFailed
from zavora.foundation.forms import DecimalTextField, sentence, show_error
from zavora.foundation.money import text_for_people


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("not enough BTC available", "Not enough BTC available."),
        ("expected at most 1000000000", "Expected at most 1,000,000,000."),
        ("expected an RFC 3339 time", "Expected an RFC 3339 time."),
        ("expected 1 to 128 characters", "Expected 1 to 128 characters."),
    ],
)
def test_a_refusal_becomes_a_sentence_and_keeps_its_words(told: str, shown: str) -> None:
    assert sentence(told) == shown


@pytest.mark.parametrize(
    ("typed", "amount"),
    [("61,000.00", "61000.00"), ("1,234,567", "1234567"), ("1,000.", "1000"), (" 12.5 ", "12.5")],
)
def test_an_amount_is_taken_as_the_pages_write_it(typed: str, amount: str) -> None:
    assert DecimalTextField().clean(typed) == Decimal(amount)


@pytest.mark.parametrize("typed", ["60000,5", "1,00", "1,,000", "0,5", "1.000,5"])
def test_a_comma_that_may_be_a_point_is_refused_and_says_so(typed: str) -> None:
    with pytest.raises(forms.ValidationError, match="point before decimals"):
        DecimalTextField().clean(typed)


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [
        ("100000", 8, "100,000.00"),
        ("0.12345678", 8, "0.12345678"),
        ("1234.5", 1, "1,234.5"),
        ("7", 0, "7"),
        ("-0.5", 2, "-0.50"),
        ("0.000000000000000001", 18, "0.000000000000000001"),
    ],
)
def test_amounts_are_shown_in_the_assets_scale(value: str, scale: int, text: str) -> None:
    assert text_for_people(Decimal(value), scale) == text


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [("62000.1", 2, "62,000.10"), ("1.25", 4, "1.2500"), ("-1200", 0, "-1,200")],
)
def test_prices_keep_the_decimals_of_their_tick(value: str, scale: int, text: str) -> None:
    assert text_for_people(Decimal(value), scale, decimals_min=scale) == text


class _Form(forms.Form):
    amount = forms.CharField()


@pytest.mark.parametrize(
    ("error", "say", "field", "text"),
    [
        (ValidationFailed("bad", amount="expected more"), sentence, "amount", "Expected more."),
        (ValidationFailed("bad", amount="expected more"), str, "amount", "expected more"),
        (ValidationFailed("bad", key="expected one"), str, "__all__", "bad; key: expected one"),
        (Conflict("taken", symbol="BTC/USD"), sentence, "__all__", "Taken."),
    ],
)
def test_a_refusal_stands_at_the_field_that_it_names_else_above_the_form(error, say, field, text):
    form = _Form({"amount": "1"})
    assert form.is_valid()

    show_error(form, error, say=say)

    assert form.errors == {field: [text]}
