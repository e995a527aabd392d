"""The ``markets`` channel: rules and states of markets as they change, also of new ones."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.exchange import Exchange
from tests.integration.socket.conftest import MARKET, Client
from tests.own_markets import OwnMarket

NEW = OwnMarket.MARKETS_CHANNEL


@pytest.fixture(autouse=True)
def _trading(exchange: Exchange) -> Iterator[None]:
    yield
    exchange.manage("halt_market", MARKET, "--resume")


def _get(exchange: Exchange, path: str) -> Any:
    answer = httpx.get(f"{exchange.base_url}/api/v1/{path}")
    assert answer.status_code == 200
    return answer.json()["data"]


def _market(exchange: Exchange, symbol: str) -> Any:
    return _get(exchange, f"markets/{symbol}")


def _states(client: Client, symbol: str) -> list[str]:
    return [data["state"] for data in client.of("markets") if data["symbol"] == symbol]


async def test_a_subscription_begins_with_every_market_or_the_one(
    exchange: Exchange, client: Client
) -> None:
    answer = await client.call("subscribe", channel="markets")
    assert answer["result"] == {
        "subscriptionId": "markets:*",
        "channel": "markets",
        "market": None,
    }
    listed = _get(exchange, "markets")
    await client.until(lambda: len(client.of("markets")) == len(listed))
    assert client.of("markets") == listed
    answer = await client.call("subscribe", channel="markets", market=MARKET)
    assert answer["result"]["subscriptionId"] == f"markets:{MARKET}"
    await client.until(lambda: len(client.of("markets")) == len(listed) + 1)
    assert client.pushes[-1] == {
        "method": "markets",
        "params": {
            "market": MARKET,
            "data": _market(exchange, MARKET),
            "subscription_id": f"markets:{MARKET}",
        },
    }
    await client.call("unsubscribe", subscriptionId=f"markets:{MARKET}")


async def test_a_halt_and_a_resume_are_pushed_once_each_and_at_once(
    exchange: Exchange, client: Client
) -> None:
    await client.call("subscribe", channel="markets", market=MARKET)
    await client.until(lambda: _states(client, MARKET))
    seen_at: list[float] = []

    async def watch() -> None:
        await client.until(lambda: len(_states(client, MARKET)) == 2)
        seen_at.append(time.time())

    watching = asyncio.ensure_future(watch())
    script = (
        "import time; from matching.services import set_market_phase;"
        "from tests.actors import SYSTEM;"
        f"set_market_phase(by=SYSTEM, symbol='{MARKET}', phase='halted'); print(time.time())"
    )
    printed = await asyncio.to_thread(exchange.manage, "shell", "-c", script)
    await watching
    answered_at = float(printed.strip().splitlines()[-1])
    assert seen_at[0] - answered_at < 1
    assert _market(exchange, MARKET) == client.of("markets")[-1]
    await asyncio.to_thread(exchange.manage, "halt_market", MARKET, "--resume")
    await client.until(lambda: len(_states(client, MARKET)) == 3)
    assert len(set(_states(client, MARKET)[:2])) == 2
    assert _states(client, MARKET)[0] == _states(client, MARKET)[2]
    assert client.of("markets")[-1]["trading_enabled"] is True


async def test_a_new_market_is_pushed_to_who_follows_all(
    exchange: Exchange, client: Client
) -> None:
    await client.call("subscribe", channel="markets")
    steps = ("--tick-size", "0.00001", "--lot-size", "0.001")
    await asyncio.to_thread(exchange.create_market, NEW, *steps)
    await client.until(lambda: _states(client, NEW))
    assert _market(exchange, NEW) == client.of("markets")[-1]
