"""Reading fields: decimals by the grammar, enumerations in any spelling, all faults at once."""

from datetime import UTC, datetime

import pytest

from api.transport.exact_json import Number, parse
from api.v1.fields import Fields, decimal_text, order_id_of
from zavora.foundation.errors import ValidationFailed
from zavora.foundation.money import NotExact


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1.50", "1.50"),
        (Number("1.50"), "1.50"),
        (Number("1e-7"), "0.0000001"),
        (Number("12.5E2"), "1250"),
        (Number("1.0000000000000000000001"), "1.0000000000000000000001"),
        (7, "7"),
        ("-3", "-3"),
    ],
)
def test_a_decimal_is_written_out_exactly(value, text):
    assert decimal_text(value) == text


@pytest.mark.parametrize(
    "value",
    [
        *("", " 1", "1 ", "1_000", "+1", ".5", "1.", "0x10", "1e5", "NaN", "Infinity", "-", "1,5"),
        *("١٢", "1" * 41, "1\n", "1.1.1"),
        *(Number("1e999999999"), Number("1e50"), Number("1e-99"), Number("1" * 41)),
        *(True, None, 1.5, [], {}),
    ],
)
def test_what_is_no_decimal_is_refused(value):
    with pytest.raises(NotExact):
        decimal_text(value)


def test_every_wrong_and_unknown_field_is_named_at_once():
    fields = Fields(parse(b'{"a": 1, "b": "x", "c": -1, "d": "up", "typo": 1, "nothing": null}'))
    fields.text("a")
    fields.decimal("b")
    fields.decimal("c")
    fields.choice("d", {"buy": "Buy", "sell": "Sell"})
    fields.uuid("e", required=True)

    with pytest.raises(ValidationFailed) as refusal:
        fields.check()

    assert refusal.value.details == {
        "a": "expected a text of 1 to 64 printable ASCII characters",
        "b": 'expected a decimal such as "1.25"',
        "c": "expected a figure above zero",
        "d": "expected one of: Buy, Sell",
        "e": "is required",
        "typo": "is not a field of this request",
    }


@pytest.mark.parametrize("name", ["message", "self", "code", "\ud800"])
def test_a_field_may_have_any_name_and_still_be_refused(name):
    fields = Fields({name: 1})

    with pytest.raises(ValidationFailed) as refusal:
        fields.check()

    assert list(refusal.value.details.values()) == ["is not a field of this request"]


@pytest.mark.parametrize(
    "spelling", ["post_only", "PostOnly", "POST_ONLY", "post-only", "Post Only"]
)
def test_an_enumeration_is_taken_in_any_spelling(spelling):
    fields = Fields({"a": spelling})

    assert fields.choice("a", {"postonly": "PostOnly"}) == "PostOnly"
    fields.check()


@pytest.mark.parametrize("value", ["0", "-1", "1001", "1e2", "１", "1.0", "", "9" * 30, True, None])
def test_an_integer_out_of_bounds_is_named(value):
    fields = Fields({"limit": value})
    chosen = fields.integer("limit", default=100, low=1, high=1000)

    assert chosen == 100
    assert ("limit" in fields.wrong) == (value is not None)


def test_moments_are_rfc_3339_or_milliseconds():
    fields = Fields(
        {"a": "2026-01-31T12:00:00Z", "b": "2026-01-31T14:00:00+02:00", "c": "1769860800000"}
    )
    expected = datetime(2026, 1, 31, 12, tzinfo=UTC)

    assert [fields.moment(name) for name in "abc"] == [expected] * 3
    fields.check()


@pytest.mark.parametrize(
    "value",
    ["2026-01-31", "2026-01-31T12:00:00", "yesterday", "9" * 30, "0001-01-01T00:00:00+14:00"],
)
def test_other_moments_are_refused(value):
    fields = Fields({"start": value})
    fields.moment("start")

    assert "start" in fields.wrong


@pytest.mark.parametrize("data", [[], "x", None, 1])
def test_a_body_that_is_no_object_is_named(data):
    with pytest.raises(ValidationFailed):
        Fields(data)


def test_order_ids_are_digits_that_fit():
    assert order_id_of("488805728944128") == 488805728944128
    assert [order_id_of(text) for text in ("", "-1", "x", "１", "9" * 17, "1e3")] == [None] * 6
