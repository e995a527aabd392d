"""Planned changes under load: what a client is answered meanwhile, and for how long it is not."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from deploy.local.cluster import Cluster
from tests.cluster.clients import Checked, longest_gap_s
from tests.cluster.trials import say, stretch, wait_for
from tests.cluster.whole import wait_until_whole

CLIENTS: Final = 64
GAP_MAX_S: Final = 2.0
# Patroni waits for four seconds of its own, whatever happens: one until it sees that its server has
# stopped, one for replicas to catch up, and the replica that is not chosen two before it follows.
# Until that one does nothing is acknowledged.
SWITCHOVER_MAX_S: Final = 6.0
BEFORE_S: Final = 1.0
AFTER_S: Final = 2.0
RESTART_WAIT_S: Final = 60.0
# What may be answered; "none" is a connection that broke, as nginx closes idle ones to reload.
ALLOWED: Final = {"200", "400", "409", "503", "504"}
ONLY: Final = [name for name in os.environ.get("ZAVORA_FAULT_KINDS", "").split(",") if name]


@dataclass(frozen=True, slots=True)
class Step:
    """A planned change. ``is_needed``: later ones stand on it, whatever is left out.

    ``is_checked``: what was told is compared after it; else after the next one.
    """

    name: str
    do: Callable[[], object]
    may_break_connections: bool = False
    is_needed: bool = False
    is_checked: bool = True
    gap_max_s: float = GAP_MAX_S


@dataclass
class Findings:
    """What was not as it has to be."""

    strange: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)

    def require_none(self) -> None:
        """Fail with what was found."""
        assert not self.strange, self.strange
        assert not self.late, self.late


def restart(cluster: Cluster, name: str) -> None:
    """End a process as planned, and wait for the next one of its name."""
    before = cluster.kill(name, signal.SIGTERM)
    wait_for(
        lambda: (now := cluster.identity(name)) is not None and now != before,
        wait_s=RESTART_WAIT_S,
        what=f"another {name}",
    )


def take_all(steps: Sequence[Step], cluster: Cluster, checked: Checked) -> Findings:
    """Take steps under load, one after the other; check everything after each."""
    found = Findings()
    for step in steps:
        if ONLY and not step.is_needed and not any(word in step.name for word in ONLY):
            continue
        gap_s, answers = _take(step, cluster, checked)
        by = stretch()
        say(f"{step.name:26} longest gap {gap_s:5.2f} s  {dict(sorted(answers.items()))}")
        allowed = ALLOWED | ({"none"} if step.may_break_connections else set())
        if others := set(answers) - allowed:
            found.strange.append(f"{step.name}: {others}")
        if gap_s > step.gap_max_s * by:
            may_be = f"{step.gap_max_s} s times {by:.1f}"
            found.late.append(f"{step.name}: {gap_s:.1f} s, may be {may_be}")
        if step.is_checked:
            checked.check()
    checked.check_everything()
    return found


def _take(step: Step, cluster: Cluster, checked: Checked) -> tuple[float, Counter[str]]:
    """Take a step under load; return the longest gap of a shard, and the answers by status."""
    load = checked.load
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
