"""Whether an exchange that works for long stays as it is: ``make soak``, ten minutes of it.

    ZAVORA_SOAK_MINUTES=60 python -m benchmarks.soak

Servers of its own, with a standby, celery and metrics that are asked for. An even load
(``soak_load``), every few seconds the memory and the file descriptors of each process, and of the
answers to orders and cancels p50 and p99 of each of 20 slices of the time. Before it begins each
market trades until what is kept of its trades is full. Held is, from the second quarter of the time
(the first is for whatever else has a bound and fills) to the last one:

* memory: the median of a process's samples grows by less than 2 %. Counted is what is resident and
  its own (no files, no shared memory, which PostgreSQL fills up to ``shared_buffers``); of
  PostgreSQL the sum over its processes.
* file descriptors: the median of those in use is not more. Of PostgreSQL counted are its processes,
  a connection each: they keep files of tables open on purpose, up to ``max_files_per_process``.
* p99: the median over the slices of a quarter is less than 20 % above the former. Where it is not,
  the machine may be what changed: then the exchange is held against a new one, by turns.

Ends with 1 where one of them is not held.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, median_low
from typing import Any, Final

import httpx
import msgspec
import psutil

from benchmarks import machine, venue
from benchmarks.http_load import HttpTrader
from benchmarks.machine import load_text
from benchmarks.partition_place import Place
from benchmarks.remote import Remote
from benchmarks.soak_load import SoakLoad, SoakSpec
from tests.exchange import Exchange
from tests.measured import Measured

SLICES: Final = 20
QUARTER: Final = SLICES // 4
SAMPLE_EACH_S: Final = 3.0
MEMORY_GROWTH_MAX: Final = 0.02
P99_DRIFT_MAX: Final = 0.20
RATE_PER_S: Final = 80.0
# A turn of the old exchange, or of a new one that is let run itself in before.
TURN_S: Final = 15.0
PAIRS: Final = 8
MIB: Final = 1 << 20


@dataclass
class Series:
    """What was seen of a process: moments as parts of the time, memory in bytes, descriptors."""

    at: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    files: list[int] = field(default_factory=list)

    def quarter(self, values: list[int], number: int) -> list[int]:
        """Return the values of a quarter, counted from 0."""
        return [
            value
            for at, value in zip(self.at, values, strict=True)
            if number / 4 <= at < (number + 1) / 4
        ]


def growth(series: Series) -> float:
    """Return by which part memory grew, from the second quarter's median to the last one's."""
    return median(series.quarter(series.memory, 3)) / median(series.quarter(series.memory, 1)) - 1


def more_files(series: Series) -> int:
    """Return how many descriptors more are in use in the last quarter than in the second."""
    return median_low(series.quarter(series.files, 3)) - median_low(series.quarter(series.files, 1))


def p99_drift(slices: list[Mapping[str, float]]) -> float:
    """Return by which part p99 is later in the last quarter than in the second."""
    p99 = [one["p99_ms"] for one in slices]
    return median(p99[3 * QUARTER :]) / median(p99[QUARTER : 2 * QUARTER]) - 1


def judge(found: Mapping[str, Series]) -> list[str]:
    """Return what is not held of memory and files, a line each."""
    wrong = []
    for name, series in found.items():
        if (grown := growth(series)) >= MEMORY_GROWTH_MAX:
            wrong.append(f"memory of {name} grew by {grown:.1%}")
        if (more := more_files(series)) > 0:
            wrong.append(f"{name} has {more} file descriptors more in use")
    return wrong


def judge_lateness(drift: float, than_new: float | None) -> list[str]:
    """Return what is not held of p99: its drift, and where asked for how it is beside a new one's.

    A machine that slows down does it to both.
    """
    if drift < P99_DRIFT_MAX or (than_new is not None and than_new < P99_DRIFT_MAX):
        return []
    beside = "" if than_new is None else f", and {than_new:.0%} later than a new exchange's"
    return [f"p99 is {drift:.0%} later{beside}"]


class Sampler:
    """Looks at each process every few seconds, in a thread, and asks for its metrics."""

    def __init__(self, measured: Measured, seconds: float) -> None:
        self.found: dict[str, Series] = {}
        self.failed: Exception | None = None
        self._measured = measured
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler")

    def __enter__(self) -> "Sampler":
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            with httpx.Client(timeout=5) as client:
                while not self._stop.wait(SAMPLE_EACH_S):
                    self._look()
                    for port in self._measured.ports.values():
                        client.get(f"http://127.0.0.1:{port}/metrics").raise_for_status()
        except Exception as error:
            self.failed = error

    def _look(self) -> None:
        at = (time.monotonic() - self._began) / self._seconds
        exchange = self._measured.exchange
        for name in exchange.names():
            memory, files = _taken_by(psutil.Process(exchange.pid(name)), name == "postgres")
            series = self.found.setdefault(name, Series())
            series.at.append(at)
            series.memory.append(memory)
            series.files.append(files)


def _taken_by(process: psutil.Process, is_postgres: bool) -> tuple[int, int]:
    """Return memory and descriptors of a process and its children, whoever of them still lives."""
    memory = files = 0
    for one in (process, *process.children(recursive=True)):
        try:
            resident = one.memory_info()
            memory += resident.rss - resident.shared
            files += 1 if is_postgres else one.num_fds()
        except psutil.NoSuchProcess:
            continue
    return memory, files


def main() -> int:
    """Soak and tell; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    minutes = float(os.environ.get("ZAVORA_SOAK_MINUTES") or "10")
    parser.add_argument("--minutes", type=float, default=minutes)
    parser.add_argument(
        "--rate", type=float, default=RATE_PER_S, help="orders and cancels a second"
    )
    options = parser.parse_args()
    _say(f"{options.minutes:g} minutes at {options.rate:g}/s; {load_text()}")
    with (
        tempfile.TemporaryDirectory(prefix="zavora-soak-") as folder,
        Exchange(
            Path(folder) / "home", processes=["worker-0"], extra_env=machine.production()
        ) as exchange,
    ):
        place = venue.open_all(exchange)
        measured = _measured(exchange)
        spec = _spec(exchange, place, options.rate)
        found, told = _soak(measured, msgspec.structs.replace(spec, seconds=options.minutes * 60))
        _tell(found, told)
        drift, than_new = p99_drift(told["slices"]), None
        if drift >= P99_DRIFT_MAX:
            than_new = _later_than_a_new_one(spec, Path(folder) / "new")
            _say(f"p99 beside a new exchange's {than_new:+.1%}")
        _say(exchange.manage("reconcile").strip().splitlines()[-1])
        _say(exchange.manage("verify_journal").strip().splitlines()[-1])
    wrong = judge(found) + judge_lateness(drift, than_new)
    _say("\n".join(wrong) or "held")
    return int(bool(wrong))


def _measured(exchange: Exchange) -> Measured:
    """Start everything, all of it with metrics; the worker that there is makes way."""
    exchange.kill("worker-0")
    measured = Measured(exchange, "uvicorn")
    measured.start_standby()
    measured.start_celery()
    for name in measured.ports:
        measured.text(name)  # waits until it can be asked
    return measured


def _spec(exchange: Exchange, place: venue.Venue, rate: float) -> SoakSpec:
    """Return the load of a turn."""
    traders = [
        HttpTrader(one.token, [str(account) for account, _ in one.accounts])
        for one in place.traders
    ]
    return SoakSpec(exchange.base_url, place.markets, traders, rate, TURN_S, SLICES)


def _later_than_a_new_one(spec: SoakSpec, home: Path) -> float:
    """Return by which part p99 is later than that of an exchange that has just begun, by turns."""
    with (
        Exchange(home, processes=["worker-0"], extra_env=machine.production()) as exchange,
        Remote(Place, exchange.env) as remote,
    ):
        place = remote.call("open")
        _measured(exchange)
        one_slice = msgspec.structs.replace(spec, slices=1, names="beside")
        new_spec = msgspec.structs.replace(_spec(exchange, place, spec.rate_per_s), slices=1)
        with Remote(SoakLoad, one_slice) as old, Remote(SoakLoad, new_spec) as new:
            new.call("fill")
            new.call("run")
            ratios = []
            for number in range(PAIRS):
                p99_ms = {
                    load: load.call("run")["slices"][0]["p99_ms"]
                    for load in ((old, new) if number % 2 else (new, old))
                }
                ratios.append(p99_ms[old] / p99_ms[new])
    return median(ratios) - 1


def _soak(measured: Measured, spec: SoakSpec) -> tuple[dict[str, Series], dict[str, Any]]:
    with Remote(SoakLoad, spec) as load:
        _say(f"trades before it begins: {load.call('fill')}")
        with Sampler(measured, spec.seconds) as sampler:
            told = load.call("run")
    if sampler.failed is not None:
        raise sampler.failed
    return sampler.found, told


# --- telling --------------------------------------------------------------------------------------


def _tell(found: Mapping[str, Series], told: Mapping[str, Any]) -> None:
    """Print the curve, a line for each slice, then what is judged."""
    _say(f"answers {told['answers']}, {told['pushed']:,} pushes; {load_text()}")
    _say(_row("slice", ["p50 ms", "p99 ms", *found]) + "   (MiB)")
    for number, slice_ in enumerate(told["slices"]):
        memory = [_mib_in(series, number) for series in found.values()]
        _say(_row(str(number + 1), [slice_["p50_ms"], slice_["p99_ms"], *memory]))
    _say(_row("grew", ["", "", *(f"{growth(series):+.1%}" for series in found.values())]))
    files = [f"{max(series.files)} {more_files(series):+}" for series in found.values()]
    _say(_row("files", ["", "", *files]))
    _say(f"p99 {p99_drift(told['slices']):+.1%}")


def _mib_in(series: Series, number: int) -> str:
    low, high = number / SLICES, (number + 1) / SLICES
    values = [value for at, value in zip(series.at, series.memory, strict=True) if low <= at < high]
    return f"{median(values) / MIB:.1f}" if values else "-"


def _row(name: str, cells: Iterable[Any]) -> str:
    return f"{name:6}" + "".join(f"{cell!s:>17}" for cell in cells)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
