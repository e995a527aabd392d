"""How soon an order is in the list after Enter, beside the API's own answer, by turns.

    make page-speed                      (PAGE_ARGS="--pairs 60 --moving")

A pair is one order by the page's form and one by a program of its own over ``/ws``, which is the
page's way, too; which comes first alternates. The page's time is from the press of Enter to when
the order's row has been drawn; the program's is from sending to having the answer. Printed are the
medians and the median of the pairs' ratios; above 3 this ends with 1.
"""

import argparse
import json
import sys
import time
from statistics import median, quantiles
from typing import Final

from playwright.sync_api import Page
from websockets.sync.client import ClientConnection, connect

from benchmarks.machine import load_text
from benchmarks.page.movers import Mover
from benchmarks.page.place import MARKET, MIDDLE_CENTS, Place, open_place
from benchmarks.remote import Remote
from tests.e2e.trader import Trader

PAIRS: Final = 40
WARMING: Final = 5
RATIO_MAX: Final = 3.0
# Beside the page another socket's messages: as many as the soak has.
MOVING_PER_S: Final = 64.0
SECONDS_OF_A_PAIR: Final = 1.0
WAIT_MS: Final = 10_000
# A task that is posted as the row comes in runs once the frame that has it was drawn.
WATCH_ROW: Final = """
() => {
  const rows = document.getElementById("open-rows");
  const drawn = new MessageChannel();
  drawn.port1.onmessage = () => { window.rowDrawnAt ||= performance.now(); };
  const known = new Set();
  for (const row of rows.children) known.add(row.dataset.key);
  window.pressedAt = window.rowDrawnAt = window.rowMadeAt = 0;
  addEventListener("keydown", (event) => {
    if (event.key === "Enter") window.pressedAt = performance.now();
  }, {capture: true, once: true});
  const watcher = new MutationObserver(() => {
    if (![...rows.children].some((row) => row.dataset.key && !known.has(row.dataset.key))) return;
    window.rowMadeAt ||= performance.now();
    drawn.port2.postMessage(null);
    watcher.disconnect();
  });
  watcher.observe(rows, {childList: true});
}
"""

# What was typed has been drawn before somebody's next key.
REST: Final = """
() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))
"""


class OneByOne:
    """Places orders over ``/ws`` in a process of its own, and tells how long each answer took."""

    def __init__(self, ws_url: str, mover: Mover) -> None:
        self._account = mover.account
        self._connection: ClientConnection = connect(ws_url + "/ws")
        self._ask("authenticate", {"token": mover.token})

    def place(self, price: str) -> float:
        """Return the milliseconds between an order and its answer; the order is cancelled then."""
        order = {
            "user_id": self._account,
            "market": MARKET,
            "side": "Buy",
            "order_type": "Limit",
            "price": price,
            "quantity": "0.001",
        }
        began = time.perf_counter()
        placed = self._ask("placeOrder", order)
        took_ms = (time.perf_counter() - began) * 1_000
        self._ask("cancelOrder", {"order_id": placed["order"]["id"]})
        return took_ms

    def _ask(self, method: str, params: dict[str, str]) -> dict[str, dict[str, str]]:
        self._connection.send(json.dumps({"id": "1", "method": method, "params": params}))
        answer = json.loads(self._connection.recv())
        if "error" in answer:
            raise AssertionError(f"{method} was answered {answer['error']}")
        result: dict[str, dict[str, str]] = answer["result"]
        return result


def by_page(person: Trader, price: str) -> float:
    """Return the milliseconds from Enter in the form to the order's row; it is cancelled then."""
    page = person.page
    page.locator("#price").fill(price)
    page.locator("#quantity").fill("0.001")
    page.evaluate(WATCH_ROW)
    page.evaluate(REST)
    page.keyboard.press("Enter")
    page.wait_for_function("() => window.rowDrawnAt > 0", timeout=WAIT_MS)
    took_ms = float(page.evaluate("window.rowDrawnAt - window.pressedAt"))
    _cancel_newest(page)
    return took_ms


def _cancel_newest(page: Page) -> None:
    rows = page.locator("#open-rows tr")
    count = rows.count()
    rows.first.get_by_role("button", name="Cancel").click()
    page.wait_for_function(
        "(count) => document.getElementById('open-rows').children.length < count", arg=count
    )


def measure(place: Place, pairs: int, *, is_moving: bool) -> tuple[list[float], list[float]]:
    """Return the milliseconds of each pair's page and of its program."""
    person = place.trader()
    person.page.locator("#order-type").get_by_role("radio", name="Limit").click()
    by_page(person, "50000")  # the form remembers what it was told
    token = place.exchange.create_token("by-program@example.com")
    mover = place.funded(token)
    pages, programs = [], []
    with Remote(OneByOne, place.exchange.ws_url, mover) as program:
        if is_moving:
            place.movers.start("run", MOVING_PER_S, (pairs + WARMING) * SECONDS_OF_A_PAIR)
        for number in range(pairs + WARMING):
            cents = MIDDLE_CENTS - 10_000 - number
            price = f"{cents // 100}.{cents % 100:02}"
            if number % 2:
                page_ms, program_ms = by_page(person, price), program.call("place", price)
            else:
                program_ms, page_ms = program.call("place", price), by_page(person, price)
            if number >= WARMING:
                pages.append(page_ms)
                programs.append(program_ms)
        if is_moving:
            place.movers.result()
    if person.errors:
        raise AssertionError(person.errors)
    return pages, programs


def main() -> int:
    """Measure and tell; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page.speed", description=__doc__)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument(
        "--moving", action="store_true", help="while the book changes 50 times a second"
    )
    options = parser.parse_args()
    with open_place() as place:
        pages, programs = measure(place, options.pairs, is_moving=options.moving)
    ratio = median(page / program for page, program in zip(pages, programs, strict=True))
    for name, took_ms in (("Enter to row", pages), ("API's answer", programs)):
        cuts = quantiles(took_ms, n=20)
        print(f"{name}: median {median(took_ms):.1f} ms, 19 of 20 within {cuts[-1]:.1f} ms")
    print(f"ratio {ratio:.2f}, at most {RATIO_MAX:g}, of {len(pages)} pairs; {load_text()}")
    return int(ratio > RATIO_MAX)


if __name__ == "__main__":
    sys.exit(main())
