"""Two faults at once that leave no safe replica: writes stop, and a documented command resumes.

Both replicas are lost, then the primary. While a commit would be on one machine only, new orders
are refused at once (503 with Retry-After: nothing was queued); what was under way is answered 504.
When the replicas come back Patroni does not choose by itself, as it cannot know what the primary
had: an operator does, by the command of docs/trials.md. ``make double-fault-trial``.
"""

import http.client
import itertools
import random
import signal
import statistics
import subprocess
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

import httpx
import pytest

from deploy.local.cluster import Cluster
from deploy.local.hosts import HOSTS
from deploy.local.readiness import fetch_json
from tests.cluster.clients import checked_load
from tests.cluster.faults import leader
from tests.cluster.trials import (
    ask_server,
    cluster_for_trial,
    say,
    seed_of,
    server_url,
    stretch,
    trust,
    wait_for,
)
from tests.cluster.whole import wait_until_whole

SEED: Final = seed_of("ZAVORA_FAULT_SEED")
BEFORE_S: Final = 3.0
# The lease of 3 s, after which nobody shows life, and the edge's wait of 5 s of what came before.
STOPS_MAX_S: Final = 8.0
REFUSED_MAX_S: Final = 0.5
ALERTED_MAX_S: Final = 15.0
STOPPED_S: Final = 20.0
# So long nobody may have become the primary by himself.
UNDECIDED_S: Final = 12.0
RESUMED_MAX_S: Final = 30.0
# Of deploy/prometheus/rules.
ALERT: Final = "NoSynchronousReplica"
_RECEIVED: Final = (
    "SELECT coalesce(pg_last_wal_receive_lsn(), '0/0') - '0/0'::pg_lsn,"
    " pg_last_wal_replay_lsn() - '0/0'::pg_lsn"
)
_WAITING: Final = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@dataclass(frozen=True, slots=True)
class Asked:
    """One new order: when it was sent (monotonic), how long it took, and what came."""

    at: float
    took_s: float
    status: int
    code: str
    retry_after: str | None


@dataclass
class Probes:
    """Sends a new order to each shard again and again, each under a name of its own."""

    cluster: Cluster
    asked: list[Asked] = field(default_factory=list)
    _is_closing: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> "Probes":
        for symbols in self.cluster.description["markets"].values():
            thread = threading.Thread(target=self._run, args=(symbols[0],), daemon=True)
            self._threads.append(thread)
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_closing.set()
        for thread in self._threads:
            thread.join(20)

    def since(self, at: float) -> list[Asked]:
        """Return what was asked from a moment on, and answered."""
        return [one for one in list(self.asked) if one.at >= at]

    def _run(self, symbol: str) -> None:
        made = self.cluster.accounts[-1]
        headers = {"Authorization": f"Bearer {made['token']}"}
        with httpx.Client(
            base_url=self.cluster.base_url, verify=trust(self.cluster), timeout=15, headers=headers
        ) as client:
            while not self._is_closing.wait(0.1):
                self.asked.append(_ask(client, made["account"], symbol))


def _ask(client: httpx.Client, account: str, symbol: str) -> Asked:
    order = {
        "user_id": account,
        "market": symbol,
        "side": "buy",
        "order_type": "limit",
        "price": "1",
        "quantity": "0.1",
        "client_order_id": f"probe-{uuid.uuid4().hex}",
    }
    at = time.monotonic()
    try:
        answer = client.post("/api/v1/orders", json=order)
    except httpx.HTTPError as error:
        return Asked(at, time.monotonic() - at, 0, type(error).__name__, None)
    took_s = time.monotonic() - at
    code = ""
    if answer.headers.get("content-type", "").startswith("application/json"):
        code = answer.json().get("error", {}).get("code", "")
    return Asked(at, took_s, answer.status_code, code, answer.headers.get("retry-after"))


def firing(cluster: Cluster, alert: str) -> bool | None:
    """Return whether an alert fires; None where Prometheus has no such rule."""
    try:
        groups = fetch_json(cluster.address("prometheus"), "/api/v1/rules")["data"]["groups"]
        if alert not in {rule["name"] for group in groups for rule in group["rules"]}:
            return None
        query = quote(f'ALERTS{{alertname="{alert}",alertstate="firing"}}')
        found = fetch_json(cluster.address("prometheus"), f"/api/v1/query?query={query}")
        return bool(found["data"]["result"])
    except (OSError, http.client.HTTPException, ValueError, KeyError):
        return False


def timeline(asked: list[Asked], since: float) -> list[str]:
    """Return what orders were answered one after the other, a line for each other answer."""
    lines = []
    ordered = sorted(asked, key=lambda one: one.at)
    for said, group in itertools.groupby(ordered, key=lambda one: f"{one.status} {one.code}"):
        same = list(group)
        slowest = max(one.took_s for one in same)
        lines.append(
            f"  sent after {same[0].at - since:5.1f} s: {len(same)} times {said}"
            f" (at most {slowest:.2f} s)"
        )
    return lines


class Trial:
    """The two faults, on a cluster whose clients trade."""

    def __init__(self, cluster: Cluster, probes: Probes) -> None:
        self._cluster = cluster
        self._probes = probes
        self._alerted_s: float | None = None

    def run(self) -> None:
        """Go through it."""
        primary = leader(self._cluster)
        replicas = [host for host in HOSTS if host != primary]
        self._kill(*replicas)
        lost_at = time.monotonic()
        say(f"both replicas are lost ({', '.join(replicas)}); the primary on {primary} is alone")
        self._see_writes_stop(lost_at)
        self._kill(primary)
        gone_at = time.monotonic()
        say(f"the primary on {primary} is lost, too")
        time.sleep(STOPPED_S / 2)  # what is measured
        self._check_refused(gone_at + 1.0 * stretch(), "without a primary")
        for host in replicas:
            self._cluster.release(f"patroni-{host}")
        self._see_nobody_decide(replicas)
        self._resume(replicas)
        self._cluster.release(f"patroni-{primary}")

    # --- inside ---

    def _kill(self, *hosts: str) -> None:
        for host in hosts:
            self._cluster.hold(f"patroni-{host}", signal.SIGKILL)
        for host in hosts:
            self._cluster.kill(f"postgres-{host}")

    def _see_writes_stop(self, lost_at: float) -> None:
        stops_max_s = STOPS_MAX_S * stretch()
        until = lost_at + stops_max_s + STOPPED_S / 2
        while time.monotonic() < until:
            if self._alerted_s is None and firing(self._cluster, ALERT):
                self._alerted_s = time.monotonic() - lost_at
            time.sleep(0.2)
        for line in timeline(self._probes.since(lost_at), lost_at):
            say(line)
        self._check_refused(lost_at + stops_max_s, "without a replica")
        if firing(self._cluster, ALERT) is None:
            say(f"Prometheus has no rule {ALERT}: no alert was looked for")
            return
        assert self._alerted_s is not None, f"{ALERT} did not fire within {STOPPED_S} s"
        say(f"{ALERT} fires after {self._alerted_s:.1f} s")
        assert self._alerted_s <= ALERTED_MAX_S * stretch()

    def _check_refused(self, since: float, when: str) -> None:
        """From some moment on every new order is refused at once, and its sender told when."""
        asked = self._probes.since(since)
        assert len(asked) > 10, "too few orders were tried"
        said = Counter(f"{one.status} {one.code}" for one in asked)
        slowest = max((one.took_s for one in asked), default=0.0)
        say(
            f"{when}: {dict(said)}, median {statistics.median(one.took_s for one in asked):.3f} s,"
            f" slowest {slowest:.2f} s"
        )
        wrong = [one for one in asked if one.status != 503 or not (one.retry_after or "").isdigit()]
        assert not wrong, wrong[:5]
        assert slowest <= REFUSED_MAX_S * stretch()

    def _see_nobody_decide(self, replicas: list[str]) -> None:
        """The replicas are back, and neither becomes the primary by itself."""
        for host in replicas:
            url = server_url(self._cluster, host)
            wait_for(lambda: ask_server(url, "SELECT 1"), wait_s=60, what=f"postgres-{host}")  # noqa: B023
        # What is lost is the leader until its time is over; only then could another one be.
        wait_for(lambda: self._cluster.leader() is None, wait_s=60, what="the leader's end")
        until = time.monotonic() + UNDECIDED_S
        while time.monotonic() < until:
            assert self._cluster.leader() is None
            time.sleep(0.5)
        say(f"both replicas are back, and after {UNDECIDED_S:.0f} s neither is the primary")

    def _resume(self, replicas: list[str]) -> None:
        """Give the documented command: the replica that has received more takes over."""
        received = {
            host: max(ask_server(server_url(self._cluster, host), _RECEIVED)[0])
            for host in replicas
        }
        best = max(received, key=lambda host: received[host])
        words = ("failover", "--candidate", best, "--force")
        began = time.monotonic()
        done = subprocess.run(
            [*self._cluster.description["patronictl"], *words],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        say(f"patronictl {' '.join(words)} (received {received})")
        wait_for(
            lambda: any(one.status == 200 for one in self._probes.since(began)),
            wait_s=RESUMED_MAX_S * stretch(),
            what="an order that is answered",
        )
        first = next(one for one in self._probes.since(began) if one.status == 200)
        say(f"orders are taken again {first.at + first.took_s - began:.1f} s after the command")


@pytest.mark.trial
@pytest.mark.timeout(1200)
def test_writes_stop_without_a_safe_replica_and_resume_by_the_documented_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with capsys.disabled(), cluster_for_trial() as cluster:
        say(f"double fault trial: ZAVORA_FAULT_SEED={SEED}")
        with checked_load(cluster, random.Random(SEED)) as checked:
            load = checked.load
            load.go_on()
            time.sleep(BEFORE_S)  # so that something was told before
            with Probes(cluster) as probes:
                try:
                    Trial(cluster, probes).run()
                finally:
                    for host in HOSTS:
                        cluster.release(f"patroni-{host}")
                load.pause(timeout_s=120)
            wait_until_whole(cluster)
            checked.check()
            checked.check_everything()
