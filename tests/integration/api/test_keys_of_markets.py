"""Keys whose orders are limited to markets: what they may change, in both APIs and on a socket."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from tests.exchange import Exchange
from tests.integration.binance.rest.conftest import OPEN_ORDERS, ORDER, Bot, error_of
from tests.integration.binance.rest.conftest import empty_book as empty_book
from tests.integration.socket.conftest import Client
from tests.signed import SigningKey, let_memory_be_old

EMAIL = "narrow@example.com"
ORDERS = "/api/v1/orders"
CANCEL_ALL = f"{ORDERS}/cancel-all"


class Signer:
    """A key by which both APIs are asked."""

    def __init__(self, exchange: Exchange, *options: str) -> None:
        line = exchange.manage("create_api_key", "--email", EMAIL, *options)
        made = json.loads(line.strip().splitlines()[-1])
        self.account = made["account"]
        self.bot = Bot(exchange, made)
        self.key = SigningKey(made["key"], made["secret"])

    def send(self, method: str, path: str, body: Any) -> httpx.Response:
        """Send a signed request of v1."""
        content = json.dumps(body).encode()
        kind = {"Content-Type": "application/json"}
        signed = self.key.headers(method, path, content)
        return self.bot.request(method, path, content=content, headers={**signed, **kind})

    def place(self, market: str) -> httpx.Response:
        """Place an order of v1 that rests."""
        price = {"BTC/EUR": "40000", "ETH/USD": "2000"}[market]
        order = {"side": "Buy", "order_type": "Limit", "price": price, "quantity": "0.01"}
        return self.send("POST", ORDERS, {"user_id": self.account, "market": market, **order})


@pytest.fixture(scope="module")
def signers(exchange: Exchange) -> Iterator[tuple[Signer, Signer]]:
    """A key of one market and one of all, of the same account."""
    let_memory_be_old(exchange.redis_url)
    narrow, wide = Signer(exchange, "--market", "BTC/EUR", "--fund"), Signer(exchange)
    with narrow.bot, wide.bot:
        yield narrow, wide


def id_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    placed: str = answer.json()["data"]["order"]["id"]
    return placed


def open_in(signer: Signer) -> list[str]:
    return sorted(order["symbol"] for order in signer.bot.ok("GET", OPEN_ORDERS))


def test_v1_changes_orders_in_its_markets_alone(
    signers: tuple[Signer, Signer], empty_book: None
) -> None:
    narrow, wide = signers
    here, there = id_of(narrow.place("BTC/EUR")), id_of(wide.place("ETH/USD"))
    amended = narrow.send("PATCH", f"{ORDERS}/{here}", {"price": "40001"})
    assert amended.status_code == 200, amended.text
    refused = (
        narrow.place("ETH/USD"),
        narrow.send("PATCH", f"{ORDERS}/{there}", {"price": "2001"}),
        narrow.send("DELETE", f"{ORDERS}/{there}", {}),
        narrow.send("POST", CANCEL_ALL, {"account": narrow.account, "market": "ETH/USD"}),
    )
    for answer in refused:
        assert answer.status_code == 403, answer.text
        assert answer.json()["error"]["details"] == {"market": "ETH/USD"}
    assert open_in(narrow) == ["BTCEUR", "ETHUSD"]  # what it reads is not limited
    everything = narrow.send("POST", CANCEL_ALL, {"account": narrow.account})
    assert [one["order"]["market"] for one in everything.json()["data"]] == ["BTC/EUR"]
    assert open_in(narrow) == ["ETHUSD"]
    wide.bot.tidy_up("ETHUSD")


def test_so_does_the_compatible_api(signers: tuple[Signer, Signer]) -> None:
    narrow, wide = signers
    narrow.bot.limit("BUY", "40000", "0.01")
    there = wide.bot.limit("BUY", "2000", "0.01", symbol="ETHUSD")
    order = {"symbol": "ETHUSD", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    order |= {"price": "2000", "quantity": "0.01"}
    replaced = {"cancelReplaceMode": "ALLOW_FAILURE", "cancelOrderId": there["orderId"]}
    named = {"symbol": "ETHUSD", "orderId": there["orderId"]}
    for method, path, params in (
        ("POST", ORDER, order),
        ("POST", f"{ORDER}/test", order),
        ("POST", f"{ORDER}/cancelReplace", order | replaced),
        ("DELETE", ORDER, named),
        ("DELETE", OPEN_ORDERS, {"symbol": "ETHUSD"}),
    ):
        answer = narrow.bot.call(method, path, **params)
        assert (answer.status_code, error_of(answer)[0]) == (401, -2015), (method, path)
    assert narrow.bot.ok("GET", ORDER, **named)["status"] == "NEW"
    narrow.bot.tidy_up()
    wide.bot.tidy_up("ETHUSD")


def test_on_a_socket_it_sets_no_switch_for_all_orders(
    exchange: Exchange, signers: tuple[Signer, Signer]
) -> None:
    narrow, _ = signers

    async def asked() -> list[str]:
        client = Client(await connect(f"{exchange.ws_url}/ws"))
        assert "result" in await client.call("authenticate", **narrow.key.params())
        answers = [
            await client.call("cancelAllAfter", timeout_ms=60_000),
            await client.call("cancelOnDisconnect", enabled=True),
        ]
        await client.end()
        return [answer["error"]["data"]["code"] for answer in answers]

    assert asyncio.run(asked()) == ["forbidden", "forbidden"]
