"""The timer of ``cancelAllAfter`` over real processes: it outlives whoever set it."""

import asyncio
import dataclasses
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from websockets.asyncio.client import connect

from tests.exchange import Exchange, wait_until
from tests.integration.socket.conftest import Client, Trader
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import HOST, web

TIMEOUT_MS = 5_000
LATE_MAX_S = 1.0
OPEN = (
    "SELECT count(*) FROM matching_order o JOIN accounts_account a ON a.id = o.account_id"
    " WHERE a.public_id = %s AND o.status = 'new'"
)
DUE = "SELECT outcome, extract(epoch FROM batch_at) FROM matching_command WHERE kind = 'due'"


@pytest.fixture
def own_exchange() -> Iterator[Exchange]:
    """An exchange with two web processes, for this test to kill."""
    with Exchange(demo=True) as running:
        port = free_port()
        spec = web(running.env, port=port, server="uvicorn")
        running.launch(dataclasses.replace(spec, name="web-second"))
        wait_until(lambda: _is_open(port), timeout_s=60, what="the second process")
        yield running


def _is_open(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def _open_orders(exchange: Exchange, trader: Trader) -> int:
    with psycopg.connect(exchange.database_url) as connection:
        row = connection.execute(OPEN, (trader.account,)).fetchone()
    assert row is not None
    return int(row[0])


async def _ask(exchange: Exchange, trader: Trader, timeout_ms: int) -> Any:
    """Set the timer over a socket of its own; return the whole answer."""
    client = Client(await connect(f"{exchange.ws_url}/ws"))
    await client.call("authenticate", token=trader.token)
    answer = await client.call("cancelAllAfter", timeout_ms=timeout_ms)
    await client.end()
    return answer


async def _arm(exchange: Exchange, trader: Trader, timeout_ms: int) -> float:
    """Set the timer; return when it is due, in seconds since 1970."""
    answer = (await _ask(exchange, trader, timeout_ms))["result"]
    moment = datetime.strptime(answer["cancel_at"], "%Y-%m-%dT%H:%M:%S.%fZ")  # noqa: DTZ007
    return moment.replace(tzinfo=UTC).timestamp()


async def test_a_timer_fires_without_any_web_process(own_exchange: Exchange) -> None:
    """The control is somebody without a timer, whose orders stay."""
    exchange = own_exchange
    armed, other = Trader(exchange), Trader(exchange)
    for trader in (armed, other):
        trader.place("buy 1 @ 12000")
        trader.place("buy 1 @ 12001")
        trader.http.close()
    due_s = await _arm(exchange, armed, TIMEOUT_MS)
    assert 0 < due_s - time.time() <= TIMEOUT_MS / 1_000
    for name in [name for name in exchange.names() if name.startswith("web")]:
        exchange.kill(name)
    assert time.time() < due_s, "killing took too long for this test to say anything"
    assert _open_orders(exchange, armed) == 2

    await asyncio.to_thread(
        wait_until,
        lambda: _open_orders(exchange, armed) == 0,
        timeout_s=due_s - time.time() + LATE_MAX_S,
        what="the cancellation",
    )

    assert time.time() >= due_s
    assert _open_orders(exchange, other) == 2
    with psycopg.connect(exchange.database_url) as connection:
        ((outcome, fired_s),) = connection.execute(DUE).fetchall()
    assert outcome == "applied"
    assert due_s <= float(fired_s) <= due_s + LATE_MAX_S
    exchange.manage("verify_journal")
    exchange.manage("reconcile")


async def test_a_timer_fires_after_its_worker_was_killed(exchange: Exchange) -> None:
    armed = Trader(exchange)
    armed.place("buy 1 @ 12000")
    await _arm(exchange, armed, 2_000)
    exchange.kill("worker-0")
    assert _open_orders(exchange, armed) == 1
    refused = await _ask(exchange, armed, 60_000)
    assert refused["error"]["code"] in (503, 504)

    exchange.restart("worker-0")

    await asyncio.to_thread(
        wait_until,
        lambda: _open_orders(exchange, armed) == 0,
        timeout_s=30,
        what="the cancellation",
    )
    await asyncio.to_thread(exchange.wait_until_healthy)
    armed.http.close()
