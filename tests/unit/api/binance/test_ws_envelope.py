"""Requests and answers of the WebSocket API as texts."""

import json
from typing import Any

import msgspec
import pytest

from api.binance.words import errors
from api.binance.words.errors import CompatError
from api.binance.ws_api import envelope
from api.transport.exact_json import Number


def code_of(call: Any) -> int:
    with pytest.raises(CompatError) as caught:
        call()
    return caught.value.code


def test_numbers_keep_the_text_they_were_sent_as() -> None:
    body = envelope.read_body('{"id": 1, "method": "x", "params": {"b": 1.50, "a": true, "c": 2}}')
    params = envelope.params_of(envelope.read_request(body, None))
    assert params.signed_texts[0] == b"a=true&b=1.50&c=2"


@pytest.mark.parametrize(
    ("value", "echoed"),
    [
        (None, None),
        ("abc", "abc"),
        ("", ""),
        (Number("7"), msgspec.Raw(b"7")),
        (Number("-7"), msgspec.Raw(b"-7")),
    ],
)
def test_ids_are_echoed_as_they_came(value: Any, echoed: Any) -> None:
    assert envelope.read_id({"id": value}) == echoed
    assert envelope.read_id({}) is None


@pytest.mark.parametrize(
    "value",
    [True, [], {}, "x" * 37, "\ud800", Number("1.5"), Number("1e3"), Number("9" * 37)],
)
def test_other_ids_are_refused(value: Any) -> None:
    assert code_of(lambda: envelope.read_id({"id": value})) == -1100


def test_answers_carry_limits_unless_they_are_not_wanted() -> None:
    assert json.loads(envelope.answer("a", {"x": 1}, rate_limits=[])) == {
        "id": "a",
        "status": 200,
        "result": {"x": 1},
        "rateLimits": [],
    }
    assert json.loads(envelope.answer(None, b'{"ready":[1]}', rate_limits=None)) == {
        "id": None,
        "status": 200,
        "result": {"ready": [1]},
    }


def test_failures_carry_status_and_data() -> None:
    error = CompatError(
        -2022, "Order cancel-replace failed.", 400, data={"cancelResult": "FAILURE"}
    )
    assert json.loads(envelope.failure("a", error, rate_limits=None)) == {
        "id": "a",
        "status": 400,
        "error": {
            "code": -2022,
            "msg": "Order cancel-replace failed.",
            "data": {"cancelResult": "FAILURE"},
        },
    }


def test_a_limit_says_when_to_come_back() -> None:
    error = errors.too_many_requests(6_000, 12)
    answer = json.loads(envelope.failure(None, error, rate_limits=None))
    assert (answer["status"], answer["error"]["code"]) == (429, -1003)
    data = answer["error"]["data"]
    assert data["retryAfter"] - data["serverTime"] == 12_000
