"""Nothing acknowledged is lost, nothing happens twice, whatever part of a cluster breaks.

``ZAVORA_FAULTS`` says how often something breaks (``make fault-trial``: 40), ``ZAVORA_FAULT_SEED``
repeats the choices of an earlier run, which it prints, and ``ZAVORA_FAULT_KINDS`` (``worker,node``)
narrows down what breaks. Links are cut where ``ZAVORA_CLUSTER_HOSTS=namespaces``. See
docs/trials.md.
"""

import os
import random
import statistics
import time
from dataclasses import dataclass, field
from typing import Final

import pytest

from deploy.local.cluster import Cluster
from tests.cluster.clients import checked_load, longest_gap_s, markets_of
from tests.cluster.faults import Faults, Kind
from tests.cluster.trials import cluster_for_trial, say, seed_of, stretch
from tests.cluster.whole import wait_until_whole
from tests.crash.load import Load

FAULTS: Final = int(os.environ.get("ZAVORA_FAULTS") or "40")
SEED: Final = seed_of("ZAVORA_FAULT_SEED")
ONLY_KINDS: Final = [name for name in os.environ.get("ZAVORA_FAULT_KINDS", "").split(",") if name]
BEFORE_S: Final = (0.5, 1.5)
AFTER_S: Final = 1.0
ACKNOWLEDGED_AGAIN_MAX_S: Final = 120.0
ORDINARY_S: Final = 15.0
# A gap of the ordinary run may be short by chance.
ORDINARY_GAP_S: Final = 0.5


@dataclass
class Figures:
    """What was measured of a kind."""

    waits_s: list[float] = field(default_factory=list)
    gaps_s: list[float] = field(default_factory=list)
    stretches: list[float] = field(default_factory=list)

    def text(self, kind: Kind) -> str:
        """Return a line of the table."""
        required = "-" if kind.required_s is None else f"{kind.required_s:.0f}"
        return (
            f"{kind.name:30} {len(self.waits_s):5}   {statistics.median(self.waits_s):8.2f}"
            f" {max(self.waits_s):8.2f} {statistics.median(self.gaps_s):8.2f}"
            f" {max(self.gaps_s):8.2f} {'no gap' if kind.has_no_gap else required:>8}"
            f" {statistics.median(self.stretches):7.1f}"
        )


class Trial:
    """Breaks one thing after the other, and checks everything after each."""

    def __init__(self, cluster: Cluster, load: Load) -> None:
        self._cluster = cluster
        self._load = load
        self._draw = random.Random(SEED)
        found = Faults(cluster, self._draw).kinds()
        self.kinds = {one.name: one for one in found if not ONLY_KINDS or one.name in ONLY_KINDS}
        self.figures = {name: Figures() for name in self.kinds}
        self.ordinary_gap_s = ORDINARY_GAP_S

    def plan(self) -> list[str]:
        """Return what breaks, in which order: every kind as often."""
        plan = (list(self.kinds) * (FAULTS // len(self.kinds) + 1))[:FAULTS]
        self._draw.shuffle(plan)
        return plan

    def measure_the_ordinary(self) -> None:
        """Trade with nothing broken, to know how long nobody is answered then."""
        self._load.go_on()
        since = time.monotonic()
        time.sleep(ORDINARY_S)  # what is measured
        gaps = [self._gap_s(shard, since) for shard in self._shards()]
        self.ordinary_gap_s = max(ORDINARY_GAP_S, *gaps)
        self._load.pause()

    def break_one(self, name: str) -> str:
        """Break something under load, until it is answered again and given back; say how it was."""
        load, figures = self._load, self.figures[name]
        load.go_on()
        time.sleep(self._draw.uniform(*BEFORE_S))  # the random moment
        began = time.monotonic()
        begun = self.kinds[name].begin()
        try:
            shards = self._shards() if begun.shard is None else [begun.shard]
            wait_s = max(self._answered_again(begun.at, shard) for shard in shards) - began
            time.sleep(max(0.0, began + begun.stays_s - time.monotonic()))  # while it is broken
        finally:
            if begun.heal is not None:
                begun.heal()
        time.sleep(AFTER_S)  # so that several clients trade again
        gap_s = max(self._gap_s(shard, began) for shard in shards)
        figures.waits_s.append(wait_s)
        figures.gaps_s.append(gap_s)
        figures.stretches.append(stretch())
        return f"{name:30} {begun.where:14} next answer {wait_s:6.2f} s, longest gap {gap_s:6.2f} s"

    def check_times(self) -> None:
        """The medians are within what is required, stretched as the machine was busy."""
        late = []
        for name, found in self.figures.items():
            if not found.waits_s:
                continue
            kind, by = self.kinds[name], statistics.median(found.stretches)
            wait_s, gap_s = statistics.median(found.waits_s), statistics.median(found.gaps_s)
            if kind.required_s is not None and wait_s > kind.required_s * by:
                late.append(f"{name}: {wait_s:.1f} s, required {kind.required_s} s times {by:.1f}")
            if kind.has_no_gap and gap_s > 2 * self.ordinary_gap_s * by:
                late.append(f"{name}: a gap of {gap_s:.1f} s, ordinary {self.ordinary_gap_s:.1f} s")
        assert not late, late

    def text(self) -> str:
        """Return the table."""
        head = (
            f"{'broken':30} {'times':>5}   {'median s':>8} {'worst s':>8} {'gap med':>8}"
            f" {'gap max':>8} {'required':>8} {'stretch':>7}"
        )
        lines = [
            found.text(self.kinds[name]) for name, found in self.figures.items() if found.waits_s
        ]
        return "\n".join([head, *lines, f"longest ordinary gap {self.ordinary_gap_s:.2f} s"])

    def _shards(self) -> list[int]:
        return [int(shard) for shard in self._cluster.description["markets"]]

    def _answered_again(self, at: str, shard: int) -> float:
        return self._load.first_decided_after(
            at, timeout_s=ACKNOWLEDGED_AGAIN_MAX_S, of=markets_of(self._cluster, shard)
        )

    def _gap_s(self, shard: int, since: float) -> float:
        symbols = markets_of(self._cluster, shard)
        return longest_gap_s(self._load, symbols, since=since, until=time.monotonic())


@pytest.mark.trial
@pytest.mark.timeout(900 + 300 * FAULTS)
def test_nothing_acknowledged_is_lost_whatever_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled(), cluster_for_trial() as cluster:
        say(f"fault trial: ZAVORA_FAULT_SEED={SEED}, {FAULTS} faults")
        with checked_load(cluster, random.Random(SEED)) as checked:
            load = checked.load
            trial = Trial(cluster, load)
            trial.measure_the_ordinary()
            try:
                for number, name in enumerate(trial.plan(), start=1):
                    line = trial.break_one(name)
                    load.pause(timeout_s=ACKNOWLEDGED_AGAIN_MAX_S)
                    checked.check()
                    say(f"{number:3} {line}, {load.shared.notes.acknowledged} checked")
                    wait_until_whole(cluster)
                checked.check_everything()
            finally:
                say(trial.text())
            assert load.shared.notes.acknowledged > 20 * FAULTS
        trial.check_times()
