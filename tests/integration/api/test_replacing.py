"""An order in another's place, on a running exchange."""

import pytest

from tests.integration.api.conftest import order

pytestmark = pytest.mark.usefixtures("clean_book")
POLICIES = ("StopOnFailure", "AllowFailure")


@pytest.fixture
def account(alice):
    return alice.new_account(EUR="1000", BTC="10")


def replace(person, old, body, policy="stop_on_failure", **headers):
    path = f"/orders/{old}/replace"
    return person.post(path, json={**body, "policy": policy}, headers=headers)


def placed(person, *asked):
    return person.data("POST", "/orders", json=order(*asked))["order"]["id"]


def error_of(response):
    error = response.json()["error"]
    return response.status_code, error["code"], error.get("details")


def test_both_halves_are_told(alice, account):
    old = placed(alice, account, "buy", "90", "10")

    body = order(account, "buy", "91", "10")
    data = replace(alice, old, body).json()["data"]

    assert (data["cancelled"]["order"]["id"], data["cancelled"]["order"]["status"]) == (
        *(old, "Cancelled"),
    )
    new = data["placed"]["order"]
    assert (new["price"], new["status"], data["placed"]["trades"]) == ("91.00", "New", [])
    path = f"/accounts/{account}/orders?status=Open"
    assert [one["id"] for one in alice.data("GET", path)] == [new["id"]]


@pytest.mark.parametrize("policy", POLICIES)
def test_an_order_that_is_gone_stops_it_or_does_not(alice, account, policy):
    old = placed(alice, account, "buy", "90", "1")
    alice.data("DELETE", f"/orders/{old}")

    data = replace(alice, old, order(account, "buy", "91", "1"), policy).json()["data"]

    assert data["cancelled"]["error"]["code"] == "order_not_open"
    if policy == "AllowFailure":
        assert data["placed"]["order"]["price"] == "91.00"
    else:
        assert data["placed"] is None


@pytest.mark.parametrize("policy", POLICIES)
def test_a_new_order_that_cannot_be_leaves_the_old_one(alice, account, policy):
    old = placed(alice, account, "buy", "90", "10")

    response = replace(alice, old, order(account, "buy", "91", "100"), policy)

    assert error_of(response)[:2] == (400, "insufficient_balance")
    assert alice.data("GET", f"/orders/{old}")["status"] == "New"


def test_what_the_book_says_of_the_new_order_comes_after_the_cancel(alice, bob, account):
    placed(bob, bob.new_account(BTC="1"), "sell", "95", "1")
    old = placed(alice, account, "buy", "90", "1")

    body = {**order(account, "buy", "95", "1"), "post_only": True}
    data = replace(alice, old, body).json()["data"]

    assert data["cancelled"]["order"]["status"] == "Cancelled"
    error = data["placed"]["error"]
    assert (error["code"], error["details"]["reason"]) == (
        *("invalid_order", "post_only_would_cross"),
    )


def test_told_again_it_happens_once(alice, account):
    old = placed(alice, account, "buy", "90", "1")
    body = order(account, "buy", "91", "1")

    answers = [replace(alice, old, body, **{"Idempotency-Key": "k1"}).json() for _ in range(2)]

    assert answers[0]["data"] == answers[1]["data"]
    conflict = replace(alice, old, body, "AllowFailure", **{"Idempotency-Key": "k1"})
    assert error_of(conflict)[:2] == (409, "conflict")


def test_what_is_wrong_is_named_and_nothing_changes(alice, bob, account):
    old = placed(alice, account, "buy", "90", "1")
    body = order(account, "buy", "91", "1")

    status, code, details = error_of(replace(alice, old, {**body, "price": None}, "perhaps"))
    assert (status, code, sorted(details)) == (422, "validation_error", ["policy", "price"])
    elsewhere = replace(alice, old, {**body, "market": "BTC/USD"})
    assert error_of(elsewhere)[1:] == (
        *("validation_error", {"market": "expected the market of the order to replace"}),
    )
    sibling = alice.new_account(EUR="1000")
    assert error_of(replace(alice, old, {**body, "user_id": sibling}))[1] == "order_not_found"
    others = order(bob.new_account(EUR="1000"), "buy", "91", "1")
    assert error_of(replace(bob, old, others))[1] == "order_not_found"
    assert error_of(replace(alice, "x", body))[1] == "order_not_found"
    assert alice.data("GET", f"/orders/{old}")["status"] == "New"
