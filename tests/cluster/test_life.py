"""Whole clusters: from nothing to ready, parts that die, two beside each other, nothing left.

The tests of this file are one story and run in their order: bringing a cluster up takes a while.
"""

import contextlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from deploy.local.cluster import Cluster
from deploy.local.hosts import HOSTS, link_name
from deploy.local.life import bring_down, bring_up
from deploy.local.readiness import members
from deploy.local.state import home_at, read_supervising
from tests.cluster.machine import links, listening, mounts, networks, processes_of
from tests.cluster.plans import programs_or_skip
from zavora.runner.home import PROJECT_DIR

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]

READY_MAX_S = 90.0
# The time is judged where others leave us about half of the machine.
LOAD_MAX = 1.5
# A Valkey that comes back is told by the Sentinels that it is a replica after 8 s.
RETURNING_S = 15.0


@contextlib.contextmanager
def home_folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="zavora-cluster-test-")) / "home"
    try:
        yield path
    finally:
        bring_down(home_at(path))
        shutil.rmtree(path.parent)


def tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def start(path: Path, **settings: str) -> Cluster:
    named = {"ZAVORA_CLUSTER_HOSTS": "loopback", "ZAVORA_CLUSTER_DATABASE": "haproxy", **settings}
    return bring_up(home_at(path), say=tell, settings=named)


@pytest.fixture(scope="module")
def load_before() -> float:
    """Return how many processes waited for each processor before anything of ours ran."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


@pytest.fixture(scope="module")
def cluster(load_before: float) -> Iterator[Cluster]:
    programs_or_skip()
    with home_folder() as path:
        yield start(path)


def client(cluster: Cluster) -> httpx.Client:
    return httpx.Client(
        base_url=cluster.base_url,
        verify=ssl.create_default_context(cafile=str(cluster.authority)),
        headers={"Authorization": f"Bearer {cluster.accounts[0]['token']}"},
        timeout=15,
    )


def place(http: httpx.Client, cluster: Cluster, market: str, key: str) -> httpx.Response:
    """Place an order; repeat as a client should, with the same key, until there is an answer."""
    order = {
        "user_id": cluster.accounts[0]["account"],
        "market": market,
        "side": "Buy",
        "order_type": "Limit",
        "price": "100",
        "quantity": "0.01",
        "client_order_id": key,
    }
    deadline = time.monotonic() + 60
    while True:
        answer = http.post("/api/v1/orders", json=order)
        if answer.status_code not in (502, 503, 504) or time.monotonic() > deadline:
            return answer
        time.sleep(0.2)


class Left:
    """What a cluster may leave, noted while it is up, looked for when it is down."""

    def __init__(self, cluster: Cluster, mounts_before: set[str]) -> None:
        self.cluster = cluster
        self.mounts_before = mounts_before
        self.networks = networks(one["pid"] for one in cluster.states()) - networks(["self"])

    def found(self) -> list[Any]:
        """Return whatever is left."""
        home, cluster_id = self.cluster.home.path, self.cluster.description["id"]
        mounted = mounts() - self.mounts_before
        return [
            *processes_of(home, cluster_id),
            *listening(set(self.cluster.description["endpoints"].values())),
            *(path for path in home.rglob("*") if path.is_socket()),
            *(links() & {link_name(cluster_id)}),
            *(networks() & self.networks),
            *(line for line in mounted if "nsfs" in line or "netns" in line or str(home) in line),
        ]


def until(condition: Callable[[], Any], *, wait_s: float = 30.0) -> Any:
    deadline = time.monotonic() + wait_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)
    return answer


def test_everything_runs(cluster: Cluster) -> None:
    tell(f"ready after {cluster.description['took_s']} s, {resident_mb(cluster):.0f} MB")

    assert all(one["pid"] for one in cluster.states())


def test_it_was_ready_in_time(cluster: Cluster, load_before: float) -> None:
    took_s = cluster.description["took_s"]
    if took_s > READY_MAX_S and load_before > LOAD_MAX:
        pytest.skip(f"{took_s} s, but the machine was busy (load {load_before:.1f})")

    assert took_s <= READY_MAX_S


def resident_mb(cluster: Cluster) -> float:
    """Return the proportional share of memory of all its processes."""
    total = 0
    for one in cluster.states():
        with contextlib.suppress(OSError):
            text = Path(f"/proc/{one['pid']}/smaps_rollup").read_text()
            total += int(text.partition("\nPss:")[2].split()[0])
    return total / 1024


def test_orders_are_answered_through_tls_in_both_shards(cluster: Cluster) -> None:
    with client(cluster) as http:
        answers = [place(http, cluster, m, f"first-{m[:3]}") for m in ("BTC/EUR", "ETH/EUR")]
        told = http.get(f"/api/v1/accounts/{cluster.accounts[0]['account']}/orders").json()["data"]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert {order["market"] for order in told} == {"BTC/EUR", "ETH/EUR"}
    # By HTTP one is led to HTTPS, and whoever does not trust its authority gets nothing.
    led = httpx.get(f"http://{cluster.address('http')}/trade?x=1")
    assert led.status_code == 308
    assert led.headers["location"].endswith(f"{cluster.base_url.rpartition(':')[2]}/trade?x=1")
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{cluster.base_url}/health/live")


def test_a_second_start_says_that_it_runs(cluster: Cluster) -> None:
    pids = [one["pid"] for one in cluster.states()]
    said: list[str] = []

    again = bring_up(cluster.home, say=said.append)

    assert said == [f"the cluster of {cluster.home.path} is up already"]
    assert [one["pid"] for one in again.states()] == pids


def test_what_is_killed_comes_back_and_what_is_held_does_not(cluster: Cluster) -> None:
    killed = cluster.kill("web-a")
    until(lambda: (now := cluster.identity("web-a")) is not None and now != killed)

    cluster.hold("marketdata-b", signal.SIGKILL)
    assert cluster.identity("marketdata-b") is None
    assert next(one for one in cluster.states() if one["name"] == "marketdata-b")["is_held"]
    cluster.release("marketdata-b")
    until(lambda: cluster.identity("marketdata-b"))


def test_the_primary_dies_and_a_replica_takes_over(cluster: Cluster) -> None:
    old = cluster.leader()
    assert old
    cluster.hold(f"patroni-{old}", signal.SIGKILL)
    cluster.kill(f"postgres-{old}")

    with client(cluster) as http:
        new = until(lambda: (now := cluster.leader()) not in (old, None) and now, wait_s=60)
        answer = place(http, cluster, "BTC/EUR", "after-failover")
        cluster.release(f"patroni-{old}")
        until(lambda: is_whole(cluster), wait_s=60)

    assert answer.status_code == 200
    assert new != old
    done = cluster.manage("reconcile")
    assert done.returncode == 0, done.stdout + done.stderr


def is_whole(cluster: Cluster) -> bool:
    """Return whether both replicas stream."""
    states = [one["state"] for one in members([cluster.address(f"patroni-{h}") for h in HOSTS])]
    return sorted(states) == ["running", "streaming", "streaming"]


def test_nobody_talks_to_a_valkey_that_believes_it_is_the_master(cluster: Cluster) -> None:
    def role_and_port(url: str) -> tuple[str, int]:
        with redis.Redis.from_url(url, socket_timeout=2) as queue:
            return queue.info("replication")["role"], queue.info("server")["tcp_port"]

    def is_b(host: str) -> bool:
        try:
            return role_and_port(cluster.redis_url(host=host)) == ("master", port_b)
        except redis.RedisError:
            return False

    port_a, port_b = (int(cluster.address(f"valkey-{h}").rpartition(":")[2]) for h in "ab")
    url_a = cluster.redis_url().replace(cluster.address("queue-a"), cluster.address("valkey-a"))
    cluster.hold("valkey-a", signal.SIGKILL)
    until(lambda: all(is_b(host) for host in HOSTS))
    cluster.release("valkey-a")
    until(lambda: cluster.identity("valkey-a"))

    claimed, reached = 0, set()
    deadline = time.monotonic() + RETURNING_S
    while time.monotonic() < deadline:
        with contextlib.suppress(redis.RedisError):
            own = role_and_port(url_a)[0]
            claimed += own == "master"
            if own == "slave":
                break
        reached |= {role_and_port(cluster.redis_url(host=host))[1] for host in HOSTS}
        time.sleep(0.1)

    assert claimed, "the control: by its own word it is the master, too"
    assert reached == {port_b}, f"somebody was led to {port_a}"


def test_an_alert_reaches_the_file(cluster: Cluster) -> None:
    url = f"http://{cluster.address('alertmanager')}/api/v2/alerts"
    httpx.post(url, json=[{"labels": {"alertname": "Trial"}}]).raise_for_status()

    def kept() -> bool:
        file = cluster.alerts_file
        lines = file.read_text().splitlines() if file.exists() else []
        return any(json.loads(line)["labels"]["alertname"] == "Trial" for line in lines)

    assert until(kept)


def test_two_beside_each_other_do_not_meet(cluster: Cluster) -> None:
    mounted = mounts()
    with home_folder() as path:
        other = start(path, ZAVORA_CLUSTER_DATABASE="hosts")
        tell(f"the second, by hosts: ready after {other.description['took_s']} s")
        ours, theirs = (set(one.description["endpoints"].values()) for one in (cluster, other))
        assert ours.isdisjoint(theirs)
        assert "target_session_attrs=read-write" in other.database_url()
        with client(other) as http:
            assert place(http, other, "BTC/EUR", "there").status_code == 200
            stranger = {"Authorization": f"Bearer {cluster.accounts[0]['token']}"}
            account = cluster.accounts[0]["account"]
            assert http.get(f"/api/v1/accounts/{account}", headers=stranger).status_code == 401

        # Its supervisor is killed: down finds what it left, and only that.
        left = Left(other, mounted)
        supervisor = read_supervising(other.home)
        assert supervisor
        os.kill(supervisor.pid, signal.SIGKILL)
        bring_down(other.home)
        assert left.found() == []
    with client(cluster) as http:
        assert place(http, cluster, "ETH/EUR", "still-here").status_code == 200


def test_down_leaves_nothing(cluster: Cluster) -> None:
    left = Left(cluster, mounts())
    assert left.found() != [], "the control: it is there"

    bring_down(cluster.home)

    assert left.found() == []


def test_hosts_as_namespaces_can_be_cut_off() -> None:
    programs_or_skip(with_namespaces=True)
    mounted = mounts()
    with home_folder() as path:
        cluster = start(path, ZAVORA_CLUSTER_HOSTS="namespaces")
        tell(f"namespaces: ready after {cluster.description['took_s']} s")
        left = Left(cluster, mounted)
        assert len(left.networks) == len(HOSTS) + 1, "the control: three hosts and the edge"
        old = cluster.leader()
        assert old
        others = [host for host in HOSTS if host != old]
        with client(cluster) as http:
            assert place(http, cluster, "BTC/EUR", "before").status_code == 200
            cluster.cut(old, *others)
            asked = ("curl", "-s", "-m", "1", f"http://{cluster.address('patroni-' + others[0])}/")
            assert cluster.run_on(old, asked).returncode == 28, "no answer"
            elsewhere = [cluster.address(f"patroni-{host}") for host in others]
            until(lambda: leader_of(elsewhere) in others, wait_s=90)
            assert place(http, cluster, "BTC/EUR", "meanwhile").status_code == 200
            cluster.heal(old)
            until(lambda: is_whole(cluster), wait_s=60)
        supervisor = read_supervising(cluster.home)
        assert supervisor
        os.kill(supervisor.pid, signal.SIGKILL)
        bring_down(cluster.home)
        assert left.found() == []


def leader_of(addresses: list[str]) -> str | None:
    return next((one["name"] for one in members(addresses) if one["role"] == "leader"), None)


def test_what_is_missing_is_one_line(tmp_path: Path) -> None:
    def up(**env: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "deploy.local", "up"],
            env={**os.environ, "PATH": "/nowhere", "ZAVORA_CLUSTER_HOME": str(home), **env},
            cwd=PROJECT_DIR,
            capture_output=True,
            text=True,
        )

    home = tmp_path / "home"
    laptop, pipeline = up(CI=""), up(CI="true")
    assert (laptop.returncode, pipeline.returncode) == (0, 1)
    (line,) = laptop.stdout.splitlines()
    assert "apt-get install --no-install-recommends etcd-server" in line
    assert not home.exists()
