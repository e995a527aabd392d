"""``python -m benchmarks``: measure everything, print a table, write ``$ZAVORA_HOME/bench.json``.

Examples:
  python -m benchmarks                 all of it, in one run
  python -m benchmarks --quick         the same, too short to quote: to see that all works
  python -m benchmarks --only b        one part (a, b, c, d, f, g or h); several: --only b --only c
  python -m benchmarks --servers       compare the web servers under (c)
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from benchmarks import (
    compat_orders,
    depth_requests,
    engine_alone,
    engine_curve,
    http_orders,
    machine,
    plain_exchange,
    recovery,
    report,
    servers,
    stop_chain,
    stream_to_commit,
    venue,
)
from tests.exchange import Exchange
from zavora.runner.exchange import marketdata, web
from zavora.runner.home import Home, home_from_environment, load_environment

PARTS = ("a", "b", "c", "d", "f", "g", "h")


class Sizes(msgspec.Struct, frozen=True):
    """How long and how often things are measured."""

    engine_commands: int = 200_000
    engine_books: tuple[int, ...] = engine_curve.SIZES
    recovery_orders: int = 100_000
    stream_s: float = 8.0
    stream_runs: int = 3
    paced_s: float = 10.0
    single_s: float = 10.0
    http_s: float = 8.0
    http_runs: int = 3
    baseline_trial_s: float = 4.0
    baseline_s: float = 8.0
    baseline_runs: int = 2
    compat_s: float = 6.0
    compat_runs: int = 4
    depth_s: float = 4.0
    depth_runs: int = 5
    chain_stops: int = 10_000


QUICK = Sizes(
    20_000, (1_000, 10_000), 5_000, 2.0, 1, 2.0, 2.0, 2.0, 1, 1.5, 2.0, 1, 2.0, 1, 1.0, 2, 500
)


def main() -> int:
    """Measure what is asked for; return the exit code."""
    options = _options()
    load_environment()
    home = Home(home_from_environment())
    home.prepare()
    parts = tuple(options.only or PARTS)
    sizes = QUICK if options.quick else Sizes()
    # On the disk of the home, not in a temporary folder that may be memory.
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=home.path))
    try:
        figures = _measure(parts, sizes, folder, is_comparison=options.servers)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if options.servers:
        return 0
    report.add_ratios(figures)
    print("\n" + report.table(figures))
    file = home.path / "bench.json"
    report.write(figures, file)
    print(f"\nWritten to {file}")
    missed = report.missed(figures)
    if missed:
        print(f"Not as required: {', '.join(missed)}")
    return 1 if missed and options.check else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="short runs, to see that all works")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part only")
    parser.add_argument("--servers", action="store_true", help="compare the web servers")
    parser.add_argument("--check", action="store_true", help="end with 1 where a floor is missed")
    return parser.parse_args()


def _measure(
    parts: tuple[str, ...], sizes: Sizes, folder: Path, *, is_comparison: bool
) -> dict[str, Any]:
    figures: dict[str, Any] = {"parts": "".join(parts), "measured_at": _now()}
    with Exchange(
        folder / "home", processes=("worker-0",), extra_env=machine.production()
    ) as exchange:
        figures["machine"] = machine.describe(exchange)
        _tell_circumstances(figures)
        if "a" in parts and not is_comparison:
            _say("(a) the engine alone")
            figures |= engine_alone.measure(
                venue.imagined_markets(),
                commands=sizes.engine_commands,
                accounts=venue.USERS * venue.ACCOUNTS_OF_A_USER,
            )
        if "g" in parts and not is_comparison:
            _say("(g) the engine as its books grow")
            figures |= engine_curve.measure(sizes.engine_books)
        _say("setting up markets and 200 accounts")
        place = venue.open_all(exchange)
        if is_comparison:
            exchange.launch(marketdata(exchange.env))
            found = servers.measure(
                exchange, place, single_s=sizes.single_s, seconds=sizes.http_s, runs=sizes.http_runs
            )
            print("\n" + servers.table(found))
            return figures
        _measure_exchange(parts, sizes, exchange, place, figures)
    return figures


def _measure_exchange(
    parts: tuple[str, ...],
    sizes: Sizes,
    exchange: Exchange,
    place: venue.Venue,
    figures: dict[str, Any],
) -> None:
    if "b" in parts:
        _say("(b) stream to commit: worker, PostgreSQL, Valkey; replies and events published")
        figures |= stream_to_commit.measure(
            exchange, place, seconds=sizes.stream_s, runs=sizes.stream_runs, paced_s=sizes.paced_s
        )
    if "h" in parts:
        _say("(h) stops that set each other off, and who trades in another market of the shard")
        figures |= stop_chain.measure(exchange, place.traders, stops=sizes.chain_stops)
    if "c" in parts or "f" in parts:
        exchange.launch(marketdata(exchange.env))
        exchange.launch(web(exchange.env, port=exchange.port, server="uvicorn"))
        exchange.wait_until_healthy()
        _measure_web(parts, sizes, exchange, place, figures)
        exchange.kill("web", signal.SIGTERM)
        exchange.kill("marketdata", signal.SIGTERM)
    if not {"b", "c", "f", "h"}.isdisjoint(parts):
        _say("reconcile, after all of it")
        print("  " + exchange.manage("reconcile").strip())
        figures["reconcile"] = "holds"
    if "a" in parts:
        _say(f"(a) recovery of {sizes.recovery_orders:,} resting orders, on a shard of its own")
        figures |= recovery.measure(exchange, place.traders, orders=sizes.recovery_orders)
    exchange.kill("worker-0", signal.SIGTERM)
    if "d" in parts:
        _say("(d) plain Django, DRF and SQL on the same PostgreSQL: trying servers, then the best")
        figures |= plain_exchange.measure(
            exchange,
            place.markets,
            owners=venue.USERS,
            accounts=venue.ACCOUNTS_OF_A_USER,
            trial_s=sizes.baseline_trial_s,
            seconds=sizes.baseline_s,
            runs=sizes.baseline_runs,
        )
        _say(
            f"  best: {figures['baseline_server']}; tried (processes x threads: orders/s)"
            f" {figures['baseline_trials_per_s']}"
        )


def _measure_web(
    parts: tuple[str, ...],
    sizes: Sizes,
    exchange: Exchange,
    place: venue.Venue,
    figures: dict[str, Any],
) -> None:
    if "c" in parts:
        _say("(c) HTTP: the same, and the web server and the market data service")
        figures |= http_orders.measure(
            exchange,
            place,
            seed=4,
            single_s=sizes.single_s,
            seconds=sizes.http_s,
            runs=sizes.http_runs,
        )
    if "f" in parts:
        _say("(f) the Binance-compatible API: orders by turns with v1's, books beside bare ASGI")
        figures |= compat_orders.measure(
            exchange, place, seed=5, seconds=sizes.compat_s, runs=sizes.compat_runs
        )
        figures |= depth_requests.measure(
            exchange, place, seconds=sizes.depth_s, runs=sizes.depth_runs
        )


def _tell_circumstances(figures: dict[str, Any]) -> None:
    """Say on what, how durably and under which limits everything is measured."""
    found = figures["machine"]
    figures["raised_limits"] = dict(machine.RAISED_LIMITS)
    limits = ", ".join(f"{name}={value}" for name, value in machine.RAISED_LIMITS.items())
    print(
        f"Machine: {found['processor']}, {found['cores']} cores, {found['memory_gb']} GB,"
        f" {found['system']}, Python {found['python']}; load before: {found['load_before'][0]}\n"
        f"Durability: PostgreSQL {found['postgresql']} with "
        + ", ".join(f"{name}={value}" for name, value in found["durability"].items())
        + f"; one fdatasync of 8 KB takes {found['file_system_sync_ms']} ms here\n"
        f"Queue: {found['queue']}. Everything, load generators too, shares the cores.\n"
        f"Raised for the run: {limits}\n"
        "Flow: 65% new limit orders, 35% cancels of open ones, a quarter of the new orders meets"
        " the book,\n  200 accounts, 4 markets, fees 0.1% and 0.2%; every new order carries a"
        " client order id,\n  which is its idempotency key. HTTP and plain: the new orders only.",
        flush=True,
    )


def _say(text: str) -> None:
    print(text, flush=True)


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


if __name__ == "__main__":
    sys.exit(main())
