"""The known demo state, to the last unit, through the public API, across kills of the worker."""

from tests.exchange import Exchange
from tests.integration.api.conftest import Client, order
from tests.integration.binance.rest.conftest import empty_book

__all__ = ["empty_book"]

FIRST = {
    "EUR": ("89500.00000000", "58500.00000000", "31000.00000000"),
    "BTC": ("10.50000000", "0.00000000", "10.50000000"),
}
SECOND = {
    "EUR": ("110500.00000000", "0.00000000", "110500.00000000"),
    "BTC": ("9.50000000", "2.50000000", "7.00000000"),
}
BOOK = {
    "market": "BTC/EUR",
    "bids": [["20000.00", "1"], ["19500.00", "1"], ["19000.00", "1"]],
    "asks": [["21000.00", "0.5"], ["21500.00", "1"], ["22000.00", "1"]],
}


def plain(levels):
    return [[price, quantity.rstrip("0").rstrip(".")] for price, quantity in levels]


def test_the_known_demo_state_survives_a_worker(exchange: Exchange, empty_book: None) -> None:
    with (
        Client(exchange, "first@example.com") as first,
        Client(exchange, "second@example.com") as second,
    ):
        one = first.new_account(EUR="100000", BTC="10")
        two = second.new_account(EUR="100000", BTC="10")
        for price in ("20000", "19500", "19000"):
            first.data("POST", "/orders", json=order(one, "buy", price, "1"))
        for price in ("21000", "21500"):
            second.data("POST", "/orders", json=order(two, "sell", price, "1"))

        exchange.kill("worker-0")
        exchange.restart("worker-0")

        last = order(two, "sell", "22000", "1")
        second.insist("POST", "/orders", key="last-offer", json=last)
        taking = order(one, "buy", "21000", "0.5")
        placed = first.insist("POST", "/orders", key="taking", json=taking)
        _check_state(first, second, one, two, placed)

        exchange.kill("worker-0")
        exchange.restart("worker-0")
        exchange.wait_until_healthy()
        _check_state(first, second, one, two, placed)
        for client, account in ((first, one), (second, two)):
            client.data("POST", "/orders/cancel-all", json={"account": account})
    exchange.manage("reconcile")


def _check_state(first, second, one, two, placed):
    assert placed["order"]["status"] == "Filled"
    assert placed["order"]["average_fill_price"] == "21000.00000000"
    [trade] = placed["trades"]
    assert (trade["price"], trade["amount"]) == ("21000.00", "10500.00000000")
    assert (trade["buyer_id"], trade["seller_id"]) == (one, None)

    assert first.balances(one) == FIRST
    assert second.balances(two) == SECOND

    book = first.data("GET", "/markets/BTC/EUR/order-book")
    assert plain(book["bids"]) == BOOK["bids"]
    assert plain(book["asks"]) == BOOK["asks"]
    ticker = first.data("GET", "/markets/BTC-EUR/ticker")
    assert (ticker["bid"], ticker["ask"], ticker["last"]) == ("20000.00", "21000.00", "21000.00")
    assert [name for name, value in ticker.items() if value is None] == ["auction"]

    [fill] = second.data("GET", f"/accounts/{two}/trades")
    assert (fill["side"], fill["liquidity"], fill["fee"]) == ("Sell", "Maker", "0.00000000")
    ledger = first.data("GET", f"/accounts/{one}/ledger")
    assert [(entry["asset"], entry["amount"]) for entry in ledger[:2]] in (
        [("BTC", "0.50000000"), ("EUR", "-10500.00000000")],
        [("EUR", "-10500.00000000"), ("BTC", "0.50000000")],
    )
