"""Several web processes behind one port, and several workers of a shard, as `make run` has them."""

import http.client
import json
import os
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.exchange import Exchange, wait_until
from tests.integration.zavora.test_run import Run
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import WEB_SERVERS, web
from zavora.runner.processes import is_alive

pytestmark = pytest.mark.timeout(240)

CONNECTIONS = 60
# What a connection may wait that meets a process that is just being started, on a busy machine.
ANSWER_S = 10.0
ROUNDS_AFTER = 30


def _connected(port: int) -> http.client.HTTPConnection:
    """Return a connection that has been answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
    connection.request("GET", "/health/live")
    assert connection.getresponse().read() == b'{"status":"alive"}'
    return connection


def _served_by(pids: dict[str, int], port: int) -> Counter[str]:
    """Return how many connections to the port each process has, its children's among them."""
    found: Counter[str] = Counter()
    for name, pid in pids.items():
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        for one in family:
            found[name] += sum(
                c.laddr.port == port and c.status == psutil.CONN_ESTABLISHED
                for c in one.net_connections("tcp")
            )
    return found


class Asking:
    """A client that asks over a new connection again and again; notes what was not answered."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answered = self.broken = 0
        self.refused: list[str] = []
        self.longest_s = 0.0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> "Asking":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join(ANSWER_S + 5)

    def _ask(self) -> None:
        while not self._is_over.is_set():
            began = time.monotonic()
            try:
                with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)) as one:
                    one.request("GET", "/api/v1/markets")
                    status = one.getresponse().status
            except ConnectionRefusedError as error:
                self.refused.append(str(error))
            except (OSError, http.client.HTTPException):
                self.broken += 1  # it had been handed to the process that was killed
            else:
                self.answered += status == 200
            self.longest_s = max(self.longest_s, time.monotonic() - began)


@contextmanager
def _two_webs(server: str) -> Iterator[Exchange]:
    extra = {"ZAVORA_WEB_REPLICAS": "2"}
    with Exchange(processes=("worker-0", "marketdata"), demo=True, extra_env=extra) as exchange:
        for name in ("web-1", "web-2"):
            exchange.launch(web(exchange.env, port=exchange.port, server=server, name=name))
        exchange.wait_until_healthy()
        yield exchange


@pytest.mark.parametrize("server", WEB_SERVERS)
def test_two_share_a_port_and_one_that_is_killed_leaves_no_gap(server: str) -> None:
    with _two_webs(server) as exchange:
        pids = {name: exchange.pid(name) for name in ("web-1", "web-2")}
        before = _served_by(pids, exchange.port)
        held = [_connected(exchange.port) for _ in range(CONNECTIONS)]
        spread = _served_by(pids, exchange.port) - before
        assert min(spread[name] for name in pids) >= CONNECTIONS // 6, spread

        with Asking(exchange.port) as client:
            wait_until(lambda: client.answered > 5, timeout_s=20, what="answers before")
            exchange.kill("web-1")
            answered = client.answered
            wait_until(
                lambda: client.answered > answered + ROUNDS_AFTER,
                timeout_s=20,
                what="answers after",
            )
            assert exchange.health() is not None
            wait_until(
                lambda: (exchange.health() or {}).get("web") == {"web-1": "down", "web-2": "up"},
                timeout_s=10,
                what="health that misses one",
            )
            assert (exchange.health() or {})["status"] == "degraded"
            exchange.restart("web-1")
            exchange.wait_until_healthy()
        assert client.refused == []
        assert client.broken <= 2, "a connection or two were the killed one's"
        survivors = 0
        for connection in held:
            try:
                connection.request("GET", "/health/live")
                connection.getresponse().read()
                survivors += 1
            except (OSError, http.client.HTTPException):
                pass
            finally:
                connection.close()
        # Keep-alive of the survivor may have ended some; those of the killed one are all gone.
        assert survivors <= spread["web-2"]


def _ask(port: int, method: str, path: str, body: Any = None, token: str = "") -> tuple[int, Any]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)) as one:
        headers = {"Content-Type": "application/json", "Idempotency-Key": uuid.uuid4().hex}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        one.request(method, f"/api/v1{path}", json.dumps(body) if body else None, headers)
        answer = one.getresponse()
        return answer.status, json.load(answer)


def test_make_run_starts_replicas_and_standbys_and_ends_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZAVORA_WEB_REPLICAS", "2")
    monkeypatch.setenv("ZAVORA_WORKERS_PER_SHARD", "2")
    monkeypatch.setenv("ZAVORA_OPEN_API", "1")
    run = Run(tmp_path / "home", free_port())
    try:
        run.wait_until_ready()
        children = run.children()
        expected = {"web-1", "web-2", "worker-0", "worker-0-2", "marketdata", "celery", "beat"}
        assert set(children) - {"prepare"} == expected | {"postgres", "valkey"}
        # A sign of life comes late, where a machine that starts all of this has much to do.
        both = {"web-1": "up", "web-2": "up"}
        wait_until(
            lambda: _ask(run.port, "GET", "/health")[1]["web"] == both, timeout_s=20, what="both"
        )
        with Asking(run.port) as client:
            wait_until(lambda: client.answered > 5, timeout_s=20, what="answers")
            for name in ("web-2", "worker-0"):
                os.kill(children[name].pid, signal.SIGKILL)
            wait_until(
                lambda: all(
                    run.children()[name] != children[name] for name in ("web-2", "worker-0")
                ),
                timeout_s=20,
                what="others in their place",
            )
            wait_until(
                lambda: _ask(run.port, "GET", "/health")[1]["status"] == "healthy",
                timeout_s=60,
                what="health",
            )
        assert client.refused == []
        assert client.broken <= 2
        children = run.children()
        assert set(children) >= expected
    finally:
        seconds = run.end(signal.SIGINT)
    assert seconds < 15
    assert run.process.returncode == 0
    assert not any(is_alive(one) for one in children.values())
    logs = {file.stem for file in run.home.logs.iterdir() if file.suffix == ".log"}
    assert "web-2" in logs  # what was said of its end, in a file of its own


@pytest.mark.parametrize("text", ["0", "-1", "two", "65", "1.5"])
def test_a_number_of_processes_that_makes_no_sense_is_refused(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZAVORA_WEB_REPLICAS", text)
    run = Run(tmp_path / "home", free_port())
    assert run.process.wait(timeout=30) == 1
    run.end(signal.SIGTERM)
    assert f"ZAVORA_WEB_REPLICAS={text}: expected a whole number from 1 to 64" in run.text
