"""Parameters: query and body, repeated names, the text that is signed, and wrong values."""

from collections.abc import Callable
from typing import Any

import pytest

from api.binance.rest.params import PAIRS_MAX, Params
from api.binance.words.errors import CompatError


def code_of(call: Callable[[], Any]) -> int:
    with pytest.raises(CompatError) as caught:
        call()
    return caught.value.code


# --- where they come from -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "body", "signed"),
    [
        (b"a=1&signature=x", b"", b"a=1"),
        (b"", b"a=1&signature=x", b"a=1"),
        (b"signature=x&a=1&b=2", b"", b"a=1&b=2"),
        (b"a=1&signature=x&b=2", b"", b"a=1&b=2"),
        (b"a=1", b"b=2&signature=x", b"a=1b=2"),
        (b"a=1&signature=x", b"b=2", b"a=1b=2"),
        (b"signature=x", b"b=2", b"b=2"),
        (b"a=%5b%22X%22%5D&b=+", b"", b"a=%5b%22X%22%5D&b=+"),
        (b"a=1&signature=x", b"b=2&signature=y", b"a=1b=2"),
        (b"%73ignature=x&a=1", b"", b"a=1"),
        (b"", b"", b""),
    ],
)
def test_the_raw_text_without_signatures_is_signed(
    query: bytes, body: bytes, signed: bytes
) -> None:
    assert Params.of_request(query, body).signed_texts == (signed,)


def test_the_query_wins_over_the_body() -> None:
    params = Params.of_request(b"symbol=A&x=1", b"symbol=B&y=2")

    assert (params.get("symbol"), params.get("x"), params.get("y")) == ("A", "1", "2")
    params.check_repeated()


@pytest.mark.parametrize(
    ("query", "body"),
    [(b"a=1&a=1", b""), (b"", b"a=1&a=2"), (b"b=1", b"a=1&a="), (b"a=1&%61=2", b"")],
)
def test_a_name_twice_in_one_place_is_refused(query: bytes, body: bytes) -> None:
    assert code_of(Params.of_request(query, body).check_repeated) == -1101


def test_more_pairs_than_any_call_has_are_refused() -> None:
    query = b"&".join(b"p%d=1" % number for number in range(PAIRS_MAX + 1))

    assert code_of(lambda: Params.of_request(query)) == -1101


def test_values_are_percent_decoded() -> None:
    params = Params.of_request(b"symbols=%5B%22BTCUSDT%22,%22ETHUSDT%22%5D&text=a%20b+c")

    assert params.symbols() == ["BTCUSDT", "ETHUSDT"]
    assert params.get("text") == "a b c"


def test_bytes_that_are_no_text_do_no_harm() -> None:
    params = Params.of_request(b"a=%ff%fe&\xff=\xfe&&=&%", b"%zz=%&\x00=\x00")

    assert params.get("a") == "��"
    assert code_of(lambda: params.decimal("a")) == -1100


def test_a_websocket_request_is_signed_sorted_by_name() -> None:
    params = Params.of_object(
        {"timestamp": "1700000000000", "b": True, "signature": "x", "a": "1/2", "none": None}
    )

    assert params.signed_texts == (
        b"a=1/2&b=true&timestamp=1700000000000",
        b"a=1%2F2&b=true&timestamp=1700000000000",
    )


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["NaN", "1e5", "-1", "+1", "1.", ".5", "0x1", "1,5", " 1", "Infinity", "1_0", "١", "9" * 21],
)
def test_what_is_no_plain_number_is_refused(text: str) -> None:
    params = Params.of_object({"price": text, "limit": text})

    assert code_of(lambda: params.decimal("price")) == -1100
    assert code_of(lambda: params.integer("limit")) in (-1100,)


@pytest.mark.parametrize(
    "text", ["0", "1", "1.5", "00.10", "12345678901234567890.12345678901234567890"]
)
def test_plain_decimals_are_taken_as_they_stand(text: str) -> None:
    assert Params.of_object({"price": text}).decimal("price") == text


def test_missing_and_empty_parameters_have_codes_of_their_own() -> None:
    params = Params.of_request(b"empty=&symbol=BTCUSDT")

    assert code_of(lambda: params.require("symbol", "side")) == -1102
    assert code_of(lambda: params.require("empty")) == -1102
    assert code_of(lambda: params.needed("side")) == -1102
    assert code_of(lambda: params.text("empty")) == -1105
    assert params.text("side") is None
    with pytest.raises(CompatError, match="Mandatory parameter 'side' was not sent,"):
        params.require("side")


def test_numbers_keep_their_bounds() -> None:
    params = Params.of_request(b"limit=5000&zero=0&big=9223372036854775808")

    assert params.limit(default=500, high=1_000) == 1_000
    assert params.integer("none", default=7) == 7
    assert code_of(lambda: params.integer("zero", low=1)) == -1130
    assert code_of(lambda: params.integer("big")) == -1130


@pytest.mark.parametrize(
    "text", ["[]", '["A",1]', "BTCUSDT", "{}", '"A"', "[", "[" * 5_000, '[["A"]]']
)
def test_a_list_of_symbols_must_be_one(text: str) -> None:
    params = Params.of_object({"symbols": text})

    assert code_of(params.symbols) == -1100


def test_words_are_taken_as_published() -> None:
    params = Params.of_request(b"flag=TRUE&word=full&bad=maybe")

    assert params.flag("flag") is True
    assert params.flag("none") is False
    assert code_of(lambda: params.flag("bad")) == -1130
    assert code_of(lambda: params.choice("word", {"FULL": 1})) == -1130
