"""What the page costs while its book changes 50 times a second, and whether it grows.

    make page-soak                       half an hour (ZAVORA_PAGE_SOAK_MINUTES)
    python -m benchmarks.page.soak --minutes 5

A signed-in page with orders of its own in the book, at 1440x900. Held is:

* updates: at least 50 pushes a second of the book's channel come in, counted at its socket;
* script: less than 30 % of a core, the median of the samples, by Chromium's own count (processor
  time of the page's main thread in script; so what else runs on the machine does not count);
* heap: after garbage collection, from the second quarter of the time to the last, grows by less
  than 2 % (the first quarter is for whatever has a bound and fills); nodes and listeners, too.

Ends with 1 where one of them is not held, or where a script failed.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from playwright.sync_api import CDPSession, Page

from benchmarks.machine import load_text
from benchmarks.page.place import Place, open_place

UPDATES_MIN: Final = 50.0
# Commits that come together are told together: so many more changes are made.
CHANGES_PER_S: Final = 64.0
SCRIPT_MAX: Final = 0.30
GROWTH_MAX: Final = 0.02
SAMPLES: Final = 40
SAMPLE_MIN_S: Final = 3.0
# What of the main thread's time is told; the rest of TaskDuration is the browser's own.
PARTS: Final = ("Script", "Layout", "RecalcStyle", "Task")


@dataclass
class Sample:
    """What was seen between two moments: updates a second, and shares of a core by what for."""

    updates: float
    shares: dict[str, float]
    heap: int
    nodes: int
    listeners: int


# What must not grow.
LEFT: Final[dict[str, Callable[[Sample], int]]] = {
    "heap": lambda one: one.heap,
    "nodes": lambda one: one.nodes,
    "listeners": lambda one: one.listeners,
}


@dataclass
class Watch:
    """Counts what comes in, and reads the browser's own figures."""

    page: Page
    devtools: CDPSession
    updates: int = 0
    samples: list[Sample] = field(default_factory=list)

    @classmethod
    def over(cls, page: Page) -> "Watch":
        """Watch a page from its next load on."""
        watch = cls(page, page.context.new_cdp_session(page))
        watch.devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.on("websocket", lambda socket: socket.on("framereceived", watch.count))
        return watch

    def count(self, frame: str | bytes) -> None:
        """Count a push of the book's channel."""
        if isinstance(frame, str) and frame.startswith('{"method":"orderbook"'):
            self.updates += 1

    def figures(self) -> dict[str, float]:
        """Return Chromium's metrics of the page."""
        told = self.devtools.send("Performance.getMetrics")["metrics"]
        return {one["name"]: one["value"] for one in told}

    def sample(self, seconds: float) -> None:
        """Look on for a while, then collect garbage and count what is left."""
        before, began, updates = self.figures(), time.monotonic(), self.updates
        self.page.wait_for_timeout(seconds * 1_000)
        after, took = self.figures(), time.monotonic() - began
        spent = {one: after[f"{one}Duration"] - before[f"{one}Duration"] for one in PARTS}
        self.devtools.send("HeapProfiler.collectGarbage")
        left = self.figures()
        self.samples.append(
            Sample(
                (self.updates - updates) / took,
                {one: seconds / took for one, seconds in spent.items()},
                int(left["JSHeapUsedSize"]),
                int(left["Nodes"]),
                int(left["JSEventListeners"]),
            )
        )


def judge(samples: list[Sample]) -> list[str]:
    """Return what is not held, a line each."""
    wrong = []
    if (updates := median(one.updates for one in samples)) < UPDATES_MIN:
        wrong.append(f"only {updates:.1f} updates a second came in")
    if (script := median(one.shares["Script"] for one in samples)) >= SCRIPT_MAX:
        wrong.append(f"script takes {script:.1%} of a core")
    for what, left in LEFT.items():
        if (grown := growth([left(one) for one in samples])) >= GROWTH_MAX:
            wrong.append(f"{what} grew by {grown:.1%}")
    return wrong


def growth(values: list[int]) -> float:
    """Return by which part the last quarter's median is above that of the second."""
    quarter = len(values) // 4
    return median(values[3 * quarter :]) / median(values[quarter : 2 * quarter]) - 1


def main() -> int:
    """Soak and tell; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page.soak", description=__doc__)
    minutes = float(os.environ.get("ZAVORA_PAGE_SOAK_MINUTES") or "30")
    parser.add_argument("--minutes", type=float, default=minutes)
    options = parser.parse_args()
    _say(f"{options.minutes:g} minutes; {load_text()}")
    with open_place() as place:
        samples, errors = soak(place, options.minutes * 60)
    _tell(samples)
    wrong = judge(samples) + errors
    _say("\n".join(wrong) or "held")
    return int(bool(wrong))


def soak(place: Place, seconds: float) -> tuple[list[Sample], list[str]]:
    """Let the book move and look on; return the samples, and what the page complained of."""
    person = place.trader()
    watch = Watch.over(person.page)
    person.open()
    each = max(SAMPLE_MIN_S, seconds / SAMPLES)
    count = max(8, round(seconds / each))
    place.movers.start("run", CHANGES_PER_S, count * (each + 0.5) + 5)
    person.page.wait_for_timeout(2_000)
    for _ in range(count):
        watch.sample(each)
    _say(f"{place.movers.result():.1f} changes of the book a second were answered; {load_text()}")
    return watch.samples, person.errors


def _tell(samples: list[Sample]) -> None:
    """Print a line for each eighth of the time, then the medians."""
    heads = ("updates/s", *(f"{part} %" for part in PARTS), "heap KiB", "nodes", "listeners")
    _say("part  " + "".join(f"{head:>14}" for head in heads))
    size = max(1, len(samples) // 8)
    for begin in range(0, len(samples), size):
        _say(f"{begin // size + 1:<6}" + _row(samples[begin : begin + size]))
    _say("all   " + _row(samples))
    for what, left in LEFT.items():
        _say(f"{what} {growth([left(one) for one in samples]):+.2%}")


def _row(samples: list[Sample]) -> str:
    cells = [f"{median(one.updates for one in samples):.1f}"]
    cells += [f"{median(one.shares[part] for one in samples) * 100:.1f}" for part in PARTS]
    cells.append(f"{median(one.heap for one in samples) / 1024:.0f}")
    cells += [
        f"{median(getattr(one, what) for one in samples):.0f}" for what in ("nodes", "listeners")
    ]
    return "".join(f"{cell:>14}" for cell in cells)


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
