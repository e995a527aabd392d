"""Self-trade prevention by transfer, on a running exchange: v1 and the compatible API."""

import pytest

from tests.changed_markets import change_market
from tests.integration.api.conftest import order

pytestmark = pytest.mark.usefixtures("clean_book")
MODES = "taker,maker,both,decrement"
TRANSFERS = {"self_trade_prevention": "transfer"}


@pytest.fixture
def allowed(exchange):
    change_market(exchange, "BTC/EUR", f"self_trade_modes='{MODES},transfer'")
    yield
    change_market(exchange, "BTC/EUR", f"self_trade_modes='{MODES}'")


def place(person, account, *asked, **more):
    return person.data("POST", "/orders", json=order(account, *asked, **more))["order"]


def test_a_market_that_does_not_allow_it_refuses_it(alice):
    account = alice.new_account(EUR="1000")

    response = alice.post("/orders", json=order(account, "buy", "90", "1", **TRANSFERS))

    assert response.status_code == 400
    assert response.json()["error"]["details"]["reason"] == "self_trade_mode"


@pytest.mark.usefixtures("allowed")
def test_two_accounts_exchange_it_and_the_ledger_says_so(alice):
    buyer, seller = alice.new_account(EUR="1000"), alice.new_account(BTC="2")
    place(alice, seller, "sell", "90", "1", **TRANSFERS)

    taker = place(alice, buyer, "buy", "91", "1", **TRANSFERS)

    assert (taker["status"], taker["reason"], taker["prevented_quantity"]) == (
        *("Cancelled", "self_trade"),
        "1.00000",
    )
    assert taker["self_trade_prevention"] == "Transfer"
    for account, amounts in ((buyer, ["-90", "1"]), (seller, ["90", "-1"])):
        entries = alice.data("GET", f"/accounts/{account}/ledger")
        moved = [entry for entry in entries if entry["kind"] == "Prevented"]
        assert sorted(float(entry["amount"]) for entry in moved) == sorted(map(float, amounts))
    assert alice.balances(buyer)["EUR"][0].startswith("910.")
    assert alice.data("GET", f"/accounts/{buyer}/trades") == []
    modes = alice.data("GET", "/markets/BTC-EUR")["self_trade_preventions"]
    assert "Transfer" in modes
