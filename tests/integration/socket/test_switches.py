"""``cancelAllAfter`` and ``cancelOnDisconnect`` over real processes: they outlive web processes."""

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

from api.v1.socket.switches import PUT_OFF_EVERY_S, SWITCH_MS
from tests.exchange import Exchange, wait_until
from tests.integration.socket.conftest import MARKET, Client, Trader
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import HOST, web

TIMEOUT_MS = 5_000
LATE_MAX_S = 1.0
OPEN = (
    "SELECT count(*) FROM matching_order o JOIN accounts_account a ON a.id = o.account_id"
    " WHERE a.public_id = %s AND o.status = 'new'"
)
SWITCHES = (
    "SELECT extract(epoch FROM s.due_at) FROM matching_switch s"
    " JOIN accounts_account a ON a.id = s.account_id WHERE a.public_id = %s"
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
    """Also what gathers in an auction. The control is somebody without a timer: theirs stay."""
    exchange = own_exchange
    armed, other = Trader(exchange), Trader(exchange)
    for trader in (armed, other):
        trader.place("buy 1 @ 12000")
    exchange.manage("halt_market", MARKET, "--phase", "auction", "--seconds", "600")
    for trader in (armed, other):
        trader.place("sell 1 @ 11999")
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


# --- the end of a connection, and of the process that it was to ----------------------------------


async def _guarded(exchange: Exchange, trader: Trader) -> Client:
    """Return a connection of the trader's that cancels everything when it ends."""
    client = Client(await connect(f"{exchange.ws_url}/ws"))
    await client.call("authenticate", token=trader.token)
    answer = await client.call("cancelOnDisconnect", enabled=True)
    assert answer["result"] == {"enabled": True}
    return client


def _switches(exchange: Exchange, trader: Trader) -> list[float]:
    """Return when the switches of the trader's account are due, in seconds since 1970."""
    with psycopg.connect(exchange.database_url) as connection:
        rows = connection.execute(SWITCHES, (trader.account,)).fetchall()
    return [float(due_s) for (due_s,) in rows]


async def test_what_was_to_be_cancelled_on_disconnect_is_without_any_web_process(
    own_exchange: Exchange,
) -> None:
    """The controls are somebody who turned it off again, and somebody who never asked."""
    exchange = own_exchange
    armed, off, other = Trader(exchange), Trader(exchange), Trader(exchange)
    for trader in (armed, off, other):
        trader.place("buy 1 @ 12000")
        trader.http.close()
    clients = [await _guarded(exchange, trader) for trader in (armed, off)]
    (first_due_s,) = _switches(exchange, armed)
    assert (await clients[1].call("cancelOnDisconnect", enabled=False))["result"] == {
        "enabled": False
    }
    assert _switches(exchange, off) == []
    # It is put off while the connection lives.
    await asyncio.to_thread(
        wait_until,
        lambda: _switches(exchange, armed)[0] > first_due_s,
        timeout_s=3 * PUT_OFF_EVERY_S,
        what="a later moment",
    )

    for name in [name for name in exchange.names() if name.startswith("web")]:
        exchange.kill(name)
    (due_s,) = _switches(exchange, armed)
    assert due_s - time.time() <= SWITCH_MS / 1_000
    assert _open_orders(exchange, armed) == 1
    await asyncio.to_thread(
        wait_until,
        lambda: _open_orders(exchange, armed) == 0,
        timeout_s=SWITCH_MS / 1_000 + LATE_MAX_S,
        what="the cancellation",
    )

    assert [_open_orders(exchange, trader) for trader in (off, other)] == [1, 1]
    with psycopg.connect(exchange.database_url) as connection:
        ((outcome, fired_s),) = connection.execute(DUE).fetchall()
    assert outcome == "applied"
    assert due_s <= float(fired_s) <= due_s + LATE_MAX_S
    assert _switches(exchange, armed) == []
    exchange.manage("verify_journal")
    exchange.manage("reconcile")
    for client in clients:
        await client.end()


async def test_a_connection_that_ends_leaves_no_switch_behind(
    exchange: Exchange, trader: Trader
) -> None:
    """It would cancel what is placed through the next one."""
    client = await _guarded(exchange, trader)
    assert len(_switches(exchange, trader)) == 1
    trader.place("buy 1 @ 12000")
    client.connection.transport.abort()
    await client.end()
    await asyncio.to_thread(
        wait_until,
        lambda: not _switches(exchange, trader),
        timeout_s=SWITCH_MS / 3_000,
        what="the end of the switch",
    )
    assert trader.open_orders() == []


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
