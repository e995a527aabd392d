"""Cursors: what we gave comes back, everything else is refused by name."""

import base64

import pytest

from api.v1.cursors import ID_MAX, cursor_after, id_of, next_cursor, take_page
from api.v1.fields import Fields


@pytest.mark.parametrize("last_id", [1, 488805728944128, ID_MAX])
def test_a_cursor_comes_back_as_its_id(last_id):
    assert id_of(cursor_after(last_id)) == last_id


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "!!!!", "1", "é", "ejE6", "AAAA", " ", cursor_after(5) + "x" * 50),
        base64.urlsafe_b64encode(b"z1:-5").decode(),
        base64.urlsafe_b64encode(b"z1:0").decode(),
        base64.urlsafe_b64encode(b"z1:9999999999999999999").decode(),
        base64.urlsafe_b64encode(b"z1: 5").decode(),
        base64.urlsafe_b64encode("z1:٥".encode()).decode(),
    ],
)
def test_garbage_is_no_cursor(text):
    assert id_of(text) is None
    fields = Fields({"cursor": text})
    take_page(fields)
    assert "cursor" in fields.wrong


def test_a_page_has_bounds():
    assert take_page(Fields({})) == (100, None)
    assert take_page(Fields({"limit": "500", "cursor": cursor_after(7)})) == (500, 7)
    for limit in ("0", "501", "x"):
        fields = Fields({"limit": limit})
        take_page(fields)
        assert "limit" in fields.wrong


def test_the_next_cursor_is_there_only_where_more_follows():
    assert next_cursor([3, 2], 2) is None
    assert id_of(next_cursor([3, 2, 1], 2) or "") == 2
