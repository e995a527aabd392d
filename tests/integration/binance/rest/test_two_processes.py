"""A second web process of one exchange: limits held together, and one that loses patience."""

import dataclasses
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import psycopg
import pytest

from tests.exchange import Exchange, wait_until
from tests.integration.binance.rest.conftest import ORDER, SYMBOL, Bot, error_of, now_ms
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import HOST, web

NAME = "web-impatient"
TIMEOUT = (
    "Timeout waiting for response from backend server. Send status unknown; execution status"
    " unknown."
)


@pytest.fixture(scope="module")
def other_url(exchange: Exchange) -> Iterator[str]:
    """A web process that waits half a second for a commit."""
    port = free_port()
    env = {**exchange.env, "PORT": str(port), "ZAVORA_EDGE_WAIT_MS": "500"}
    exchange.launch(dataclasses.replace(web(env, port=port, server="uvicorn"), name=NAME))
    url = f"http://{HOST}:{port}"

    def answers() -> bool:
        try:
            return httpx.get(f"{url}/api/v3/exchangeInfo").status_code == 200
        except httpx.TransportError:
            return False

    wait_until(answers, timeout_s=30, what=NAME)
    yield url
    exchange.kill(NAME)


def test_an_order_without_an_answer_is_found_by_its_name(
    exchange: Exchange, ann: Bot, book: None, other_url: str
) -> None:
    pairs = {
        "symbol": SYMBOL,
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "1",
        "price": "42",
        "newClientOrderId": "in-doubt",
        "timestamp": now_ms(),
    }
    query = ann.signed(urlencode(pairs))
    with psycopg.connect(exchange.database_url) as connection:
        # The worker decides the order in time, and cannot write it down.
        connection.execute("LOCK TABLE matching_order IN SHARE MODE")
        response = httpx.post(f"{other_url}{ORDER}?{query}", headers=dict(ann.headers))
        assert (response.status_code, error_of(response)) == (504, (-1007, TIMEOUT))
        found = ann.call("GET", ORDER, symbol=SYMBOL, origClientOrderId="in-doubt")
        assert error_of(found)[0] == -2013

    def order() -> httpx.Response | None:
        found = ann.call("GET", ORDER, symbol=SYMBOL, origClientOrderId="in-doubt")
        return found if found.status_code == 200 else None

    found = wait_until(order, timeout_s=5, what="the order")
    assert found.json()["status"] == "NEW"
    assert len(ann.ok("GET", "/api/v3/openOrders", symbol=SYMBOL)) == 1


def used_weight(url: str) -> int:
    return int(httpx.get(f"{url}/api/v3/ping").headers["x-mbx-used-weight-1m"])


def orders_of_today(bot: Bot, url: str) -> int:
    query = bot.signed(urlencode({"timestamp": now_ms()}))
    answer = httpx.get(f"{url}/api/v3/rateLimit/order?{query}", headers=dict(bot.headers))
    day = answer.json()[-1]
    assert (day["interval"], day["intervalNum"]) == ("DAY", 1)
    return int(day["count"])


def test_weights_are_counted_in_all_processes_together(ann: Bot, other_url: str) -> None:
    def told() -> bool:
        """Use 400 up here; soon both processes tell the same, unless a new minute begins."""
        for _ in range(5):
            ann.ok("GET", "/api/v3/openOrders")
        minute, here_url = now_ms() // 60_000, str(ann.base_url).rstrip("/")

        def agree() -> bool:
            here, there = used_weight(here_url), used_weight(other_url)
            # What each counts of the other's is as of up to a second ago; here these calls alone.
            return min(here, there) >= 400 and abs(here - there) < 100

        wait_until(
            lambda: agree() or now_ms() // 60_000 != minute,
            timeout_s=5,
            what="the weight of the other process",
        )
        return now_ms() // 60_000 == minute

    wait_until(told, timeout_s=20, what="a minute that lasts")


def test_orders_are_counted_in_all_processes_together(ann: Bot, book: None, other_url: str) -> None:
    for _ in range(5):
        ann.limit("BUY", "43", "1")
    here = orders_of_today(ann, str(ann.base_url).rstrip("/"))
    assert here >= 5
    place = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "44"}
    query = ann.signed(urlencode({**place, "quantity": "1", "timestamp": now_ms()}))

    answer = httpx.post(f"{other_url}{ORDER}?{query}", headers=dict(ann.headers))

    assert answer.status_code == 200
    wait_until(
        lambda: orders_of_today(ann, other_url) >= here + 1, timeout_s=5, what="the other's orders"
    )
