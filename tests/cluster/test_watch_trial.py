"""Who is called, and when: at once where a shard stands still, and never by a quiet market.

Prometheus and Alertmanager of a local cluster, with the rules of deploy/prometheus; whoever is
called keeps what came (``deploy/local/receiver.py``). ``make watch-trial``.
"""

import json
import os
import random
import signal
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest

from deploy.local.cluster import Cluster
from deploy.local.plan import WORKER_HOSTS
from tests.cluster.asking import ask
from tests.cluster.faults import Faults
from tests.cluster.trials import cluster_for_trial, say, stretch, trust, wait_for
from tests.cluster.whole import wait_until_whole

QUIET_S: Final = float(os.environ.get("ZAVORA_QUIET_SECONDS") or "600")
# Somebody looks in now and then: an order and its cancel.
ORDER_EACH_S: Final = 2.0
ALERTED_MAX_S: Final = 15.0
RESOLVED_WAIT_S: Final = 60.0
SHARD: Final = 0
WORKERS: Final = tuple(f"worker-{SHARD}-{host}" for host in WORKER_HOSTS[SHARD])


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with cluster_for_trial() as found:
        wait_until_whole(found)
        yield found


def told(cluster: Cluster, *, since: float) -> list[dict[str, Any]]:
    """Return the alerts that came to whoever is called, from a moment on (wall clock)."""
    if not cluster.alerts_file.exists():
        return []
    lines = cluster.alerts_file.read_text().splitlines()
    return [one for one in map(json.loads, lines) if one["received"] >= since]


def text_of(alert: dict[str, Any]) -> str:
    """Return an alert in a line."""
    labels = alert["labels"]
    of = f" of shard {labels['shard']}" if "shard" in labels else ""
    return f"{labels['alertname']}{of} ({labels['severity']}) {alert['status']}"


def firing(cluster: Cluster) -> list[str]:
    """Return what fires now."""
    return [one["metric"]["alertname"] for one in ask(cluster, 'ALERTS{alertstate="firing"}')]


@dataclass
class Visitor:
    """Places an order in each shard now and then, and cancels it; repeats what was not answered."""

    cluster: Cluster
    client: httpx.Client
    answers: dict[int, int] = field(default_factory=dict)

    def look_in(self) -> None:
        """Place and cancel once in each shard. Fails where that is not done within 15 s."""
        made = self.cluster.accounts[0]
        for symbols in self.cluster.description["markets"].values():
            order = {
                "user_id": made["account"],
                "market": symbols[0],
                "side": "buy",
                "order_type": "limit",
                "price": "1",
                "quantity": "0.1",
                "client_order_id": f"quiet-{uuid.uuid4().hex}",
            }
            placed = self._repeated(lambda: self.client.post("/api/v1/orders", json=order))  # noqa: B023
            path = f"/api/v1/orders/{placed['data']['order']['id']}"
            key = {"Idempotency-Key": uuid.uuid4().hex}
            self._repeated(lambda: self.client.delete(path, headers=key))  # noqa: B023

    def _repeated(self, send: Callable[[], httpx.Response]) -> dict[str, Any]:
        def answered() -> dict[str, Any] | None:
            try:
                answer = send()
            except httpx.TransportError:
                return None
            self.answers[answer.status_code] = self.answers.get(answer.status_code, 0) + 1
            assert answer.status_code in (200, 503, 504), answer.text
            if answer.status_code == 200:
                return answer.json()
            time.sleep(float(answer.headers.get("Retry-After", "1")))  # as a client is asked to
            return None

        return wait_for(answered, wait_s=15 * stretch(), what="an answer")


def restart(cluster: Cluster, name: str) -> None:
    """Restart a process as planned: SIGTERM; wait until another is there."""
    before = cluster.kill(name, signal.SIGTERM)
    wait_for(
        lambda: (now := cluster.identity(name)) is not None and now != before,
        wait_s=60,
        what=f"another {name}",
    )
    say(f"{name} was restarted")


@pytest.mark.trial
@pytest.mark.timeout(QUIET_S + 900)
def test_a_quiet_market_and_a_restart_call_nobody(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        capsys.disabled(),
        httpx.Client(
            base_url=cluster.base_url,
            verify=trust(cluster),
            timeout=15,
            headers={"Authorization": f"Bearer {cluster.accounts[0]['token']}"},
        ) as client,
    ):
        assert firing(cluster) == [], "before anything was done"
        began, since = time.monotonic(), time.time()
        visitor = Visitor(cluster, client)
        worker, _ = Faults(cluster, random.Random(0)).live_worker(SHARD)
        # When what is restarted, as parts of the time.
        planned = [(0.2, worker), (0.4, "web-a")]
        say(f"a quiet market for {QUIET_S:.0f} s")
        while (passed := time.monotonic() - began) < QUIET_S:
            if planned and passed >= planned[0][0] * QUIET_S:
                restart(cluster, planned.pop(0)[1])
            visitor.look_in()
            time.sleep(ORDER_EACH_S)  # how quiet it is

        fired = ask(cluster, f'max_over_time(ALERTS{{alertstate="firing"}}[{int(QUIET_S)}s])')
        waited = ask(cluster, f'max_over_time(ALERTS{{alertstate="pending"}}[{int(QUIET_S)}s])')
        say(
            f"answers: {visitor.answers}; {sorted(one['metric']['alertname'] for one in waited)}"
            " were true for a moment"
        )
        assert [one["metric"] for one in fired] == []
        assert [text_of(one) for one in told(cluster, since=since)] == []


def pause_both(cluster: Cluster) -> Callable[[], None]:
    """Stop both workers of a shard where they are; return what lets them go on."""
    for name in WORKERS:
        cluster.kill(name, signal.SIGSTOP)

    def go_on() -> None:
        for name in WORKERS:
            cluster.kill(name, signal.SIGCONT)

    return go_on


def end_both(cluster: Cluster) -> Callable[[], None]:
    """End both workers of a shard; return what starts them again."""
    for name in WORKERS:
        cluster.hold(name, signal.SIGKILL)

    def start() -> None:
        for name in WORKERS:
            cluster.release(name)

    return start


@pytest.mark.trial
@pytest.mark.timeout(600)
@pytest.mark.parametrize("stop", [pause_both, end_both], ids=["paused", "ended"])
def test_a_shard_without_workers_calls_somebody_at_once(
    cluster: Cluster,
    stop: Callable[[Cluster], Callable[[], None]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    def of_shard(status: str) -> list[dict[str, Any]]:
        return [
            one
            for one in told(cluster, since=stopped_at)
            if one["labels"].get("shard") == str(SHARD)
            and one["labels"]["severity"] == "page"
            and one["status"] == status
        ]

    with capsys.disabled():
        wait_until_whole(cluster)
        stopped_at = time.time()
        go_on = stop(cluster)
        try:
            first = wait_for(
                lambda: of_shard("firing"), wait_s=4 * ALERTED_MAX_S, what="an alert that came"
            )[0]
        finally:
            go_on()
        went_on = time.time()
        took_s = first["received"] - stopped_at
        say(f"both workers {stop.__name__}: {text_of(first)} came after {took_s:.1f} s")
        resolved = wait_for(
            lambda: of_shard("resolved"), wait_s=RESOLVED_WAIT_S, what="an end of the alert"
        )[0]
        say(f"{text_of(resolved)} {resolved['received'] - went_on:.1f} s after they went on")
        wait_until_whole(cluster)
        assert took_s <= ALERTED_MAX_S * stretch()
