"""Whatever has a task, a connection or a thread in a web process belongs to it and ends with it."""

import asyncio
import re
import threading
from typing import Any

import pytest
from django.db import connections

from api.access.replays import Mark
from api.binance import limits
from api.binance.streams.hub import Hub
from api.binance.streams.names import parse_name
from api.binance.user_data import listen_keys
from api.binance.user_data.user_streams import ListenKeyWatch
from api.process import WebProcess, web_process
from api.v1.socket.switches import Switches
from matching.commands.place import PlaceOrder
from tests.exchange import wait_until
from tests.integration.matching.worker_setup import make_market, place, queue_client
from zavora.foundation.errors import EngineUnavailable, Unauthorized
from zavora.runner.home import PROJECT_DIR

pytestmark = pytest.mark.django_db(transaction=True)

PACKAGES = ("api", "marketdata/feed", "matching/gateway")
MAKES = re.compile(
    r"create_task\(|ensure_future\(|connect_async\(|bare_connection\(|ThreadPoolExecutor\("
)
# Where tasks, connections and threads are made, and whose they are.
MAKERS = {
    "api/access/key_uses.py": "KeyUses",
    "api/access/lease_keeper.py": "LeaseKeeper",
    "api/access/replays.py": "ReplayGuard",
    "api/binance/user_data/listen_keys.py": "ListenKeyStore",
    "api/binance/user_data/user_streams.py": "ListenKeyWatch",
    "api/access/cache.py": "awaited by those who ask",
    "api/access/watch.py": "a connection, or a stream of one",
    "api/transport/life_signs.py": "LifeSigns",
    "api/transport/django_threads.py": "threads for whole requests, of Django",
    "api/transport/loop_watch.py": "LoopWatch",
    "api/transport/threads.py": "threads for whole requests, shared by all loops",
    "api/transport/websocket.py": "a connection",
    "api/v1/rest/health.py": "awaited by the request",
    "api/v1/socket/switches.py": "Switches",
    "marketdata/feed/candles.py": "Feed",
    "marketdata/feed/feed.py": "Feed",
    "marketdata/feed/following.py": "Feed",
    "marketdata/feed/places.py": "Feed",
    "marketdata/feed/tables.py": "Feed",
    "matching/gateway/client.py": "Gateway",
    "matching/gateway/asking.py": "reads of a gateway, which ends them",
    "matching/gateway/look_ups.py": "threads for look-ups of one kind, shared by all gateways",
}


def _sources() -> dict[str, str]:
    return {
        str(path.relative_to(PROJECT_DIR)): path.read_text()
        for package in PACKAGES
        for path in (PROJECT_DIR / package).rglob("*.py")
    }


class Follower:
    def deliver(self, event: Any) -> None: ...

    def lose(self) -> None: ...


async def _use_everything(process: WebProcess, command: PlaceOrder) -> None:
    """Have every part of a process made, and its tasks and connections begun."""
    await process.feed.ensure_started()
    await asyncio.wait_for(process.subscription.connected(), 10)
    with pytest.raises(EngineUnavailable):
        await process.gateway.submit(command, request_id="r")
    with pytest.raises(Unauthorized):
        await process.replays.require_new(Mark.of(1, 0, b"old"), is_write=False)
    await limits.take_weight("198.51.100.31", 1)
    assert await listen_keys.find("x" * listen_keys.LENGTH) is None
    name = parse_name("btcusd@depth@100ms")
    assert name is not None
    process.part(Hub).follow(name, Follower())
    process.part(Switches).run(asyncio.sleep(60))
    process.part(ListenKeyWatch)


def _clients(queue: Any) -> set[str]:
    return {client["id"] for client in queue.client_list()}


def test_a_process_ends_with_everything_that_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.v1.socket.switches.CLOSE_WAIT_S", 0.01)
    queue = queue_client()
    market = make_market("BTC", "USD")
    command = place(1, market, "buy", "10.00", "1")
    before = _clients(queue)
    threads = set(threading.enumerate())

    async def run() -> set[asyncio.Task[Any]]:
        process = web_process()
        assert web_process() is process
        await _use_everything(process, command)
        own = asyncio.current_task()
        assert len(asyncio.all_tasks()) > 6
        assert len(_clients(queue) - before) >= 3
        await process.close()
        assert web_process() is not process
        await web_process().close()
        return {task for task in asyncio.all_tasks() if task is not own}

    try:
        assert asyncio.run(run()) == set()  # no task is left
        wait_until(lambda: _clients(queue) <= before, timeout_s=10, what="the end of connections")
        for thread in set(threading.enumerate()) - threads:
            if thread.name.startswith("feed-tables"):
                thread.join(5)
                assert not thread.is_alive()
    finally:
        queue.close()
        connections.close_all()


def test_tasks_and_connections_are_made_where_somebody_ends_them() -> None:
    makers = {name for name, text in _sources().items() if MAKES.search(text)}
    assert makers == set(MAKERS)


def test_nothing_else_is_kept_by_event_loop_or_replaced_from_outside() -> None:
    kept = {name for name, text in _sources().items() if "AbstractEventLoop," in text}
    assert kept == set()
    replaced = {name for name, text in _sources().items() if re.search(r"^ +global ", text, re.M)}
    assert replaced == {
        "api/process.py",
        "api/transport/threads.py",  # how many look-ups wait
        "api/v1/rest/health.py",  # the last answer, for half a second
    }
