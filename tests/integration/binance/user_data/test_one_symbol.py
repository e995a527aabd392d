"""Two markets whose names run together: one rule says which is offered, and all ask it."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import psycopg
import pytest

from tests.exchange import wait_until
from tests.integration.binance.user_data.conftest import Bot, Socket

Keep = Callable[[Socket], Socket]
OLDER, YOUNGER, SYMBOL = "TWO/NAMES", "TWONA/MES", "TWONAMES"
ASSETS = ("TWO", "NAMES", "TWONA", "MES", "TWON", "AMES")
# Both commands are made before either market is there: what a former version let through.
FORMER = f"""
import uuid
from decimal import Decimal
from accounts.models import Asset
from matching.gateway import client as gateway
from matching.markets.services import new_market_command
for code in {ASSETS!r}:
    Asset.objects.get_or_create(code=code, defaults={{"name": code, "scale": 8}})
rules = {{"tick_size": Decimal("0.01"), "lot_size": Decimal("0.01")}}
names = [name.split("/") for name in ({OLDER!r}, {YOUNGER!r})]
made = [new_market_command(base=base, quote=quote, **rules) for base, quote in names]
for command in made:
    gateway.submit_sync(command, shard_id=0, request_id=str(uuid.uuid4()))
"""


@pytest.fixture(scope="module")
def token(bots: list[Bot]) -> str:
    """Two markets of one symbol, money for both, and a token of Alice's for v1."""
    exchange, account = bots[0].exchange, bots[0].account
    exchange.manage("shell", "-c", FORMER)
    for asset in ("NAMES", "MES"):
        money = ("--asset", asset, "--amount", "1000", "--key", f"one-symbol-{asset}")
        exchange.manage("deposit", "--account", account, *money)
    url = f"{exchange.base_url}/api/v3/exchangeInfo?symbol={SYMBOL}"
    wait_until(lambda: httpx.get(url).status_code == 200, timeout_s=10, what="the market")
    return exchange.create_token("stream-0@example.com")


async def v1_order(bot: Bot, token: str, market: str) -> Any:
    body = {"user_id": bot.account, "market": market, "side": "Buy", "order_type": "Limit"}
    async with httpx.AsyncClient(base_url=f"{bot.exchange.base_url}/api/v1") as client:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await client.post(
            "/orders", json={**body, "price": "1", "quantity": "5"}, headers=headers
        )
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["order"]["id"]


async def test_only_the_older_one_is_told(alice: Bot, token: str, sockets: Keep) -> None:
    by_key, signed = sockets(await alice.follow()), sockets(await alice.subscribe())
    untold = await v1_order(alice, token, YOUNGER)
    told = await v1_order(alice, token, OLDER)
    for socket in (by_key, signed):
        # The second order's events come after the first one's.
        await socket.until(lambda s=socket: s.of("executionReport"))
        (report,) = socket.of("executionReport")
        assert (report["s"], str(report["i"])) == (SYMBOL, told)
        # Money is the account's, wherever it is locked.
        positions = socket.of("outboundAccountPosition")
        assert {entry["a"] for event in positions for entry in event["B"]} == {"NAMES", "MES"}
    shown = await alice.get("openOrders")
    assert [str(order["orderId"]) for order in shown if order["symbol"] == SYMBOL] == [told]
    assert [str(one["orderId"]) for one in await alice.get("allOrders", symbol=SYMBOL)] == [told]
    answer = await alice.rest("GET", "order", symbol=SYMBOL, orderId=untold)
    assert answer.json()["code"] == -2013
    await alice.rest("DELETE", "openOrders", symbol=SYMBOL)


async def test_every_way_in_finds_the_older_one(alice: Bot, token: str, sockets: Keep) -> None:
    await v1_order(alice, token, OLDER)
    async with httpx.AsyncClient(base_url=alice.exchange.base_url) as client:
        info = (await client.get("/api/v3/exchangeInfo")).json()["symbols"]
        (one,) = [shape for shape in info if shape["symbol"] == SYMBOL]
        assert (one["baseAsset"], one["quoteAsset"]) == ("TWO", "NAMES")
        depth = (await client.get(f"/api/v3/depth?symbol={SYMBOL}")).json()
        prices = [row["symbol"] for row in (await client.get("/api/v3/ticker/price")).json()]
    assert [level[0] for level in depth["bids"]] == ["1.00000000"]
    assert prices.count(SYMBOL) == 1
    api = sockets(await Socket.open(f"{alice.exchange.ws_url}/ws-api/v3"))
    over_socket = (await api.call("depth", {"symbol": SYMBOL}))["result"]
    assert over_socket["bids"] == depth["bids"]
    stream = sockets(await Socket.open(f"{alice.exchange.ws_url}/ws/{SYMBOL.lower()}@depth5"))
    await stream.until(lambda: stream.messages)
    assert stream.messages[0]["bids"] == depth["bids"]
    await alice.rest("DELETE", "openOrders", symbol=SYMBOL)


async def test_a_new_one_of_the_kind_is_refused_by_name(
    alice: Bot, token: str, tables: psycopg.Connection[Any]
) -> None:
    count = "SELECT count(*) FROM matching_market"
    before = tables.execute(count).fetchone()
    rules = ("--tick-size", "0.01", "--lot-size", "0.01")
    done = await asyncio.to_thread(alice.exchange.try_manage, "create_market", "TWON/AMES", *rules)
    assert done.returncode != 0
    assert f"market TWON/AMES would be called {SYMBOL}" in done.stderr
    assert OLDER in done.stderr
    assert tables.execute(count).fetchone() == before
