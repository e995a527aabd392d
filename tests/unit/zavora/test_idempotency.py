"""Idempotency keys: one rule for money, orders and the header that carries them."""

import pytest

from api.v1.header_keys import checked_header_key
from zavora.foundation.errors import ValidationFailed
from zavora.foundation.idempotency import KEY_LENGTH_MAX, is_key


@pytest.mark.parametrize("key", ["k", "a b", "x" * KEY_LENGTH_MAX, "schl\u00fcssel"])
def test_printable_text_of_some_length_is_a_key(key):
    assert is_key(key)


@pytest.mark.parametrize("key", ["", "x" * (KEY_LENGTH_MAX + 1), "a\nb", "\0"])
def test_what_is_empty_too_long_or_not_printable_is_none(key):
    assert not is_key(key)
    with pytest.raises(ValidationFailed) as refusal:
        checked_header_key(key)
    assert set(refusal.value.details) == {"Idempotency-Key"}


def test_a_header_is_plain_ascii_and_may_be_missing():
    assert checked_header_key(None) is None
    assert checked_header_key("k") == "k"
    with pytest.raises(ValidationFailed):
        checked_header_key("schl\u00fcssel")
