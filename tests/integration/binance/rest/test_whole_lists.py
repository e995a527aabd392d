"""Lists say all that there is, however much; and times mean the moment that was sent."""

import asyncio
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import psycopg
import pytest

from matching.orders.selectors import OPEN_PAGE
from tests.exchange import Exchange, wait_until
from tests.integration.binance.rest.conftest import OPEN_ORDERS, ORDER, SYMBOL, Bot, new_key

EMAIL = "hoarder@example.com"
# More than one look into the tables brings, and more than was ever shown: 10,000.
COUNT = 10_050
BATCH = 100
# Several markets, as one may have a limit of its own.
MARKETS = [f"HOARD/{quote}" for quote in ("EUR", "USD", "USDT")]
assert COUNT > 5 * OPEN_PAGE
SETUP = f"""
from django.core.management import call_command
from accounts.models import Asset
Asset.objects.get_or_create(code="HOARD", defaults={{"name": "Hoard", "scale": 8}})
for name in {MARKETS!r}:
    call_command("create_market", name, "--tick-size", "0.01", "--lot-size", "0.01", *LIMIT)
"""


@pytest.fixture
def hoarder(exchange: Exchange) -> Iterator[Bot]:
    """A bot with more open orders than any list ever showed."""
    asked = exchange.manage("create_market", "--help")
    limit = ("--max-open-orders", "10000") if "--max-open-orders" in asked else ()
    exchange.manage("shell", "-c", SETUP.replace("LIMIT", repr(limit)))
    exchange.wait_until_listed(*MARKETS)
    with Bot(exchange, new_key(exchange, "--email", EMAIL, "--fund")) as bot:
        bot.timeout = 60
        asyncio.run(place_many(exchange, bot))
        yield bot
        for market in MARKETS:
            bot.call("DELETE", OPEN_ORDERS, symbol=market.replace("/", ""))


async def place_many(exchange: Exchange, bot: Bot) -> None:
    headers = {"Authorization": f"Bearer {exchange.create_token(EMAIL)}"}
    body = {"user_id": bot.account, "side": "Buy", "order_type": "Limit", "price": "0.01"}
    async with httpx.AsyncClient(base_url=f"{exchange.base_url}/api/v1", timeout=60) as client:
        for number in range(-(-COUNT // BATCH)):
            count = min(BATCH, COUNT - number * BATCH)
            order = {**body, "market": MARKETS[number % len(MARKETS)], "quantity": "0.01"}
            placed = await client.post("/orders/batch", json=[order] * count, headers=headers)
            assert all("order" in item for item in placed.json()["data"]), placed.text[:300]


def test_open_orders_are_all_shown(hoarder: Bot, exchange: Exchange) -> None:
    with psycopg.connect(exchange.database_url) as connection:
        rows = connection.execute(
            "SELECT o.id FROM matching_order o JOIN accounts_account a ON a.id = o.account_id"
            " WHERE a.public_id = %s AND o.status = 'new' ORDER BY o.id",
            [hoarder.account],
        ).fetchall()
    assert len(rows) == COUNT
    shown = hoarder.ok("GET", OPEN_ORDERS)
    assert [order["orderId"] for order in shown] == [row[0] for row in rows]
    of_one = hoarder.ok("GET", OPEN_ORDERS, symbol="HOARDEUR")
    assert of_one == [order for order in shown if order["symbol"] == "HOARDEUR"]


# --- times ----------------------------------------------------------------------------------------


def test_times_are_taken_in_milliseconds_and_in_microseconds(ann: Bot, ben: Bot) -> None:
    ben.limit("SELL", "100", "2")
    ann.limit("BUY", "100", "1")
    order = ann.limit("BUY", "100", "1", newOrderRespType="FULL")
    named = {"symbol": SYMBOL}
    placed_ms = ann.ok("GET", ORDER, **named, orderId=order["orderId"])["time"]
    lists: dict[str, Any] = {
        "allOrders": ("orderId", order["orderId"]),
        "myTrades": ("orderId", order["orderId"]),
        "aggTrades": ("l", order["fills"][0]["tradeId"]),
    }
    for path, (name, wanted) in lists.items():

        def found(path: str = path, name: str = name, **times: int) -> list[int]:
            return [row[name] for row in ann.ok("GET", f"/api/v3/{path}", **named, **times)]

        # The last microsecond of a millisecond belongs to it, and no other does.
        assert wanted in found(startTime=placed_ms, endTime=placed_ms), path
        assert wanted not in found(startTime=placed_ms + 1), path
        assert wanted not in found(startTime=0, endTime=placed_ms - 1), path
        assert wanted in found(startTime=placed_ms * 1_000, endTime=placed_ms * 1_000 + 999), path
        assert wanted not in found(startTime=(placed_ms + 1) * 1_000), path
        assert wanted not in found(startTime=0, endTime=placed_ms * 1_000 - 1), path


def test_candles_begin_where_they_are_asked_to_the_millisecond(ann: Bot, ben: Bot) -> None:
    ben.limit("SELL", "100", "1")
    ann.limit("BUY", "100", "1")
    path = f"/api/v1/markets/{SYMBOL[:3]}-{SYMBOL[3:]}/candles"

    def opened(**times: str) -> list[str]:
        answer = ann.get(path, params={"interval": "1s", **times})
        assert answer.status_code == 200, answer.text
        return [candle["open_time"] for candle in answer.json()["data"]["candles"]]

    newest = wait_until(opened, timeout_s=20, what="a candle")[0]
    # Compared as times are: the newest candle's own.
    open_ms = int(datetime.fromisoformat(newest).timestamp()) * 1_000
    assert newest in opened(start=str(open_ms))
    assert newest not in opened(start=str(open_ms + 1))
    assert newest in opened(end=str(open_ms), start=str(open_ms))
    assert newest not in opened(end=str(open_ms - 1))
    for start, is_in in (
        *((open_ms, True), (open_ms + 1, False)),
        *((open_ms * 1_000, True), (open_ms * 1_000 + 1, False)),
    ):
        params = {"symbol": SYMBOL, "interval": "1s", "startTime": start, "limit": 5}
        rows = ann.get("/api/v3/klines", params=params).json()
        assert (open_ms in [row[0] for row in rows]) == is_in
