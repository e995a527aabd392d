"""Clients of a running exchange, and a look at its tables."""

import itertools
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from matching.engine.orders import OPEN_STATUSES
from tests.exchange import Exchange, wait_until

TABLES = (
    "accounts_account",
    "accounts_deposit",
    "accounts_withdrawal",
    "accounts_transfer",
    "accounts_withdrawaladdress",
    "accounts_ledgertransaction",
    "accounts_ledgerentry",
    "matching_order",
    "matching_trade",
    "matching_orderkey",
)
_numbers = itertools.count(1)


class Client(httpx.Client):
    """A person with a token; answers are unwrapped by ``data``."""

    def __init__(self, exchange: Exchange, email: str, scopes: str = "read,trade,withdraw") -> None:
        self.token = exchange.create_token(email, scopes=scopes)
        super().__init__(
            base_url=f"{exchange.base_url}/api/v1",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
        )

    def data(self, method: str, path: str, **options: Any) -> Any:
        """Return the ``data`` of an answer that must be a success."""
        response = self.request(method, path, **options)
        assert response.status_code == 200, (response.status_code, response.text)
        return response.json()["data"]

    def insist(self, method: str, path: str, *, key: str, **options: Any) -> Any:
        """Repeat a request with a key, as a bot does, until it is answered; return ``data``."""
        headers = {"Idempotency-Key": key}

        def answered() -> httpx.Response | None:
            response = self.request(method, path, headers=headers, **options)
            return None if response.status_code in (503, 504) else response

        response = wait_until(answered, timeout_s=60, what=f"an answer to {method} {path}")
        assert response.status_code == 200, (response.status_code, response.text)
        return response.json()["data"]

    def new_account(self, **money: str) -> str:
        """Return the id of a fresh account that owns ``money`` (``EUR="100"``)."""
        account = self.data("POST", "/accounts", json={"label": f"test {next(_numbers)}"})["id"]
        for asset, amount in money.items():
            self.data(
                "POST", f"/accounts/{account}/deposit", json={"asset": asset, "amount": amount}
            )
        return str(account)

    def balances(self, account: str) -> dict[str, tuple[str, str, str]]:
        """Return (total, locked, available) by asset."""
        rows = self.data("GET", f"/accounts/{account}/balances")
        return {row["asset"]: (row["total"], row["locked"], row["available"]) for row in rows}


def order(account: str, side: str, price: str, quantity: str, **more: Any) -> dict[str, Any]:
    """Return the body of a limit order in BTC/EUR."""
    body = {"user_id": account, "market": "BTC/EUR", "side": side, "order_type": "Limit"}
    return {**body, "price": price, "quantity": quantity, **more}


def table_state(exchange: Exchange) -> dict[str, Any]:
    """Return the row counts of every table that a request might write, and all balances."""
    with psycopg.connect(exchange.database_url) as connection:
        counts: dict[str, Any] = {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            for table in TABLES
        }
        counts["balances"] = connection.execute(
            "SELECT account_id, asset_id, available, locked FROM accounts_balance ORDER BY 1, 2"
        ).fetchall()
    return counts


@pytest.fixture(scope="session")
def alice(exchange: Exchange) -> Iterator[Client]:
    """A person with every scope."""
    with Client(exchange, "alice@example.com") as client:
        yield client


@pytest.fixture(scope="session")
def bob(exchange: Exchange) -> Iterator[Client]:
    """Another person."""
    with Client(exchange, "bob@example.com") as client:
        yield client


@pytest.fixture
def clean_book(exchange: Exchange, alice: Client, bob: Client) -> Iterator[None]:
    """Leave BTC/EUR as it was found: whatever the two still have open is cancelled."""
    yield
    with psycopg.connect(exchange.database_url) as connection:
        busy = {
            str(account)
            for (account,) in connection.execute(
                "SELECT DISTINCT a.public_id FROM accounts_account a "
                "JOIN matching_order o ON o.account_id = a.id WHERE o.status = ANY(%s)",
                [list(OPEN_STATUSES)],
            )
        }
    for client in (alice, bob):
        for account in client.data("GET", "/accounts"):
            if account["id"] in busy:
                client.data("POST", "/orders/cancel-all", json={"account": account["id"]})
