"""The JSON reader: exact numbers, and a refusal for everything that is not plain JSON."""

import json

import pytest

from api.transport.exact_json import DEPTH_MAX, Number, encode, parse
from zavora.foundation.errors import BadRequest


@pytest.mark.parametrize(
    "text",
    ["1.0000000000000000000001", "1e999999999", "-0", "123456789012345678901234567890", "1E2"],
)
def test_a_number_stays_the_text_it_was(text):
    value = parse(b'{"a": %s}' % text.encode())["a"]

    assert isinstance(value, Number)
    assert value == text


def test_strings_lists_and_constants_are_themselves():
    assert parse(b'{"a": ["x", true, false, null, {}]}') == {"a": ["x", True, False, None, {}]}
    assert not isinstance(parse(b'{"a": "1"}')["a"], Number)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a": 1',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 01}',
        b'{"a": 1_000}',
        b"{'a': 1}",
        b'{"a": 1} trailing',
        b'{"a": "\x01"}',
        b"\xff\xfe{\x00}\x00",
        b'{"a": "\xff"}',
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"[" * 1_000_000,
    ],
)
def test_what_is_no_plain_json_is_unreadable(body):
    with pytest.raises(BadRequest):
        parse(body)


@pytest.mark.parametrize(
    "body", [b'{"a": 1, "a": 1}', b'{"a": {"b": 1, "c": 2, "b": 3}}', b'[{"a": 1, "\\u0061": 2}]']
)
def test_a_repeated_key_is_refused_at_any_depth(body):
    with pytest.raises(BadRequest, match="repeats"):
        parse(body)


def test_a_repeated_key_that_cannot_be_printed_still_gives_an_answer():
    with pytest.raises(BadRequest) as refusal:
        parse(b'{"\\ud800": 1, "\\ud800": 2}')

    assert encode(refusal.value.details) == b'{"key":"?"}'


def test_depth_is_bounded_exactly_and_brackets_in_strings_do_not_count():
    deepest = "[" * DEPTH_MAX + "]" * DEPTH_MAX
    assert parse(deepest.encode()) == json.loads(deepest)
    assert parse(json.dumps("[{" * 1000).encode()) == "[{" * 1000
    assert parse(json.dumps('\\"' + "[" * 1000).encode()) == '\\"' + "[" * 1000
    assert len(parse(json.dumps([{}] * 1000).encode())) == 1000
    with pytest.raises(BadRequest, match="deeper"):
        parse(f"[{deepest}]".encode())
