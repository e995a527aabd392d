"""The plain exchange that our figures are held against does match, settle and keep books."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import psycopg
import pytest

from benchmarks.plain_exchange import PlainExchange
from benchmarks.venue import imagined_markets
from tests.exchange import Exchange
from zavora.runner.exchange import HOST

FUNDS = Decimal(10**9)


@pytest.fixture(scope="module")
def served() -> Iterator[PlainExchange]:
    """The plain exchange with two traders, served once for all tests."""
    with Exchange(processes=()) as servers:
        made = PlainExchange(servers, imagined_markets()[:1], owners=2, accounts=1)
        made.serve(workers=1, threads=2)
        yield made
        made.stop()


# What orders leave behind.
EMPTY = f"""
TRUNCATE baseline_ledgerentry, baseline_trade, baseline_order;
UPDATE baseline_balance SET available = {FUNDS}, locked = 0
"""
NO_FEES = "UPDATE baseline_market SET maker_fee = 0, taker_fee = 0"


@pytest.fixture
def plain(served: PlainExchange) -> Iterator[PlainExchange]:
    """The plain exchange without an order, and with the traders' first funds."""
    yield served
    execute(served, EMPTY)


@pytest.fixture
def without_fees(served: PlainExchange) -> Iterator[None]:
    (fees,) = rows(served, "SELECT maker_fee, taker_fee FROM baseline_market")
    execute(served, NO_FEES)
    yield
    execute(served, f"UPDATE baseline_market SET maker_fee = {fees[0]}, taker_fee = {fees[1]}")


def order(
    plain: PlainExchange, who: int, side: str, quantity: str, price: str, **fields: Any
) -> tuple[int, dict[str, Any]]:
    trader = plain.traders[who]
    body = {
        "user_id": trader.accounts[0],
        "market": "BTC/USD",
        "side": side,
        "order_type": "Limit",
        "price": price,
        "quantity": quantity,
        **fields,
    }
    answer = httpx.post(
        f"http://{HOST}:{plain.port}/api/v1/orders",
        json=body,
        headers={"Authorization": f"Bearer {trader.token}"},
    )
    return answer.status_code, answer.json()


def rows(plain: PlainExchange, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(plain.database_url) as connection:
        return connection.execute(statement).fetchall()


def execute(plain: PlainExchange, statements: str) -> None:
    with psycopg.connect(plain.database_url) as connection:
        connection.execute(statements)


def balances(plain: PlainExchange, who: int) -> dict[str, tuple[Decimal, Decimal]]:
    """Return by asset what an account has more than its first funds, and what is locked."""
    found = rows(
        plain,
        "SELECT asset, available, locked FROM baseline_balance b JOIN baseline_account a"
        f" ON a.id = b.account_id WHERE a.public_id = '{plain.traders[who].accounts[0]}'",
    )
    return {asset: (available + locked - FUNDS, locked) for asset, available, locked in found}


def test_the_known_demo_state(plain: PlainExchange, without_fees: None) -> None:
    for price in ("20000", "19500", "19000"):
        assert order(plain, 0, "Buy", "1", price)[0] == 200
    for price in ("21000", "21500", "22000"):
        assert order(plain, 1, "Sell", "1", price)[0] == 200
    status, answer = order(plain, 0, "Buy", "0.5", "21000")

    assert status == 200
    (trade,) = answer["data"]["trades"]
    assert (Decimal(trade["price"]), Decimal(trade["quantity"])) == (21000, Decimal("0.5"))
    assert balances(plain, 0) == {"USD": (-10500, 58500), "BTC": (Decimal("0.5"), 0)}
    assert balances(plain, 1) == {
        "USD": (10500, 0),
        "BTC": (Decimal("-0.5"), Decimal("2.5")),
    }


def test_best_price_first_then_oldest_and_the_rest_of_an_ioc_ends(plain: PlainExchange) -> None:
    order(plain, 1, "Sell", "1", "102")
    order(plain, 1, "Sell", "1", "100")
    order(plain, 1, "Sell", "1", "101")
    _, answer = order(plain, 0, "Buy", "4", "101", time_in_force="IOC")

    data = answer["data"]
    assert [Decimal(trade["price"]) for trade in data["trades"]] == [100, 101]
    assert data["order"]["status"] == "expired"
    assert balances(plain, 0)["USD"][1] == 0
    assert balances(plain, 1)["BTC"][1] == 1


def test_money_adds_up_with_fees(plain: PlainExchange) -> None:
    order(plain, 1, "Sell", "2", "100.01")
    order(plain, 0, "Buy", "0.3333", "100.01")
    order(plain, 0, "Buy", "5", "100.02")
    order(plain, 1, "Sell", "1", "100.00")

    assert rows(plain, "SELECT asset FROM baseline_ledgerentry GROUP BY asset, trade_id"
                " HAVING sum(amount) <> 0") == []  # fmt: skip
    assert len(rows(plain, "SELECT 1 FROM baseline_ledgerentry WHERE kind = 'fee'")) == 12
    moved = rows(
        plain,
        "SELECT b.available + b.locked - 1000000000 - coalesce(sum(e.amount), 0)"
        " FROM baseline_balance b LEFT JOIN baseline_ledgerentry e"
        " ON e.account_id = b.account_id AND e.asset = b.asset GROUP BY b.id",
    )
    assert [off for (off,) in moved] == [0] * 4


def test_own_orders_are_not_met_and_a_repeat_is_the_first(plain: PlainExchange) -> None:
    order(plain, 0, "Sell", "1", "100")
    _, answer = order(plain, 0, "Buy", "1", "100", client_order_id="once")
    _, again = order(plain, 0, "Buy", "1", "100", client_order_id="once")

    assert answer["data"]["order"]["status"] == "cancelled"
    assert again["data"]["order"]["id"] == answer["data"]["order"]["id"]
    assert balances(plain, 0) == {"USD": (0, 0), "BTC": (0, 1)}


def test_what_is_not_covered_or_not_theirs_is_refused(plain: PlainExchange) -> None:
    assert order(plain, 0, "Buy", "1", "1000000001")[0] == 400
    other = plain.traders[1].accounts[0]
    assert order(plain, 0, "Buy", "1", "100", user_id=other)[0] == 404
    assert rows(plain, "SELECT 1 FROM baseline_order") == []
