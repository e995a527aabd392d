"""Every part is restarted as planned, one after the other, while 64 clients trade.

Whoever asks is answered 200, 400 or 409 (what the order deserves), 503 or 504, and repeats after
the latter two until it knows; no shard is without an answer for longer than 2 s. ``make
rolling-trial``.
"""

import random
import signal
from typing import Final

import pytest
import redis

from deploy.local.cluster import Cluster
from deploy.local.hosts import HOSTS
from deploy.local.plan import BEAT, CELERY, MARKET_DATA, QUEUE, SHARDS, WEBS
from tests.cluster.clients import checked_load
from tests.cluster.faults import Faults, leader, queue_master, switch_over
from tests.cluster.rolling import CLIENTS, SWITCHOVER_MAX_S, Step, restart, take_all
from tests.cluster.trials import cluster_for_trial, say, seed_of, wait_for

SEED: Final = seed_of("ZAVORA_FAULT_SEED")


class Rolling:
    """All steps, in the order of docs/operations.md."""

    def __init__(self, cluster: Cluster, draw: random.Random) -> None:
        self._cluster = cluster
        self._faults = Faults(cluster, draw)

    def steps(self) -> list[Step]:
        """Return them."""
        steps = [Step(f"restart {name}", lambda name=name: self._restart(name)) for name in WEBS]
        for shard in SHARDS:
            steps.append(
                Step(f"hand shard {shard} over", lambda shard=shard: self._hand_over(shard))
            )
        others = (*MARKET_DATA, CELERY, BEAT)
        steps += [Step(f"restart {name}", lambda name=name: self._restart(name)) for name in others]
        steps.append(Step("fail the queue over", self._fail_queue_over))
        steps.append(Step("switch PostgreSQL over", self._switch_over, gap_max_s=SWITCHOVER_MAX_S))
        steps += [
            Step(f"restart haproxy-{host}", lambda host=host: self._restart(f"haproxy-{host}"))
            for host in HOSTS
        ]
        steps.append(Step("reload nginx", self._reload_nginx, may_break_connections=True))
        return steps

    def _restart(self, name: str) -> None:
        restart(self._cluster, name)

    def _hand_over(self, shard: int) -> None:
        self._restart(self._faults.live_worker(shard)[0])

    def _fail_queue_over(self) -> None:
        before = queue_master(self._cluster)
        host, _, port = self._cluster.address("sentinel-c").rpartition(":")
        secret = (self._cluster.home.path / "secrets" / "sentinel").read_text().strip()
        with redis.Redis(host=host, port=int(port), password=secret, socket_timeout=5) as sentinel:
            sentinel.execute_command("SENTINEL", "FAILOVER", QUEUE)
        wait_for(lambda: queue_master(self._cluster) != before, wait_s=30, what="another master")

    def _switch_over(self) -> None:
        host = leader(self._cluster)
        switch_over(self._cluster, host, next(one for one in HOSTS if one != host))

    def _reload_nginx(self) -> None:
        self._cluster.kill("nginx", signal.SIGHUP)


@pytest.mark.trial
@pytest.mark.timeout(1800)
def test_every_part_is_restarted_under_load(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled(), cluster_for_trial() as cluster:
        say(f"rolling trial: ZAVORA_FAULT_SEED={SEED}, {CLIENTS} clients")
        draw = random.Random(SEED)
        with checked_load(cluster, draw, clients=CLIENTS, sockets=0) as checked:
            found = take_all(Rolling(cluster, draw).steps(), cluster, checked)
        found.require_none()
