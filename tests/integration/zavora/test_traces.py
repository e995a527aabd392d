"""Traces of a real exchange, as a collector receives them."""

import contextlib
import json
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from websockets.sync.client import connect as connect_socket

from tests.collector import Collected, Collector, collecting
from tests.exchange import Exchange, wait_until
from tests.integration.api.conftest import Client, order
from tests.integration.binance.rest.conftest import Bot, now_ms
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import web

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


@pytest.fixture(scope="module")
def bot(exchange: Exchange) -> Iterator[Bot]:
    made = exchange.manage("create_api_key", "--email", "traced.bot@example.com", "--fund")
    with Bot(exchange, json.loads(made)) as client:
        yield client


def signed_order(bot: Bot) -> dict[str, str]:
    """Return a signed order for the Binance-compatible API's socket."""
    params = {
        "apiKey": bot.key,
        "symbol": "BTCEUR",
        "side": "SELL",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "price": "104.00",
        "quantity": "0.5",
        "timestamp": str(now_ms()),
    }
    text = "&".join(f"{name}={params[name]}" for name in sorted(params))
    return {**params, "signature": bot.signature(text.encode())}


def require_one_more(collector: Collector, root: str) -> None:
    """Check that the trace of the only request of that name is whole."""
    (found,) = wait_until(
        lambda: [span for span in list(collector.spans) if span.name == root],
        timeout_s=20,
        what=f"the span {root}; there are { ({span.name for span in collector.spans}) }",
    )
    require_order(collector.wait_for(found.trace_id, OF_AN_ORDER), root)
    assert UUID(str(found.attributes["zavora.request_id"])).hex == found.trace_id


def test_orders_by_the_compatible_api_and_by_sockets_are_traced_as_well(
    exchange, collector, trader, account, bot
):
    limit = {"type": "LIMIT", "timeInForce": "GTC", "price": "103.00", "quantity": "0.5"}
    bot.ok("POST", "/api/v3/order", symbol="BTCEUR", side="SELL", **limit)
    require_one_more(collector, "POST /api/v3/order")

    with connect_socket(f"{exchange.ws_url}/ws-api/v3") as socket:
        placing = {"id": 1, "method": "order.place", "params": signed_order(bot)}
        socket.send(json.dumps(placing))
        assert json.loads(socket.recv(timeout=10))["status"] == 200
    require_one_more(collector, "/ws-api/v3 order.place")

    with connect_socket(f"{exchange.ws_url}/ws") as socket:
        for number, (method, params) in enumerate(
            (
                ("authenticate", {"token": trader.token}),
                ("placeOrder", order(account, "sell", "105", "1")),
            )
        ):
            socket.send(json.dumps({"id": number, "method": method, "params": params}))
            assert "result" in json.loads(socket.recv(timeout=10))
    require_one_more(collector, "/ws placeOrder")


@contextlib.contextmanager
def web_with(exchange: Exchange, **settings: str) -> Iterator[None]:
    """Let the web process run with other settings; it has sent its spans at the end."""
    spec = web(exchange.env, port=exchange.port, server="uvicorn")
    exchange.kill("web", signal.SIGTERM)
    exchange.launch(replace(spec, env={**spec.env, **settings}))
    exchange.wait_until_healthy()
    try:
        yield
    finally:
        exchange.kill("web", signal.SIGTERM)
        exchange.launch(spec)
        exchange.wait_until_healthy()


def test_what_is_not_sampled_makes_no_span_whatever_a_client_asks_for(
    exchange, collector, trader, account
):
    """A stranger cannot have us trace: neither by their own trace nor by an id."""
    metrics = free_port()
    settings = {"ZAVORA_TRACE_RATIO": "1e-12", "ZAVORA_METRICS_BIND": f"127.0.0.1:{metrics}"}
    with web_with(exchange, **settings):
        before = set(collector.spans)
        sent = str(uuid4())
        asking = {
            "X-Request-ID": sent,
            "traceparent": f"00-{uuid4().hex}-00f067aa0ba902b7-01",
            "tracestate": "zavora=1",
        }
        placed = trader.post("/orders", json=order(account, "sell", "106", "1"), headers=asking)
        assert placed.status_code == 200
        told = httpx.get(f"http://127.0.0.1:{metrics}/metrics").text
        assert 'zavora_spans_total{result="made"}' not in told
        assert len(journaled(exchange, sent)) == 1
    assert not {span for span in set(collector.spans) - before if span.service == "zavora-worker"}
    told = exchange.log("worker-0")
    assert sent not in told


def test_a_collector_that_hangs_costs_spans_and_no_time(exchange, collector, trader, account):
    def place(count: int) -> list[float]:
        took = []
        for _ in range(count):
            began = time.perf_counter()
            answer = trader.post("/orders", json=order(account, "sell", "107", "0.1"))
            assert answer.status_code == 200
            took.append(time.perf_counter() - began)
        return took

    with_collector = median(place(20))
    collector.asked.clear()
    collector.hangs.set()
    place(1)
    assert collector.asked.wait(10)
    # Many attempts to send are under way by now, and none has ended.
    assert median(place(60)) < with_collector * 3 + 0.02
    began = time.perf_counter()
    exchange.kill("worker-0", signal.SIGTERM)
    assert time.perf_counter() - began < 5
    exchange.restart("worker-0")
    collector.hangs.clear()
    collector.released.set()
    exchange.wait_until_healthy()
    answer = trader.post("/orders", json=order(account, "sell", "107", "0.1"))
    trace_id = answer.headers["x-request-id"].replace("-", "")
    require_order(collector.wait_for(trace_id, OF_AN_ORDER), "POST /api/v1/orders")
    assert "agrees with the tables" in exchange.manage("verify_journal", "--shard", "0")
