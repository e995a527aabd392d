"""Who reaches the metrics' listener can hold nothing for long; where it may listen."""

import contextlib
import socket
import time
from collections.abc import Iterator
from types import SimpleNamespace

import httpx
import pytest
from django.core.exceptions import ImproperlyConfigured

from tests.exchange import wait_until
from zavora.foundation import metrics, metrics_listener
from zavora.foundation.metrics_listener import CONNECTION_S, CONNECTIONS_MAX, HEAD_BYTES_MAX
from zavora.foundation.metrics_settings import metrics_settings
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import with_metrics
from zavora.runner.processes import ProcessSpec

HOST = "127.0.0.1"


def accepts(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A listener of the beat's, which tells least, with something of its own that always fails."""

    def fail() -> None:
        raise RuntimeError("what is told by this is missing")

    from django.test import override_settings

    number = free_port()
    with override_settings(ZAVORA_METRICS_BIND=(HOST, number)):
        metrics_listener.start(metrics.BEAT, [fail])
        wait_until(lambda: accepts(number), timeout_s=5, what="a listener")
        yield number


def connect(port: int) -> socket.socket:
    return socket.create_connection((HOST, port), timeout=CONNECTION_S + 5)


def test_it_tells_what_it_has_although_a_part_of_it_fails(port):
    answer = httpx.get(f"http://{HOST}:{port}/metrics?name[]=x")

    assert answer.status_code == 200
    assert "zavora_build_info{" in answer.text
    assert "_created" not in answer.text
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/", 404), ("POST", "/metrics", 405), ("HEAD", "/metrics", 405), ("GET", "/x", 404)],
)
def test_nothing_else_is_answered(port, method, path, status):
    assert httpx.request(method, f"http://{HOST}:{port}{path}").status_code == status


def test_a_head_without_an_end_and_one_that_is_too_long_are_cut(port):
    with connect(port) as slow, connect(port) as long:
        began = time.monotonic()
        with contextlib.suppress(OSError):
            long.sendall(b"GET /metrics HTTP/1.1\r\n" + b"x" * 2 * HEAD_BYTES_MAX)
        with contextlib.suppress(ConnectionResetError):
            assert long.recv(1) == b""
        assert time.monotonic() - began < CONNECTION_S
        slow.sendall(b"GET /metrics HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert slow.recv(1) == b""
        assert time.monotonic() - began < CONNECTION_S + 2


def test_idle_connections_are_few_and_give_way_in_time(port):
    with contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connect(port)) for _ in range(CONNECTIONS_MAX)]
        assert len(idle) == CONNECTIONS_MAX
        with connect(port) as refused, contextlib.suppress(ConnectionResetError):
            assert refused.recv(1) == b""

        def is_told() -> bool:
            with contextlib.suppress(httpx.TransportError):
                return httpx.get(f"http://{HOST}:{port}/metrics").status_code == 200
            return False

        wait_until(is_told, timeout_s=CONNECTION_S + 2, what="a listener with room again")


@pytest.mark.parametrize(
    ("text", "bind"),
    [
        ("", None),
        ("127.0.0.1:9101", ("127.0.0.1", 9101)),
        ("[::1]:9101", ("::1", 9101)),
        ("localhost:1", ("localhost", 1)),
    ],
)
def test_it_listens_where_it_is_told(text, bind):
    assert metrics_settings(_environment(text), debug=True) == {"ZAVORA_METRICS_BIND": bind}


@pytest.mark.parametrize(
    "text", ["9101", ":9101", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "a:b"]
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ImproperlyConfigured, match="expected an address and a port"):
        metrics_settings(_environment(text), debug=False)


@pytest.mark.parametrize("text", ["0.0.0.0:9101", "[::]:9101", "10.0.0.7:9101", "host:9101"])
def test_others_are_let_in_only_where_debug_is_off(text):
    with pytest.raises(ImproperlyConfigured, match="lets other machines in"):
        metrics_settings(_environment(text), debug=True)

    assert metrics_settings(_environment(text), debug=False)["ZAVORA_METRICS_BIND"]


def _environment(text):
    return SimpleNamespace(str=lambda name, default: text or default)


def test_an_exchange_gives_each_process_a_port_of_its_own():
    specs = [ProcessSpec(name, ("x",), env={"A": "1"}) for name in ("worker-0", "web")]

    binds = [spec.env["ZAVORA_METRICS_BIND"] for spec in with_metrics(specs, HOST, 9101)]

    assert binds == ["127.0.0.1:9101", "127.0.0.1:9102"]
    assert all("ZAVORA_METRICS_BIND" not in spec.env for spec in specs)


def test_markets_are_named_on_counters_and_gauges_only_and_accounts_and_keys_nowhere():
    for one in metrics.CATALOGUE.values():
        assert one.kind != "histogram" or "market" not in one.labels
        assert not {"account", "key", "user", "address", "path"} & set(one.labels)


def test_what_was_not_told_is_not_there():
    gauge = metrics.Told("a", "An example", ("shard",))
    assert [family.samples for family in gauge.collect()] == [[]]
    gauge.tell({("0",): 1, ("1",): 2})
    gauge.tell({("1",): 3})
    (family,) = gauge.collect()
    assert [(sample.labels, sample.value) for sample in family.samples] == [({"shard": "1"}, 3)]
