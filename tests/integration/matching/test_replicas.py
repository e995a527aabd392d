"""What is told while no replica confirms: nothing that a failover could lose.

PostgreSQL waits for a replica by a name that nobody has. A standby worker ends the session of the
live one, whose commit waits; from then on its rows can be read, and only this server has them.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from websockets.sync.client import connect

from api.binance.rest.routes import Security
from api.binance.rest.table import ROUTES
from api.v1.urls import urlpatterns
from tests.commands import CommandLine
from tests.exchange import Exchange, free_port, wait_until
from tests.integration.binance.rest.conftest import Bot, new_key
from tests.integration.matching.replica import Copy
from tests.integration.matching.test_unavailable import Client
from zavora.foundation.lasting import SET_ASIDE_MAX
from zavora.runner.home import PROJECT_DIR

EDGE_WAIT_S = 3.0
LEASE_S = 1.5
# What the look-up after the wait may add, and a busy machine.
LATE_MAX_S = 2.0
# More than Django has threads.
DEPOSITS = 20
ENVIRONMENT = {
    "ZAVORA_LEASE_MS": str(int(LEASE_S * 1000)),
    "ZAVORA_EDGE_WAIT_MS": str(int(EDGE_WAIT_S * 1000)),
}

pytestmark = pytest.mark.timeout(180)


class Replicated:
    """An exchange with a standby worker whose PostgreSQL can be told to wait for nobody."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.client = Client(exchange)

    def wait_for(self, name: str) -> None:
        """Name the replica that every commit waits for from now on; "" for none."""
        with psycopg.connect(self.exchange.database_url, autocommit=True) as session:
            # Not its own commit: that would wait for the name that it takes away.
            session.execute("SET synchronous_commit = local")
            session.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
            session.execute("SELECT pg_reload_conf()")
            wait_until(
                lambda: session.execute("SHOW synchronous_standby_names").fetchone() == (name,),
                timeout_s=10,
                what="the setting",
            )

    @contextmanager
    def without_replica(self) -> Iterator[None]:
        """Let commits wait for nobody meanwhile, then be as before."""
        self.wait_for("nobody")
        try:
            yield
        finally:
            self.wait_for("")

    def place_and_lose_the_replica(
        self, key: str, name: str = "nobody"
    ) -> tuple[int, dict[str, Any], float]:
        """Place an order whose commit is the first that waits for the replica; return the answer.

        The worker stands still while the order is queued and the name is set.
        """
        worker = self.live_worker()
        answers: list[Any] = []

        def place() -> None:
            began = time.monotonic()
            status, body, _ = self.client.place(key)
            answers.append((status, body, time.monotonic() - began))

        thread = threading.Thread(target=place)
        self.exchange.send(worker, signal.SIGSTOP)
        thread.start()
        wait_until(
            lambda: self.client.queue.xlen("commands:{0}"), timeout_s=10, what="a queued order"
        )
        self.wait_for(name)
        self.exchange.send(worker, signal.SIGCONT)
        thread.join()
        answer: tuple[int, dict[str, Any], float] = answers[0]
        return answer

    def live_worker(self) -> str:
        """Return the name of the process that owns the shard."""
        return wait_until(self._owner, timeout_s=20, what="a live worker")

    def _owner(self) -> str | None:
        owner = self.client.rows(
            "SELECT lease_owner FROM matching_shard WHERE lease_expires_at > clock_timestamp()"
        )
        for name in ("worker-0", "worker-0-standby"):
            if owner and f"-{self.exchange.pid(name)}-" in owner[0][0]:
                return name
        return None

    def settled(self, key: str) -> None:
        """Place an order until it is answered: the worker is there and nothing waits any more."""

        def is_answered() -> bool:
            status, body, _ = self.client.place(key)
            assert status in (200, 503, 504), body
            return status == 200

        wait_until(is_answered, timeout_s=40, what=f"an answer to {key}")

    def count(self, table: str, condition: str, *, app: str = "matching") -> int:
        """Return how many rows of a table there are."""
        return int(self.client.rows(f"SELECT count(*) FROM {app}_{table} WHERE {condition}")[0][0])

    def count_waiting(self, condition: str) -> int:
        """Return how many sessions wait for a replica."""
        statement = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND "
        return int(self.client.rows(statement + condition)[0][0])

    def sessions(self, application: str) -> int:
        """Return how many sessions of that name there are."""
        statement = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
        return int(self.client.rows(statement, application)[0][0])

    def logs(self) -> str:
        """Return what both workers said."""
        return self.exchange.log("worker-0") + self.exchange.log("worker-0-standby")

    def end_waits_until(self, key: str) -> Callable[[], bool]:
        """Return what ends the sessions that wait for a replica until the key's row can be read."""
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

        def is_there() -> bool:
            return self.has_key(key) or (bool(self.client.rows(end)) and self.has_key(key))

        return is_there

    def has_key(self, key: str) -> bool:
        """Tell whether the key's row can be read, as a plain look-up would."""
        return bool(self.client.rows("SELECT 1 FROM matching_orderkey WHERE key = %s", key))


@pytest.fixture(scope="module")
def replicated() -> Iterator[Replicated]:
    with Exchange(demo=True, extra_env=ENVIRONMENT) as exchange:
        exchange.start_standby()
        made = Replicated(exchange)
        yield made
        made.client.queue.close()


@pytest.fixture
def calm(replicated: Replicated) -> Iterator[Replicated]:
    """The exchange with a live worker and a standby; as before after the test."""
    for name in ("worker-0", "worker-0-standby"):
        if not replicated.exchange.is_running(name):
            replicated.exchange.restart(name)
    replicated.settled("calm")
    yield replicated
    replicated.wait_for("")


def test_an_order_that_only_this_server_has_is_not_answered(calm: Replicated) -> None:
    client = calm.client
    status, body, seconds = calm.place_and_lose_the_replica("doubtful")
    # The control: the row stands there, and a plain look-up answers with it.
    assert calm.has_key("doubtful")
    assert (status, body["error"]["code"]) == (504, "outcome_unknown"), body
    assert seconds < EDGE_WAIT_S + LATE_MAX_S

    # Whoever asks again is not told either, in time, and no wait is kept for those who gave up.
    for path in (f"/accounts/{client.account}/orders?client_order_id=doubtful",) * 3:
        began = time.monotonic()
        status, body, _ = client.ask("GET", path)
        assert (status, body["error"]["code"]) == (504, "outcome_unknown"), body
        assert time.monotonic() - began < LATE_MAX_S
    assert calm.sessions("zavora-lasting") == 1

    calm.wait_for("")
    calm.settled("doubtful")
    assert calm.count("order", "client_order_id = 'doubtful'") == 1
    _, body, _ = client.ask("GET", f"/accounts/{client.account}/orders?client_order_id=doubtful")
    (order,) = body["data"]
    assert client.ask("GET", f"/orders/{order['id']}")[1]["data"]["status"] == "New"
    assert "everything adds up" in client.exchange.manage("reconcile")


def test_a_commit_whose_wait_is_cancelled_is_not_answered(calm: Replicated) -> None:
    """PostgreSQL reports success and a warning to whoever waited."""

    def cancel() -> None:
        with psycopg.connect(calm.exchange.database_url, autocommit=True) as session:
            wait_until(
                lambda: session.execute(
                    "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = 'COMMIT'"
                    " AND wait_event = 'SyncRep' AND application_name LIKE 'zavora-worker-%'"
                ).fetchone(),
                timeout_s=10,
                what="a commit that waits",
            )

    canceller = threading.Thread(target=cancel)
    canceller.start()
    status, body, _ = calm.place_and_lose_the_replica("cancelled")
    canceller.join()
    assert calm.has_key("cancelled")  # committed here, and the worker was told so
    assert (status, body["error"]["code"]) == (504, "outcome_unknown"), body
    assert "commit_in_doubt" in calm.logs()

    calm.wait_for("")
    calm.settled("cancelled")
    assert calm.count("order", "client_order_id = 'cancelled'") == 1


def test_money_is_not_confirmed_either_and_its_waits_are_few(calm: Replicated) -> None:
    client = calm.client
    accounts = [
        client.ask("POST", "/accounts", {"label": str(number)})[1]["data"]["id"]
        for number in range(DEPOSITS)
    ]

    def deposit(account: str) -> tuple[int, float]:
        began = time.monotonic()
        body = {"asset": "EUR", "amount": "7"}
        status = client.ask("POST", f"/accounts/{account}/deposit", body, key="once")[0]
        return status, time.monotonic() - began

    with calm.without_replica(), ThreadPoolExecutor(DEPOSITS) as threads:
        answers = list(threads.map(deposit, accounts))
        # Django's threads are few: some of these wait for the others first.
        assert {status for status, _ in answers} <= {503, 504}
        assert max(seconds for _, seconds in answers) < 3 * EDGE_WAIT_S + LATE_MAX_S
        assert calm.count_waiting("query = 'COMMIT' AND application_name = ''") <= SET_ASIDE_MAX + 8
        began = time.monotonic()
        assert client.ask("GET", f"/accounts/{accounts[0]}/balances")[0] == 504
        assert time.monotonic() - began < LATE_MAX_S

    assert [deposit(account)[0] for account in accounts] == [200] * DEPOSITS
    assert calm.count("deposit", "amount = 7", app="accounts") == DEPOSITS
    assert "everything adds up" in client.exchange.manage("reconcile")


def test_a_server_without_a_replica_is_refused_where_one_is_required(calm: Replicated) -> None:
    exchange = calm.exchange
    required = {**exchange.env, "ZAVORA_REQUIRE_SYNC_REPLICA": "1"}
    commands = [("run_matching", "--shard", "0"), ("run_marketdata",), ("migrate", "--check")]
    line = CommandLine(required)
    for command in commands:
        done = line.run(command, timeout_s=60)
        assert done.returncode != 0, command
        assert "set synchronous_standby_names" in done.stdout + done.stderr, command
    line.close()
    refused = subprocess.run(
        [sys.executable, "-m", "uvicorn", "zavora.asgi:application", "--port", str(free_port())],
        env=required, cwd=PROJECT_DIR, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert refused.returncode != 0
    assert "set synchronous_standby_names" in refused.stdout + refused.stderr


LIST = "/api/v3/orderList"
# Answered from the process's own memory, or with nothing whoever asks.
WITHOUT_TABLES = {"/api/v3/rateLimit/order", "/sapi/v1/capital/config/getall"}


def test_no_read_of_ones_own_is_answered_before_the_replicas_have_it(calm: Replicated) -> None:
    """Every one that there is, by the tables that the product routes by, over each API."""
    client, exchange = calm.client, calm.exchange
    order = client.place("read")[1]["data"]["order"]["id"]
    views = [one for one in urlpatterns if "v1/accounts" in str(one.pattern)]
    paths = [str(one.pattern) for one in views if hasattr(one.callback.cls, "get")]  # type: ignore[attr-defined]
    asked = [path.removeprefix("v1").replace("<str:account>", client.account) for path in paths]
    asked = [
        f"/orders/{order}",
        f"/orders/{order}/amendments",
        f"/orders/{order}/proof",
        *(path for path in asked if "<" not in path),
    ]
    signed = [
        path
        for (method, path), route in ROUTES.items()
        if method == "GET" and route.security is Security.USER_DATA and path not in WITHOUT_TABLES
    ]
    assert len(asked) >= 8
    assert len(signed) >= 6
    token = exchange.create_token("unavailable@example.com")
    with Bot(exchange, new_key(exchange, "--email", "replicas@example.com", "--fund")) as bot:
        named = {"symbol": "BTCEUR", "orderId": bot.limit("BUY", "10", "0.1")["orderId"]}
        pair = {"symbol": "BTCEUR", "side": "SELL", "quantity": "0.1"}
        pair |= {"aboveType": "LIMIT_MAKER", "abovePrice": "900000"}
        pair |= {"belowType": "STOP_LOSS", "belowStopPrice": "1"}
        listed = {"orderListId": bot.ok("POST", "/api/v3/orderList/oco", **pair)["orderListId"]}

        def ask(path: str) -> tuple[int, Any]:
            status, body, _ = client.ask("GET", path)
            return status, body.get("error", {}).get("code")

        def ask_signed(path: str) -> tuple[int, Any]:
            answer = bot.call("GET", path, **(listed if path == LIST else named))
            return answer.status_code, _code_of(answer.json())

        def answers() -> dict[str, tuple[int, Any]]:
            # Each waits for a while; a few at once, which leaves threads of Django's for others.
            with ThreadPoolExecutor(4) as threads:
                found = dict(zip(asked, threads.map(ask, asked), strict=True))
                found |= dict(zip(signed, threads.map(ask_signed, signed), strict=True))
            with connect(f"{exchange.ws_url}/ws", open_timeout=20) as socket:
                call = {"id": "1", "method": "authenticate", "params": {"token": token}}
                socket.send(json.dumps(call))
                body = json.loads(socket.recv(timeout=20))
                found["/ws authenticate"] = body.get("error", {}).get("code", 200), None
            return found

        assert set(answers().values()) == {(200, None)}  # the control
        with calm.without_replica():
            # That there is none to wait for is remembered for a second.
            wait_until(
                lambda: client.ask("GET", asked[0])[0] == 504, timeout_s=10, what="the barrier"
            )
            told = answers()
    # These write what they have counted, one after the other: whoever waits too long is refused.
    for path in [path for path in asked if "/portfolio" in path]:
        assert told.pop(path) in {(503, "engine_unavailable"), (504, "outcome_unknown")}
        asked.remove(path)
    expected: dict[str, tuple[int, Any]] = dict.fromkeys(asked, (504, "outcome_unknown"))
    expected |= dict.fromkeys(signed, (504, -1007))
    assert told == expected | {"/ws authenticate": (504, None)}


def _code_of(body: Any) -> int | None:
    """Return the code of an error of the compatible API; a list is none."""
    return body.get("code") if isinstance(body, dict) else None


# --- a real one -----------------------------------------------------------------------------------


def test_what_was_answered_outlives_the_primary(calm: Replicated) -> None:
    client = calm.client
    folder = Path(tempfile.mkdtemp(prefix="zr-"))  # a socket's path must be short
    copy = Copy(calm.exchange, folder)
    try:
        calm.wait_for(Copy.NAME)
        answered = [key for key in ("a1", "a2", "a3") if client.place(key)[0] == 200]
        assert len(answered) == 3
        receiver = copy.ask("SELECT pid FROM pg_stat_wal_receiver")
        os.kill(receiver, signal.SIGSTOP)  # the link to the replica breaks
        status, body, _ = calm.place_and_lose_the_replica("lost", name=Copy.NAME)
        assert (status, body["error"]["code"]) == (504, "outcome_unknown"), body
        # It can be read here, and only here, once the session that waits for the replica is ended:
        # by a standby that takes over, else by somebody with the right to.
        wait_until(calm.end_waits_until("lost"), timeout_s=10, what="the order here, and only here")

        calm.exchange.kill("postgres")
        os.kill(receiver, signal.SIGKILL)
        wait_until(
            lambda: copy.ask("SELECT pg_promote(wait => true)"), timeout_s=30, what="a failover"
        )
        found = "SELECT count(*) FROM matching_order WHERE client_order_id = %s"
        assert [copy.ask(found, key) for key in answered] == [1, 1, 1]
        assert copy.ask(found, "lost") == 0  # an answer would have been false
    finally:
        copy.end()
        shutil.rmtree(folder)
        calm.exchange.restart("postgres")
