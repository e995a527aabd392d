"""Two versions side by side: a cluster goes from the former to this one, and back, under load.

Everything starts from the former version (``ZAVORA_FORMER_REVISION``; docs/trials.md says which by
default). Then, in the order of docs/upgrading.md, this version's migrations are applied and one
process after the other is replaced, while 64 clients trade; then back again. Whoever asks is
answered what the order deserves, 503 or 504, and repeats after the latter two until it knows.
``make mixed-trial``.
"""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import redis

from deploy.local.cluster import Cluster
from deploy.local.plan import BEAT, CELERY, MARKET_DATA, SHARDS, WEBS, WORKER_HOSTS, ZAVORA
from matching.wire import standby_name
from tests.cluster.clients import checked_load
from tests.cluster.faults import Faults
from tests.cluster.rolling import CLIENTS, ONLY, Step, restart, take_all
from tests.cluster.trials import cluster_for_trial, say, seed_of, wait_for
from tests.cluster.versions import Versions, former_and_this, runs_from
from zavora.runner.embedded.discovery import OWNER_URL_VARIABLE
from zavora.runner.home import PROJECT_DIR

SEED: Final = seed_of("ZAVORA_FAULT_SEED")


class Upgrade:
    """From the former version to this one, and back: all steps, in the order of the guide."""

    def __init__(self, cluster: Cluster, versions: Versions, draw: random.Random) -> None:
        self._cluster = cluster
        self._versions = versions
        self._faults = Faults(cluster, draw)

    def steps(self) -> Iterator[Step]:
        """Return them. The way back is the same one, backwards; tables stay as they are."""
        # What checks is of this version, which reads its own tables alone.
        yield Step("trade on the former", lambda: None, is_checked=False)
        yield Step("check and migrate", self._migrate, is_needed=True)
        there, former = PROJECT_DIR.resolve(), self._versions.former
        for names in self._order():
            yield self._replace(names, there, "this version")
        yield Step("trade on this version", self._require_all_from(there))
        for names in reversed(list(self._order())):
            yield self._replace(names, former, "the former")
        yield Step("trade on the former again", self._require_all_from(former))

    def _order(self) -> Iterator[tuple[str, ...]]:
        """Yield who is replaced together: of a shard the standby first, then its live worker."""
        for name in MARKET_DATA:
            yield (name,)
        for shard in SHARDS:
            yield tuple(f"worker-{shard}-{host}" for host in WORKER_HOSTS[shard])
        for name in (*WEBS, CELERY, BEAT):
            yield (name,)

    def _replace(self, names: tuple[str, ...], checkout: Path, which: str) -> Step:
        what = f"shard {names[0].split('-')[1]}" if len(names) > 1 else names[0]
        return Step(f"{what} to {which}", lambda: self._start_from(checkout, names))

    def _start_from(self, checkout: Path, names: tuple[str, ...]) -> None:
        self._versions.put(checkout, *names)
        if len(names) > 1:
            live = self._faults.live_worker(int(names[0].split("-")[1]))[0]
            names = (*(name for name in names if name != live), live)
        for name in names:
            restart(self._cluster, name)
            wait_for(
                lambda: runs_from(self._cluster, name) == checkout,  # noqa: B023
                wait_s=30,
                what=f"{name} from {checkout}",
            )
            if name.startswith("worker-"):
                self._wait_for_standby(name)

    def _wait_for_standby(self, name: str) -> None:
        """Wait until it says itself that it waits: a sign outlives who was killed by a lease."""
        key = standby_name(int(name.split("-")[1]))

        def is_standby() -> bool:
            found = self._cluster.identity(name)
            with redis.Redis.from_url(self._cluster.redis_url(), socket_timeout=2) as queue:
                sign: Any = queue.get(key)
            return found is not None and sign is not None and f"-{found.pid}-" in sign.decode()

        wait_for(is_standby, wait_s=60, what=f"{name} as a standby")

    def _require_all_from(self, checkout: Path) -> Callable[[], None]:
        def require() -> None:
            places = {name: runs_from(self._cluster, name) for name in ZAVORA}
            assert ONLY or set(places.values()) == {checkout}, places

        return require

    def _migrate(self) -> None:
        owner = {OWNER_URL_VARIABLE: self._cluster.database_url("owner")}
        for words in (("check_upgrade",), ("migrate", "--noinput", "-v1")):
            done = self._cluster.manage(*words, more=owner)
            said = done.stdout.strip() + done.stderr.strip()
            say("\n".join([f"manage.py {words[0]}:", *said.splitlines()]))
            assert done.returncode == 0, said


@pytest.mark.trial
@pytest.mark.timeout(3600)
def test_two_versions_trade_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled(), former_and_this() as versions:
        say(f"mixed trial: ZAVORA_FAULT_SEED={SEED}, {CLIENTS} clients, from {versions.revision}")
        with cluster_for_trial(**versions.settings) as cluster:
            draw = random.Random(SEED)
            with checked_load(
                cluster, draw, clients=CLIENTS, sockets=0, rules_by=versions.former
            ) as checked:
                steps = list(Upgrade(cluster, versions, draw).steps())
                found = take_all(steps, cluster, checked)
            found.require_none()
