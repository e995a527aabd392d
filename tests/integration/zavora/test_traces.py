"""Traces of a real exchange, as a collector receives them."""

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.collector import Collected, Collector, collecting
from tests.exchange import Exchange, wait_until
from tests.integration.api.conftest import Client, order

OF_AN_ORDER = {"submit", "queue wait", "batch", "commit", "feed"}
MILLISECOND_NS = 1_000_000


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as running:
        yield running


@pytest.fixture(scope="module")
def exchange(collector: Collector) -> Iterator[Exchange]:
    """An exchange that traces whatever it is asked."""
    settings = {
        "ZAVORA_TRACE_RATIO": "1",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "LOG_FORMAT": "json",
    }
    with Exchange(demo=True, extra_env=settings) as running:
        yield running


@pytest.fixture(scope="module")
def trader(exchange: Exchange) -> Iterator[Client]:
    with Client(exchange, f"{uuid4()}@example.com") as client:
        yield client


@pytest.fixture(scope="module")
def account(trader: Client) -> str:
    return trader.new_account(EUR="100000", BTC="100")


def lines(exchange: Exchange, process: str, event: str) -> list[dict[str, Any]]:
    """Return the lines of a process's log that say so."""
    found = []
    for line in exchange.log(process).splitlines():
        if line.startswith("{") and (read := json.loads(line))["event"] == event:
            found.append(read)
    return found


def journaled(exchange: Exchange, request_id: str) -> list[tuple[int, str]]:
    """Return sequence and outcome of what came by a request, from the journal."""
    with psycopg.connect(exchange.database_url) as connection:
        return connection.execute(
            "SELECT sequence, outcome FROM matching_command WHERE request_id = %s", [request_id]
        ).fetchall()


def require_order(found: dict[str, Collected], root: str) -> None:
    """Check that each span lies where and when it must."""
    submit, wait, batch = found["submit"], found["queue wait"], found["batch"]
    commit, feed = found["commit"], found["feed"]
    assert found[root].parent_id == ""
    assert submit.parent_id == found[root].span_id
    assert {wait.parent_id, batch.parent_id, feed.parent_id} == {submit.span_id}
    assert commit.parent_id == batch.span_id
    assert {found[root].service, submit.service, feed.service} == {"zavora-web"}
    assert {wait.service, batch.service, commit.service} == {"zavora-worker"}

    assert found[root].start_ns <= submit.start_ns <= submit.end_ns <= found[root].end_ns
    # The queue's clock tells whole milliseconds.
    assert submit.start_ns - MILLISECOND_NS <= wait.start_ns <= wait.end_ns == batch.start_ns
    assert batch.start_ns <= commit.start_ns < commit.end_ns <= batch.end_ns <= submit.end_ns
    # Told once it had committed, and shown before the answer.
    assert commit.end_ns <= feed.start_ns + MILLISECOND_NS
    assert feed.start_ns < feed.end_ns <= submit.end_ns


def test_one_order_is_one_trace_from_the_edge_to_the_feed(exchange, collector, trader, account):
    body = order(account, "sell", "101", "1")
    answer = trader.post("/orders", json=body)
    assert answer.status_code == 200, answer.text
    request_id = answer.headers["x-request-id"]
    trace_id = request_id.replace("-", "")

    root = "POST /api/v1/orders"
    found = collector.wait_for(trace_id, OF_AN_ORDER | {root})
    require_order(found, root)
    assert collector.paths == {"/v1/traces"}
    assert found[root].attributes["http.response.status_code"] == 200

    # In the logs of both processes ...
    (said,) = [line for line in lines(exchange, "web", "traced") if line["trace_id"] == trace_id]
    assert said["request_id"] == request_id
    told = [
        one
        for line in lines(exchange, "worker-0", "batch_traced")
        for one in line["requests"]
        if one["trace_id"] == trace_id
    ]
    # ... and in the journal.
    ((sequence, outcome),) = journaled(exchange, request_id)
    assert outcome == "applied"
    assert told == [{"request_id": request_id, "trace_id": trace_id, "journal_sequence": sequence}]
    assert found["batch"].attributes["zavora.journal_sequence"] == sequence

    # The batch has a span of its own, which the order's and this one lead to.
    (whole,) = [span for span in collector.spans if span.links == (found["submit"].span_id,)]
    assert (whole.name, whole.parent_id) == ("batch", "")
    assert found["batch"].links == (whole.span_id,)
    assert whole.attributes["zavora.commands"] == 1


def test_spans_name_nobody_and_no_money(collector, trader, account):
    answer = trader.post("/orders", json=order(account, "buy", "77.25", "0.125"))
    trace_id = answer.headers["x-request-id"].replace("-", "")
    collector.wait_for(trace_id, OF_AN_ORDER)

    said = repr(collector.spans)
    for secret in (account, trader.token, "77.25", "0.125", "example.com", "127.0.0.1"):
        assert secret not in said, secret


def test_a_clients_id_is_told_and_is_not_the_traces(exchange, collector, trader, account):
    sent = str(uuid4())
    foreign = uuid4().hex
    answer = trader.post(
        "/orders",
        json=order(account, "sell", "102", "1"),
        headers={"X-Request-ID": sent, "traceparent": f"00-{foreign}-00f067aa0ba902b7-01"},
    )
    assert answer.headers["x-request-id"] == sent

    def named() -> list[Collected]:
        return [s for s in list(collector.spans) if s.attributes.get("zavora.request_id") == sent]

    (root,) = wait_until(named, timeout_s=20, what="the request's span")
    require_order(collector.wait_for(root.trace_id, OF_AN_ORDER), root.name)
    assert root.trace_id not in (sent.replace("-", ""), foreign)
    assert not collector.of_trace(foreign)
    assert not collector.of_trace(sent.replace("-", ""))
    (said,) = [line for line in lines(exchange, "web", "traced") if line["request_id"] == sent]
    assert said["trace_id"] == root.trace_id
    assert len(journaled(exchange, sent)) == 1
