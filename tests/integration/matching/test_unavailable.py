"""What clients are told while the worker cannot answer: never that something was accepted.

Real processes. The heartbeat lasts long here, so that "within the heartbeat" is no race, and the
edge waits briefly.
"""

import http.client
import json
import signal
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import redis

from matching import wire
from tests.exchange import HOST, Exchange, wait_until

STREAM, HEARTBEAT = wire.stream_name(0), wire.heartbeat_name(0)
BACKLOG_MAX = 20
ENVIRONMENT = {
    "ZAVORA_LEASE_MS": "8000",
    "ZAVORA_EDGE_WAIT_MS": "1500",
    "ZAVORA_BACKLOG_MAX": str(BACKLOG_MAX),
}
JOURNAL = (
    "SELECT outcome FROM matching_command c WHERE kind = %s"
    " AND sequence > %s AND shard_id = 0 ORDER BY sequence"
)


class Client:
    """A funded account of an exchange of its own."""

    def __init__(self, exchange: Exchange, name: str = "unavailable") -> None:
        self.exchange = exchange
        self.queue: Any = redis.Redis.from_url(exchange.redis_url)
        self._token = exchange.create_token(f"{name}@example.com")
        self.account = self.ask("GET", "/accounts")[1]["data"][0]["id"]
        self.ask("POST", f"/accounts/{self.account}/deposit", {"asset": "EUR", "amount": "1000"})

    def ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, key: str | None = None
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Return status, body and headers of an answer; ``key`` is an idempotency key."""
        connection = http.client.HTTPConnection(HOST, self.exchange.port, timeout=30)
        try:
            headers = {
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
            } | ({"Idempotency-Key": key} if key else {})
            content = None if body is None else json.dumps(body)
            connection.request(method, f"/api/v1{path}", content, headers)
            response = connection.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            body = json.load(response) if "json" in headers["content-type"] else {}
            return response.status, body, headers
        finally:
            connection.close()

    def place(
        self, key: str | None = None, price: str = "10"
    ) -> tuple[int, dict[str, Any], dict[str, str]]:
        """Bid for a little at a price that nobody meets."""
        body = {
            "user_id": self.account,
            "market": "BTC/EUR",
            "side": "buy",
            "order_type": "limit",
            "price": price,
            "quantity": "0.1",
        }
        return self.ask("POST", "/orders", body | ({"client_order_id": key} if key else {}))

    def rows(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Return what a query of the tables says."""
        with psycopg.connect(self.exchange.database_url) as connection:
            return connection.execute(statement, arguments).fetchall()

    def orders(self) -> int:
        """Return how many orders the tables hold."""
        return int(self.rows("SELECT count(*) FROM matching_order")[0][0])

    def journal_sequence(self) -> int:
        """Return how many commands were ever settled."""
        return int(self.rows("SELECT journal_sequence FROM matching_shard WHERE id = 0")[0][0])

    def outcomes(self, kind: str, *, since: int) -> list[str]:
        """Return the outcomes of the commands of a kind after a journal sequence."""
        return [row[0] for row in self.rows(JOURNAL, kind, since)]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Exchange(demo=True, extra_env=ENVIRONMENT) as exchange:
        made = Client(exchange)
        yield made
        made.queue.close()


@pytest.fixture
def live(client: Client) -> Iterator[Client]:
    """The client, with a worker that has settled everything."""
    _be_live(client)
    yield client
    if client.exchange.is_running("worker-0"):
        client.exchange.send("worker-0", signal.SIGCONT)


def _be_live(client: Client) -> None:
    if not client.exchange.is_running("worker-0"):
        client.exchange.restart("worker-0")
    wait_until(
        lambda: client.queue.exists(HEARTBEAT) and not client.queue.xlen(STREAM),
        timeout_s=40,
        what="a live worker",
    )


def _all_at_once(calls: list[Any]) -> list[tuple[int, dict[str, Any], dict[str, str]]]:
    answers: list[Any] = [None] * len(calls)

    def run(index: int) -> None:
        answers[index] = calls[index]()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["asked to end", "killed"])
def test_without_a_worker_nothing_is_queued(live: Client, number: signal.Signals) -> None:
    live.exchange.kill("worker-0", number)
    wait_until(lambda: not live.queue.exists(HEARTBEAT), timeout_s=20, what="no heartbeat")
    before, queued = live.orders(), live.queue.xlen(STREAM)

    status, body, headers = live.place("never")
    assert (status, body["error"]["code"]) == (503, "engine_unavailable")
    assert int(headers["retry-after"]) >= 1
    status, body, _ = live.ask("POST", "/orders/1")  # a cancel of nobody's order
    assert status == 404
    assert live.queue.xlen(STREAM) == queued

    _be_live(live)
    assert live.orders() == before
    status, body, _ = live.place("never")  # nothing was bound to the key either
    assert status == 200
    live.ask("DELETE", f"/orders/{body['data']['order']['id']}")


def test_what_was_queued_and_not_answered_is_unknown_and_an_order_then_expires(
    live: Client,
) -> None:
    _, resting, _ = live.place("resting")
    resting_id = resting["data"]["order"]["id"]
    before, sequence = live.orders(), live.journal_sequence()
    live.exchange.send("worker-0", signal.SIGSTOP)

    answers = _all_at_once(
        [lambda key=key: live.place(key) for key in ("late", None)]
        + [lambda: live.ask("DELETE", f"/orders/{resting_id}")]
    )
    assert {(status, body["error"]["code"]) for status, body, _ in answers} == {
        (504, "outcome_unknown")
    }
    assert live.orders() == before

    live.exchange.send("worker-0", signal.SIGCONT)
    _be_live(live)
    wait_until(lambda: live.journal_sequence() == sequence + 3, timeout_s=20, what="three commands")
    assert live.outcomes("place", since=sequence) == ["expired", "expired"]
    assert live.outcomes("cancel", since=sequence) == ["applied"]
    assert live.orders() == before
    assert live.ask("GET", f"/orders/{resting_id}")[1]["data"]["status"] == "Cancelled"
    # An expired order binds no key: the repetition takes effect, once.
    first, again = live.place("late"), live.place("late")
    assert first[0] == again[0] == 200
    assert first[1]["data"] == again[1]["data"]
    assert live.orders() == before + 1
    live.ask("DELETE", f"/orders/{first[1]['data']['order']['id']}")


def test_an_answer_in_time_is_given_although_the_worker_paused(live: Client) -> None:
    live.exchange.send("worker-0", signal.SIGSTOP)
    timer = threading.Timer(0.4, live.exchange.send, ("worker-0", signal.SIGCONT))
    timer.start()
    status, body, _ = live.place("paused")
    timer.join()
    assert (status, body["data"]["order"]["status"]) == (200, "New")
    live.ask("DELETE", f"/orders/{body['data']['order']['id']}")


def test_a_full_backlog_refuses_orders_before_cancels(live: Client) -> None:
    _, resting, _ = live.place("to be cancelled")
    path = f"/orders/{resting['data']['order']['id']}"
    before, sequence = live.orders(), live.journal_sequence()
    live.exchange.send("worker-0", signal.SIGSTOP)
    room = BACKLOG_MAX - live.queue.xlen(STREAM)

    answers = _all_at_once([live.place] * (room + 10))
    codes = [(status, body["error"]["code"]) for status, body, _ in answers]
    assert codes.count((504, "outcome_unknown")) == room
    assert codes.count((503, "overloaded")) == 10
    refused = next(headers for status, _, headers in answers if status == 503)
    assert int(refused["retry-after"]) >= 1
    assert live.queue.xlen(STREAM) == BACKLOG_MAX

    cancels = _all_at_once([lambda: live.ask("DELETE", path)] * 5)
    codes = [(status, body["error"]["code"]) for status, body, _ in cancels]
    assert codes.count((504, "outcome_unknown")) == BACKLOG_MAX // 10
    assert codes.count((503, "overloaded")) == 5 - BACKLOG_MAX // 10

    live.exchange.send("worker-0", signal.SIGCONT)
    _be_live(live)
    assert live.outcomes("place", since=sequence) == ["expired"] * room
    assert live.outcomes("cancel", since=sequence).count("applied") == 1
    assert live.orders() == before
    assert live.ask("GET", path)[1]["data"]["status"] == "Cancelled"


def test_afterwards_everything_adds_up(live: Client) -> None:
    assert "everything adds up" in live.exchange.manage("reconcile")
    live.exchange.manage("verify_journal")
