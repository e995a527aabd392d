"""What is broken in a cluster under load, and what takes it back. One thing at a time.

Who begins a fault learns when it was there; the cluster repairs itself then. What has to be given
back by hand (a host that was lost, a link that was cut) is given back by ``heal``.
"""

import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import redis

from deploy.local.cluster import Cluster
from deploy.local.hosts import EDGE, HOSTS
from deploy.local.plan import SHARDS, VALKEY_HOSTS, WEBS, WORKER_HOSTS
from tests.cluster.trials import ask_server, server_url, wait_for
from tests.crash.kills import LEASE_S, TAKE_OVER_WAIT_S, moment

# How long what needs a failover stays away.
NODE_AWAY_S: Final = 28.0
VALKEY_AWAY_S: Final = 6.0
ETCD_AWAY_S: Final = 16.0
CUT_S: Final = 12.0
SWITCHOVER_WAIT_S: Final = 60.0
_SHARD: Final = "SELECT lease_owner, epoch FROM matching_shard WHERE id = %s"
_ONE_WAY: Final = "zavora_one_way"


@dataclass(frozen=True, slots=True)
class Begun:
    """A fault that is there: when (as the API writes it), where, and how long it stays at least.

    ``shard``: the only one that it stops; None: all may be stopped.
    """

    at: str
    where: str
    stays_s: float = 0.0
    shard: int | None = None
    heal: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault. ``required_s``: the median until the next answer; None: only printed.

    ``has_no_gap``: whoever trades notices nothing.
    """

    name: str
    begin: Callable[[], Begun]
    required_s: float | None = None
    has_no_gap: bool = False


class Faults:
    """All kinds, on one cluster, by one source of chance."""

    def __init__(self, cluster: Cluster, draw: random.Random) -> None:
        self._cluster = cluster
        self._draw = draw
        self._has_links = bool(cluster.description["hosts"][EDGE]["enter"])

    def kinds(self) -> list[Kind]:
        """Return the kinds that this cluster can have."""
        kinds = [
            Kind("worker", self._kill_worker, 4.0),
            Kind("worker stopped and continued", self._stop_worker, 4.0),
            Kind("valkey master", self._lose_valkey, 4.0),
            Kind("web", self._kill_web, 4.0),
            Kind("postmaster", self._kill_postmaster, 6.0),
            Kind("node", self._lose_node, 25.0),
            Kind("switchover", self._switch_over),
            Kind("etcd member", self._lose_etcd_member, has_no_gap=True),
            Kind("etcd", self._lose_etcd, has_no_gap=True),
        ]
        if self._has_links:
            kinds += [
                Kind("host cut off", self._cut_host_off, 25.0),
                Kind("link cut", self._cut_link, 25.0),
                Kind("link cut one way", self._cut_link_one_way, 25.0),
            ]
        return kinds

    # --- Zavora's own ---

    def _kill_worker(self) -> Begun:
        shard = self._draw.choice(SHARDS)
        name, _ = self.live_worker(shard)
        self._cluster.kill(name)
        return Begun(moment(), name, shard=shard)

    def _stop_worker(self) -> Begun:
        """SIGSTOP until another has taken over and a lease has passed; then it goes on."""
        shard = self._draw.choice(SHARDS)
        name, epoch = self.live_worker(shard)
        self._cluster.kill(name, signal.SIGSTOP)
        at, began = moment(), time.monotonic()
        wait_for(lambda: self._shard(shard)[1] > epoch, wait_s=TAKE_OVER_WAIT_S, what="a take-over")
        time.sleep(max(0.0, began + 1.1 * LEASE_S - time.monotonic()))  # the pause under test
        self._cluster.kill(name, signal.SIGCONT)
        return Begun(at, name, shard=shard)

    def _kill_web(self) -> Begun:
        name = self._draw.choice(WEBS)
        self._cluster.kill(name)
        return Begun(moment(), name)

    def live_worker(self, shard: int) -> tuple[str, int]:
        return wait_for(
            lambda: self._find_worker(shard), wait_s=TAKE_OVER_WAIT_S, what="a live worker"
        )

    def _find_worker(self, shard: int) -> tuple[str, int] | None:
        owner, epoch = self._shard(shard)
        for host in WORKER_HOSTS[shard]:
            name = f"worker-{shard}-{host}"
            found = self._cluster.identity(name)
            if found is not None and f"-{found.pid}-" in owner:
                return name, epoch
        return None

    def _shard(self, shard: int) -> tuple[str, int]:
        rows = ask_server(server_url(self._cluster), _SHARD, shard)
        return rows[0] if rows else ("", 0)

    # --- the queue ---

    def _lose_valkey(self) -> Begun:
        host = queue_master(self._cluster)
        self._cluster.hold(f"valkey-{host}", signal.SIGKILL)
        return Begun(
            moment(), f"valkey-{host}", VALKEY_AWAY_S, heal=self._release(f"valkey-{host}")
        )

    # --- PostgreSQL ---

    def _kill_postmaster(self) -> Begun:
        host = leader(self._cluster)
        self._cluster.kill(f"postgres-{host}")
        return Begun(moment(), f"postgres-{host}")

    def _lose_node(self) -> Begun:
        host = leader(self._cluster)
        self._cluster.hold(f"patroni-{host}", signal.SIGKILL)
        self._cluster.kill(f"postgres-{host}")
        return Begun(
            moment(), f"patroni-{host}", NODE_AWAY_S, heal=self._release(f"patroni-{host}")
        )

    def _switch_over(self) -> Begun:
        host = leader(self._cluster)
        to = self._draw.choice([one for one in HOSTS if one != host])
        at = moment()
        switch_over(self._cluster, host, to)
        return Begun(at, f"{host} to {to}")

    # --- etcd ---

    def _lose_etcd_member(self) -> Begun:
        host = self._draw.choice(HOSTS)
        self._cluster.hold(f"etcd-{host}", signal.SIGKILL)
        return Begun(moment(), f"etcd-{host}", ETCD_AWAY_S / 2, heal=self._release(f"etcd-{host}"))

    def _lose_etcd(self) -> Begun:
        names = [f"etcd-{host}" for host in HOSTS]
        for name in names:
            self._cluster.hold(name, signal.SIGKILL)
        return Begun(moment(), "all members", ETCD_AWAY_S, heal=self._release(*names))

    # --- links ---

    def _cut_host_off(self) -> Begun:
        host = self._draw.choice(HOSTS)
        self._cluster.cut(host, *(one for one in (*HOSTS, EDGE) if one != host))
        return Begun(moment(), host, NODE_AWAY_S, heal=lambda: self._cluster.heal(host))

    def _cut_link(self) -> Begun:
        host, other = self._draw.sample(HOSTS, 2)
        self._cluster.cut(host, other)
        return Begun(moment(), f"{host}-{other}", CUT_S, heal=lambda: self._cluster.heal(host))

    def _cut_link_one_way(self) -> Begun:
        """Let nothing from ``other`` reach ``host``, while all that it sends arrives."""
        host, other = self._draw.sample(HOSTS, 2)
        address = self._cluster.description["hosts"][other]["address"]
        for words in (
            f"add table inet {_ONE_WAY}",
            f"add chain inet {_ONE_WAY} input {{ type filter hook input priority 0; }}",
            f"add rule inet {_ONE_WAY} input ip saddr {address} drop",
        ):
            self._nft(host, words)
        return Begun(
            moment(),
            f"{other} to {host}",
            CUT_S,
            heal=lambda: self._nft(host, f"delete table inet {_ONE_WAY}"),
        )

    def _nft(self, host: str, words: str) -> None:
        done = self._cluster.run_on(host, ("nft", words))
        assert done.returncode == 0, done.stderr

    def _release(self, *names: str) -> Callable[[], None]:
        def release() -> None:
            for name in names:
                self._cluster.release(name)

        return release


def leader(cluster: Cluster) -> str:
    """Return the host with the primary."""
    return wait_for(cluster.leader, wait_s=SWITCHOVER_WAIT_S, what="a primary")


def switch_over(cluster: Cluster, host: str, to: str) -> None:
    """Let a replica take the primary's place, as planned."""
    command = [*cluster.description["patronictl"], "switchover", "--leader", host]
    subprocess.run(
        [*command, "--candidate", to, "--force"],
        check=True,
        capture_output=True,
        timeout=SWITCHOVER_WAIT_S,
    )


def queue_master(cluster: Cluster) -> str:
    """Return the host whose Valkey is the master."""
    return wait_for(lambda: _queue_master(cluster), wait_s=30, what="a master of the queue")


def _queue_master(cluster: Cluster) -> str | None:
    with redis.Redis.from_url(cluster.redis_url(), socket_timeout=2) as queue:
        try:
            port = queue.config_get("port")["port"]
            address = queue.config_get("bind")["bind"]
        except redis.RedisError:
            return None
    for host in VALKEY_HOSTS:
        if cluster.address(f"valkey-{host}") == f"{address}:{port}":
            return host
    return None
