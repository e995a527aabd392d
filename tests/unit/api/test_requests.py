"""The bodies of the order routes."""

from uuid import uuid4

import pytest

from api.transport.exact_json import parse
from api.v1 import requests
from api.v1.requests import parse_amend, parse_batch, parse_cancel_all, parse_place, symbol_of
from zavora.foundation.errors import ValidationFailed

ACCOUNT = uuid4()
LIMIT = {
    "user_id": str(ACCOUNT),
    "market": "BTC/USD",
    "side": "buy",
    "order_type": "limit",
    "price": "20000",
    "quantity": "1",
}
MARKET = {"user_id": str(ACCOUNT), "market": "BTC-USD", "side": "SELL", "order_type": "MARKET"}


def refused(body):
    with pytest.raises(ValidationFailed) as refusal:
        parse_place(body)
    return refusal.value.details


def test_a_limit_order_is_read():
    order = parse_place(LIMIT)

    assert (order.user_id, order.market, order.side) == (ACCOUNT, "BTC/USD", "Buy")
    assert (order.price, order.quantity, order.time_in_force) == ("20000", "1", "GTC")
    assert order.post_only is False


def test_a_market_order_is_immediate_or_cancel_whatever_older_clients_send():
    assert parse_place({**MARKET, "quantity": "1"}).time_in_force == "IOC"
    assert parse_place({**MARKET, "quantity": "1", "time_in_force": "gtc"}).time_in_force == "IOC"
    assert parse_place({**MARKET, "quote_quantity": 5}).quote_quantity == "5"
    assert parse_place({**MARKET, "quantity": "1", "time_in_force": "fok"}).time_in_force == "FOK"


@pytest.mark.parametrize("spelled", [{"post_only": True}, {"time_in_force": "post_only"}])
def test_post_only_is_a_flag_or_a_time_in_force(spelled):
    order = parse_place({**LIMIT, **spelled})

    assert (order.post_only, order.time_in_force) == (True, "GTC")


def test_null_is_the_same_as_absent():
    assert parse_place({**LIMIT, "client_order_id": None, "stop_price": None}) == parse_place(LIMIT)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"user_id": "me"}, "user_id"),
        ({"user_id": None}, "user_id"),
        ({"market": 5}, "market"),
        ({"market": ""}, "market"),
        ({"side": "hold"}, "side"),
        ({"side": True}, "side"),
        ({"order_type": "iceberg"}, "order_type"),
        ({"price": None}, "price"),
        ({"price": "-1"}, "price"),
        ({"price": "0"}, "price"),
        ({"price": "0.00"}, "price"),
        ({"price": "NaN"}, "price"),
        ({"price": "1" + "0" * 40}, "price"),
        ({"price": 1.5}, "price"),
        ({"quantity": None}, "quantity"),
        ({"quantity": []}, "quantity"),
        ({"quote_quantity": "1"}, "quote_quantity"),
        ({"time_in_force": "GTX"}, "time_in_force"),
        ({"post_only": "yes"}, "post_only"),
        ({"post_only": True, "time_in_force": "IOC"}, "time_in_force"),
        ({"client_order_id": ""}, "client_order_id"),
        ({"client_order_id": "x" * 65}, "client_order_id"),
        ({"client_order_id": "a\nb"}, "client_order_id"),
        ({"client_order_id": "é"}, "client_order_id"),
        ({"stop_price": "1"}, "stop_price"),
    ],
)
def test_a_wrong_field_of_a_limit_order_is_named(change, field):
    assert field in refused({**LIMIT, **change})


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({}, "quantity"),
        ({"quantity": "1", "quote_quantity": "1"}, "quote_quantity"),
        ({"quantity": "1", "price": "1"}, "price"),
        ({"quantity": "1", "post_only": True}, "post_only"),
    ],
)
def test_a_wrong_field_of_a_market_order_is_named(change, field):
    assert field in refused({**MARKET, **change})


def test_all_missing_fields_are_named_at_once():
    assert set(refused({})) == {"user_id", "market", "side", "order_type"}


def test_an_exact_number_reaches_the_order_untouched():
    body = parse(
        b'{"user_id": "%s", "market": "BTC/USD", "side": "buy", "order_type": "limit",'
        b' "price": 1.0000000000000000000001, "quantity": 1e-8}' % str(ACCOUNT).encode()
    )

    order = parse_place(body)

    assert (order.price, order.quantity) == ("1.0000000000000000000001", "0.00000001")


def test_an_amendment_needs_something_to_change():
    assert parse_amend({"price": "1"}).quantity is None
    assert parse_amend({"trigger_price": "1"}) == parse_amend({"stop_price": 1})
    with pytest.raises(ValidationFailed):
        parse_amend({})
    with pytest.raises(ValidationFailed):
        parse_amend({"side": "buy", "price": "1"})
    with pytest.raises(ValidationFailed):
        parse_amend({"stop_price": "1", "trigger_price": "1"})


def test_cancel_all_names_the_account_either_way():
    assert parse_cancel_all({"account": str(ACCOUNT)}).account == ACCOUNT
    assert parse_cancel_all({"user_id": str(ACCOUNT), "side": "Buy"}).side == "Buy"
    with pytest.raises(ValidationFailed):
        parse_cancel_all({})


def test_a_batch_is_a_list_of_bounded_length():
    assert parse_batch([{}]) == [{}]
    assert parse_batch({"orders": [{}]}) == [{}]
    for wrong in ([], {}, "x", [{}] * (requests.BATCH_MAX + 1)):
        with pytest.raises(ValidationFailed):
            parse_batch(wrong)


@pytest.mark.parametrize("text", ["BTC/USD", "BTC-USD"])
def test_symbols_have_two_spellings(text):
    assert symbol_of(text) == "BTC/USD"


@pytest.mark.parametrize(
    ("struct", "parser"),
    [
        (requests.PlaceOrderIn, requests.parse_place),
        (requests.AmendOrderIn, requests.parse_amend),
        (requests.CancelOrderIn, requests.parse_cancel),
        (requests.CancelAllIn, requests.parse_cancel_all),
    ],
)
def test_the_documented_fields_are_those_that_are_taken(struct, parser):
    wrong = {name: [] for name in struct.__struct_fields__}

    with pytest.raises(ValidationFailed) as refusal:
        parser(wrong)

    assert set(refusal.value.details) == set(wrong)
    assert "is not a field of this request" not in refusal.value.details.values()
