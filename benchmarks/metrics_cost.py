"""What watching costs: ``python -m benchmarks.metrics_cost``, by turns with none of it.

The durable rate of one worker, and the rate of 64 clients over HTTP, each with metrics on (counted,
exposed and asked for every two seconds) and off, one right after the other, and the other way round
the next time; then the same with one request in a hundred traced, and sent to a collector. Beside
the rates the processor time of a command, which a busy machine disturbs less. Ends with 1 where the
median of any rate's pairs loses more than 3 %, however many more of them are played.
"""

import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import urllib.request
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil

from benchmarks import machine, venue
from benchmarks.http_load import HttpLoad
from benchmarks.http_orders import CONNECTIONS, RATE_MAX, checked, http_spec
from benchmarks.remote import Remote
from benchmarks.stream_load import StreamLoad, StreamSpec
from benchmarks.stream_to_commit import BOOK_ORDERS
from tests.exchange import Exchange
from tests.stub_server import Sink, serving
from zavora.runner.embedded.valkey import free_port
from zavora.runner.exchange import HOST, marketdata, matching_worker, web
from zavora.runner.home import Home, home_from_environment, load_environment
from zavora.runner.processes import ProcessSpec

SCRAPE_S: Final = 2.0
TRACED_EACH: Final = 100
LOSS_MAX: Final = 0.03
# So many times the pairs that are asked for, where they lose too much.
MORE_MAX: Final = 3
WARM_UP_S: Final = 1.0
# Commands that are played first, to know how many a turn needs.
TRIAL_STEPS: Final = 20_000
TRIAL_S: Final = 1.0
# Enough to be waited for at a turn's end, if it goes so much better than the best before.
SPARE: Final = 1.3
SPARE_STEPS: Final = 5_000


class Side:
    """One process that is started anew for each turn, watched or not."""

    def __init__(
        self, exchange: Exchange, spec: ProcessSpec, ready: Callable[[], None], watch: "Watch"
    ) -> None:
        self.name = spec.name
        self._exchange = exchange
        self._spec = spec
        self._ready = ready
        self._watch = watch
        self._is_launched = spec.name in exchange.names()

    @contextlib.contextmanager
    def turn(self, *, is_on: bool) -> Iterator[None]:
        """Let the process run watched, or not."""
        if self._is_launched:
            self._exchange.kill(self.name, signal.SIGTERM)
        with self._watch() if is_on else by_nobody() as (env, begin):
            self._exchange.launch(replace(self._spec, env={**self._spec.env, **env}))
            self._is_launched = True
            self._ready()
            begin()
            yield

    def cpu_s(self) -> float:
        """Return the processor time that the process has used."""
        return sum(psutil.Process(self._exchange.pid(self.name)).cpu_times()[:2])


# What a process must be told to be watched, and what to do once it is ready.
Watch = Callable[[], contextlib.AbstractContextManager[tuple[dict[str, str], Callable[[], None]]]]


@contextlib.contextmanager
def by_nobody() -> Iterator[tuple[dict[str, str], Callable[[], None]]]:
    """Watch not at all."""
    yield {}, lambda: None


@contextlib.contextmanager
def by_metrics() -> Iterator[tuple[dict[str, str], Callable[[], None]]]:
    """Watch as Prometheus does."""
    port, stop = free_port(), threading.Event()
    scraping = threading.Thread(target=_scrape, args=(port, stop))
    try:
        yield {"ZAVORA_METRICS_BIND": f"{HOST}:{port}"}, scraping.start
    finally:
        stop.set()
        if scraping.ident is not None:
            scraping.join()


@contextlib.contextmanager
def by_traces() -> Iterator[tuple[dict[str, str], Callable[[], None]]]:
    """Watch as a collector of traces does. Raises AssertionError where it was sent nothing."""
    taken = Sink.taken
    with serving(Sink) as port:
        url = f"http://{HOST}:{port}"
        yield (
            {"ZAVORA_TRACE_RATIO": str(1 / TRACED_EACH), "OTEL_EXPORTER_OTLP_ENDPOINT": url},
            lambda: None,
        )
    if Sink.taken == taken:
        raise AssertionError("the collector was sent nothing: what was measured is no tracing")


WATCHES: Final[dict[str, Watch]] = {"metrics": by_metrics, "traces": by_traces}


def _scrape(port: int, stop: threading.Event) -> None:
    while not stop.wait(SCRAPE_S):
        with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=5) as answer:
            answer.read()


Turn = Callable[[], tuple[float, int]]


def by_turns(side: Side, run: Turn, *, pairs: int) -> dict[str, Any]:
    """Return rates and processor times of both, and the median loss over the pairs.

    ``run`` returns a rate, and how many commands were played for it in all. Where the first pairs
    say that it is too much, more are played: the noise of a few is larger than what is asked.
    """
    rates: dict[bool, list[float]] = {True: [], False: []}
    cpu_us: dict[bool, list[float]] = {True: [], False: []}

    def loss() -> float:
        return 1 - median(on / off for on, off in zip(rates[True], rates[False], strict=True))

    for number in range(pairs * MORE_MAX):
        if number >= pairs and loss() <= LOSS_MAX:
            break
        for is_on in (True, False) if number % 2 else (False, True):
            with side.turn(is_on=is_on):
                before = side.cpu_s()
                rate, played = run()
                rates[is_on].append(rate)
                cpu_us[is_on].append((side.cpu_s() - before) / played * 1e6)
        print(
            f"  {side.name}: off {rates[False][-1]:,.0f}/s {cpu_us[False][-1]:.1f} us,"
            f" on {rates[True][-1]:,.0f}/s {cpu_us[True][-1]:.1f} us",
            flush=True,
        )
    return {
        "loss": loss(),
        "pairs": len(rates[True]),
        "cpu_more": median(on / off for on, off in zip(cpu_us[True], cpu_us[False], strict=True))
        - 1,
        "off_per_s": round(median(rates[False])),
        "on_per_s": round(median(rates[True])),
    }


def durable(
    exchange: Exchange, place: venue.Venue, watch: Watch, *, seconds: float, pairs: int
) -> dict[str, Any]:
    """Measure the worker at as much as it can take, some of which is traced if it likes."""
    spec = StreamSpec(
        exchange.redis_url,
        exchange.database_url,
        0,
        place.markets,
        place.account_ids(),
        seed=12,
        cancel_share=0.35,
        traced_each=TRACED_EACH,
    )
    side = Side(
        exchange,
        matching_worker(exchange.env, shard=0),
        lambda: venue.wait_for_worker(exchange, 0),
        watch,
    )
    with Remote(StreamLoad, spec) as load:
        load.call("prepare_books", BOOK_ORDERS)
        load.call("play")
        load.call("prepare", TRIAL_STEPS)
        best = float(load.call("saturate", TRIAL_S, 0.3)["commands_per_s"])

        def run() -> tuple[float, int]:
            nonlocal best
            load.call("prepare", int(best * (seconds + WARM_UP_S) * SPARE) + SPARE_STEPS)
            result = load.call("saturate", seconds, WARM_UP_S)
            rate = float(result["commands_per_s"])
            best = max(best, rate)
            return rate, int(result["played"])

        return by_turns(side, run, pairs=pairs)


def over_http(
    exchange: Exchange, place: venue.Venue, watch: Watch, *, seconds: float, pairs: int
) -> dict[str, Any]:
    """Measure the web process with 64 clients; nobody watches the worker."""
    spec = web(exchange.env, port=exchange.port, server="uvicorn")
    side = Side(exchange, spec, exchange.wait_until_healthy, watch)
    with Remote(HttpLoad, http_spec(exchange, place, seed=14)) as load:

        def run() -> tuple[float, int]:
            load.call("prepare", int((seconds + WARM_UP_S) * RATE_MAX))
            result = checked(load.call("run", CONNECTIONS, seconds, WARM_UP_S))
            return float(result["orders_per_s"]), sum(result["statuses"].values())

        return by_turns(side, run, pairs=pairs)


def measure(name: str, folder: Path, **sizes: Any) -> dict[str, dict[str, Any]]:
    """Measure what one way of watching costs, on an exchange of its own."""
    watch = WATCHES[name]
    with Exchange(
        folder / name, processes=("worker-0",), extra_env=machine.production()
    ) as exchange:
        print(f"{name}; load before: {machine.describe(exchange)['load_before']}", flush=True)
        place = venue.open_all(exchange)
        found = {"durable": durable(exchange, place, watch, **sizes)}
        exchange.kill("worker-0", signal.SIGTERM)
        exchange.launch(matching_worker(exchange.env, shard=0))
        exchange.launch(marketdata(exchange.env))
        found["HTTP"] = over_http(exchange, place, watch, **sizes)
        print("  " + exchange.manage("reconcile").strip())
        print(f"  load after: {psutil.getloadavg()}")
    return {f"{kind}, {name}": one for kind, one in found.items()}


def main() -> int:
    """Measure what is asked for; return the exit code."""
    parser = ArgumentParser(prog="python -m benchmarks.metrics_cost", description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="of a turn")
    parser.add_argument("--pairs", type=int, default=6)
    parser.add_argument("--only", choices=list(WATCHES), help="one of them")
    options = parser.parse_args()
    if options.only is None:
        # Each has an exchange of its own, and a process is one of one exchange alone.
        each = [
            [sys.executable, "-m", __spec__.name, *sys.argv[1:], "--only", name] for name in WATCHES
        ]
        return max([subprocess.run(command).returncode for command in each])
    load_environment()
    home = Home(home_from_environment())
    home.prepare()
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=home.path))
    sizes = {"seconds": options.seconds, "pairs": options.pairs}
    try:
        found = measure(options.only, folder, **sizes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for name, one in found.items():
        print(
            f"{name}: {one['off_per_s']:,}/s without, {one['on_per_s']:,}/s with;"
            f" median loss of {one['pairs']} pairs {one['loss']:.1%},"
            f" processor time {one['cpu_more']:+.1%}"
        )
    return int(max(one["loss"] for one in found.values()) > LOSS_MAX)


if __name__ == "__main__":
    sys.exit(main())
