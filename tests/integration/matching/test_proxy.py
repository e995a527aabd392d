"""A connection cut during COMMIT, in both outcomes: nothing doubled, nothing lost.

A proxy stands between a real worker process and PostgreSQL. It reads what it passes on, and cuts
the connection either before a batch's COMMIT reaches the server (it did not commit) or after the
server has carried it out but before the worker hears so (it did).
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from psycopg.conninfo import conninfo_to_dict

from tests.exchange import HOST, Exchange
from tests.integration.matching.test_unavailable import Client
from zavora.runner.exchange import matching_worker, web

Cut = Literal["before", "after"]
CHUNK = 65_536


class CuttingProxy:
    """Passes bytes on between a worker and PostgreSQL; on demand it cuts the next COMMIT."""

    def __init__(self, target: dict[str, Any]) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._server: asyncio.Server | None = None
        self._armed: Cut | None = None
        self.cuts: list[Cut] = []
        self.port = 0

    def __enter__(self) -> "CuttingProxy":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def cut_next_commit(self, outcome: Cut) -> None:
        """Cut the connection at the next COMMIT: before the server sees it, or after it did it."""
        self._armed = outcome

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _to_postgresql(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self._target["host"], self._target.get("port", "5432")
        if host.startswith("/"):
            return await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        return await asyncio.open_connection(host, int(port))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await self._to_postgresql()
        is_muted = asyncio.Event()  # the server's answers no longer reach the worker
        answering = asyncio.create_task(_answer(server_reader, writer, is_muted))
        try:
            while data := await reader.read(CHUNK):
                if self._armed is not None and b"COMMIT\0" in data:
                    outcome, self._armed = self._armed, None
                    if outcome == "after":
                        is_muted.set()
                        server_writer.write(data)
                        await server_writer.drain()
                        await answering  # ends with the server's answer
                    self.cuts.append(outcome)
                    return
                server_writer.write(data)
                await server_writer.drain()
        except OSError:
            pass
        finally:
            answering.cancel()
            for each in (writer, server_writer):
                with contextlib.suppress(OSError, RuntimeError):
                    each.transport.abort()


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_muted: asyncio.Event
) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(CHUNK):
            if is_muted.is_set():
                assert b"COMMIT\0" in data, data  # the command's completion
                return
            writer.write(data)
            await writer.drain()


class Proxied:
    """An exchange whose worker reaches PostgreSQL through the proxy only."""

    def __init__(self, exchange: Exchange, proxy: CuttingProxy) -> None:
        self.client = Client(exchange)
        self.proxy = proxy


@pytest.fixture(scope="module")
def proxied() -> Iterator[Proxied]:
    with Exchange(demo=True, processes=("marketdata",)) as exchange:
        yield from _with_proxy(exchange)


def _with_proxy(exchange: Exchange) -> Iterator[Proxied]:
    target = conninfo_to_dict(exchange.database_url)
    with CuttingProxy(target) as proxy:
        url = _through(proxy.port, target)
        exchange.launch(matching_worker({**exchange.env, "DATABASE_URL": url}, shard=0))
        exchange.launch(web(exchange.env, port=exchange.port, server="uvicorn"))
        exchange.wait_until_healthy()
        client = Proxied(exchange, proxy)
        yield client
        exchange.kill("worker-0")
        client.client.queue.close()


def _through(port: int, target: dict[str, Any]) -> str:
    """Return the database's URL with the proxy's address."""
    return f"postgresql://{target['user']}:{target['password']}@{HOST}:{port}/{target['dbname']}"


@pytest.mark.parametrize("outcome", ["before", "after"])
def test_a_connection_cut_during_commit_doubles_and_loses_nothing(
    proxied: Proxied, outcome: Cut
) -> None:
    client, proxy = proxied.client, proxied.proxy
    for number in range(4):
        key = f"{outcome}-{number}"
        before, sequence = client.orders(), client.journal_sequence()
        proxy.cut_next_commit(outcome)
        cuts = len(proxy.cuts)

        status, body, _ = client.place(key)

        assert proxy.cuts[cuts:] == [outcome]
        assert status == 200, body
        order_id = body["data"]["order"]["id"]
        assert client.orders() == before + 1
        assert client.outcomes("place", since=sequence) == ["applied"]
        status, body, _ = client.place(key)
        assert (status, body["data"]["order"]["id"]) == (200, order_id)
        assert client.outcomes("place", since=sequence) == ["applied", "duplicate"]
        proxy.cut_next_commit(outcome)
        status, body, _ = client.ask("DELETE", f"/orders/{order_id}")
        assert (status, body["data"]["status"]) == (200, "Cancelled")
        assert client.outcomes("cancel", since=sequence) == ["applied"]
    log = client.exchange.log("worker-0")
    assert log.count("commit_in_doubt") == len(proxy.cuts)
    assert log.count("lease_taken") == 1  # the same worker lives through all of it


def test_trades_settle_once_across_cut_commits(proxied: Proxied) -> None:
    client, proxy = proxied.client, proxied.proxy
    client.ask("POST", f"/accounts/{client.account}/deposit", {"asset": "BTC", "amount": "5"})
    other = Client(client.exchange, "other")  # who comes with 1000 EUR
    for outcome in ("after", "before", "after"):
        sell = {
            "user_id": client.account,
            "market": "BTC/EUR",
            "side": "sell",
            "order_type": "limit",
            "price": "20",
            "quantity": "1",
        }
        assert client.ask("POST", "/orders", sell)[0] == 200
        proxy.cut_next_commit(outcome)  # type: ignore[arg-type]
        status, body, _ = other.ask(
            "POST", "/orders", sell | {"user_id": other.account, "side": "buy"}
        )
        assert (status, len(body["data"]["trades"])) == (200, 1)
    assert client.rows("SELECT count(*), sum(quantity) FROM matching_trade") == [(3, 3)]
    _, balances, _ = other.ask("GET", f"/accounts/{other.account}/balances")
    totals = {balance["asset"]: float(balance["total"]) for balance in balances["data"]}
    assert totals == {"EUR": 940, "BTC": 3}
    assert "everything adds up" in client.exchange.manage("reconcile")
    client.exchange.manage("verify_journal")
    other.queue.close()
