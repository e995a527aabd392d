"""Every part is restarted as planned, one after the other, while 64 clients trade.

Whoever asks is answered 200, 400 or 409 (what the order deserves), 503 or 504, and repeats after
the latter two until it knows; no shard is without an answer for longer than 2 s. ``make
rolling-trial``.
"""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest
import redis

from deploy.local.cluster import Cluster
from deploy.local.hosts import HOSTS
from deploy.local.plan import BEAT, CELERY, MARKET_DATA, QUEUE, SHARDS, WEBS
from tests.cluster.clients import allow_transfers, load_on, longest_gap_s, target_of, tokens_of
from tests.cluster.faults import Faults, leader, queue_master, switch_over
from tests.cluster.trials import cluster_for_trial, say, seed_of, stretch, wait_for
from tests.cluster.whole import wait_until_whole
from tests.crash.checker import Auditor, Checker
from tests.crash.load import Load
from tests.crash.report import Report

SEED: Final = seed_of("ZAVORA_FAULT_SEED")
CLIENTS: Final = 64
GAP_MAX_S: Final = 2.0
BEFORE_S: Final = 1.0
AFTER_S: Final = 2.0
ONLY: Final = [name for name in os.environ.get("ZAVORA_FAULT_KINDS", "").split(",") if name]
# What may be answered; "none" is a connection that broke, as nginx closes idle ones to reload.
ALLOWED: Final = {"200", "400", "409", "503", "504"}


@dataclass(frozen=True, slots=True)
class Step:
    """A planned change."""

    name: str
    do: Callable[[], object]
    may_break_connections: bool = False


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
        steps.append(Step("switch PostgreSQL over", self._switch_over))
        steps += [
            Step(f"restart haproxy-{host}", lambda host=host: self._restart(f"haproxy-{host}"))
            for host in HOSTS
        ]
        steps.append(Step("reload nginx", self._reload_nginx, may_break_connections=True))
        return [step for step in steps if not ONLY or any(word in step.name for word in ONLY)]

    def _restart(self, name: str) -> None:
        before = self._cluster.kill(name, signal.SIGTERM)
        wait_for(
            lambda: (now := self._cluster.identity(name)) is not None and now != before,
            wait_s=60,
            what=f"another {name}",
        )

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


def take(step: Step, load: Load, cluster: Cluster) -> tuple[float, Counter[str]]:
    """Take a step under load; return the longest gap of a shard, and the answers by status."""
    before = Counter(load.shared.notes.answers)
    load.go_on()
    time.sleep(BEFORE_S)  # so that all trade
    since = time.monotonic()
    step.do()
    wait_until_whole(cluster)
    time.sleep(AFTER_S)
    until = time.monotonic()
    gap_s = max(
        longest_gap_s(load, symbols, since=since, until=until)
        for symbols in cluster.description["markets"].values()
    )
    load.pause(timeout_s=120)
    return gap_s, Counter(load.shared.notes.answers) - before


@pytest.mark.trial
@pytest.mark.timeout(1800)
def test_every_part_is_restarted_under_load(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled(), cluster_for_trial() as cluster:
        say(f"rolling trial: ZAVORA_FAULT_SEED={SEED}, {CLIENTS} clients")
        wait_until_whole(cluster)
        target, report, late, strange = target_of(cluster), Report(), [], []
        draw = random.Random(SEED)
        auditor = Auditor(target)
        try:
            allow_transfers(auditor, target)
            with load_on(cluster, draw, clients=CLIENTS, sockets=0) as load:
                checker = Checker(target, auditor, tokens_of(cluster))
                for step in Rolling(cluster, draw).steps():
                    gap_s, answers = take(step, load, cluster)
                    by = stretch()
                    said = dict(sorted(answers.items()))
                    say(f"{step.name:26} longest gap {gap_s:5.2f} s  {said}")
                    allowed = ALLOWED | ({"none"} if step.may_break_connections else set())
                    if others := set(answers) - allowed:
                        strange.append(f"{step.name}: {others}")
                    if gap_s > GAP_MAX_S * by:
                        late.append(
                            f"{step.name}: {gap_s:.1f} s, may be {GAP_MAX_S} s times {by:.1f}"
                        )
                    checker.check(load.shared.notes, report)
                checker.check_everything_by_api(load.shared.notes, report)
                say(report.text(load.shared.notes))
                assert load.shared.unexpected == []
        finally:
            auditor.close()
        assert not strange, strange
        assert not late, late
