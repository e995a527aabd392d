"""Pictures of the pages for the documents, from a demo that trades: ``make pictures``.

An exchange of its own with two days of simulated history and the demo's traders; the demo's visitor
places a few orders, and each page is taken as it is then. WebP files in ``docs/images``; one above
``BYTES_MAX`` fails, so that the repository stays small.
"""

import base64
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from playwright.sync_api import Page, expect, sync_playwright

from benchmarks.page.place import chromium
from tests.e2e.accessibility import set_theme
from tests.e2e.conftest import BROWSER_ARGUMENTS
from tests.e2e.trader import DESKTOP, PHONE, Trader
from tests.exchange import Exchange
from zavora.demo.catalogue import DEMO_PASSWORD, OPERATOR, VISITOR

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs/images"
BYTES_MAX: Final = 150_000
QUALITY: Final = 80
MARKET: Final = "BTC-USD"
# Some candles of the run itself, and a tape that has moved.
TRADES_MIN: Final = 20
WAIT_MS: Final = 60_000


class Picture(NamedTuple):
    """A file's name, the page in it, and what is done there first."""

    name: str
    path: str
    size: tuple[int, int] = DESKTOP
    theme: str = "dark"
    prepare: Callable[[Page], None] | None = None


def main() -> int:
    """Take all of them; return the exit code."""
    FOLDER.mkdir(exist_ok=True)
    with Exchange(demo=True, demo_options=(), traders=True) as exchange, _browser(exchange) as new:
        person = new(VISITOR.email, DESKTOP)
        _trade(person)
        sizes = [_take(person.page, picture) for picture in PICTURES]
        operator = new(OPERATOR.email, DESKTOP)
        sizes += [_take(operator.page, picture) for picture in DESK]
    too_large = [name for name, size in sizes if size > BYTES_MAX]
    for name, size in sizes:
        print(f"{name}: {size:,} bytes")
    if too_large:
        print(f"above {BYTES_MAX:,} bytes: {', '.join(too_large)}")
    return int(bool(too_large))


@contextmanager
def _browser(exchange: Exchange) -> Iterator[Callable[[str, tuple[int, int]], Trader]]:
    """Give a maker of visitors who are logged in as somebody of the demo."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium(), args=BROWSER_ARGUMENTS)

        def new(email: str, size: tuple[int, int]) -> Trader:
            context = browser.new_context(
                base_url=exchange.base_url, viewport={"width": size[0], "height": size[1]}
            )
            person = Trader(context, MARKET)
            person.email = email
            person.log_in(DEMO_PASSWORD)
            person.open()
            return person

        yield new
        browser.close()


def _trade(person: Trader) -> None:
    """Buy and sell a little and leave a few orders, so that there is something to see."""
    page = person.page
    tape = page.locator("#tape .tape-row")
    expect(tape.nth(TRADES_MIN)).to_be_attached(timeout=WAIT_MS)
    expect(page.locator("#price")).not_to_have_value("")
    last = float(page.locator("#price").input_value())
    for side, quantity, far in (("Buy", "0.05", 1.02), ("Sell", "0.02", 0.98)):
        person.place_limit(side, quantity, f"{last * far:.2f}")
    for side, quantity, far in (
        ("Buy", "0.1", 0.9992),
        ("Buy", "0.25", 0.9985),
        ("Sell", "0.15", 1.001),
    ):
        person.place_limit(side, quantity, f"{last * far:.2f}")
    expect(person.rows("open")).to_have_count(3)
    welcome = page.get_by_role("button", name="Close the first steps")
    with page.expect_response("**/api/v1/preferences"):
        welcome.click()


def _fill_in(page: Page) -> None:
    """Stand in the form with an order that is estimated."""
    page.locator("#quantity").fill("0.2")
    expect(page.locator("#preview")).to_be_visible()


def _open_proof(page: Page) -> None:
    page.locator("#tab-history").click()
    page.locator("#panel-history .row-opener").first.click()
    expect(page.locator("dialog[open] tbody tr").first).to_be_visible()


TRADING: Final = f"/trade/{MARKET}"
PICTURES: Final = (
    Picture("trading-dark", TRADING, prepare=_fill_in),
    Picture("trading-light", TRADING, theme="light", prepare=_fill_in),
    Picture("trading-phone-dark", TRADING, PHONE),
    Picture("trading-phone-light", TRADING, PHONE, "light"),
    Picture("proof", TRADING, prepare=_open_proof),
    Picture("portfolio", "/portfolio", theme="light"),
    Picture("wallet", "/wallet", theme="light"),
    Picture("orders", "/orders", theme="light"),
    Picture("markets", "/markets", theme="light"),
    Picture("status", "/status", theme="light"),
    Picture("help", "/help", theme="light"),
)
DESK: Final = (Picture("desk", "/admin/", theme="light"),)


def _take(page: Page, picture: Picture) -> tuple[str, int]:
    """Write a picture; return its file's name and size."""
    page.set_viewport_size({"width": picture.size[0], "height": picture.size[1]})
    answer = page.goto(picture.path)
    assert answer is not None
    assert answer.ok, picture.path
    set_theme(page, picture.theme)
    if picture.path == TRADING:
        expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        expect(page.locator("#chart-legend")).not_to_be_empty()
        expect(page.locator("#tape .tape-row").first).to_be_attached()
    if picture.prepare is not None:
        picture.prepare(page)
    page.wait_for_load_state("networkidle")
    devtools = page.context.new_cdp_session(page)
    asked = {"format": "webp", "quality": QUALITY}
    taken = base64.b64decode(devtools.send("Page.captureScreenshot", asked)["data"])
    devtools.detach()
    file = FOLDER / f"{picture.name}.webp"
    file.write_bytes(taken)
    return file.name, len(taken)


if __name__ == "__main__":
    sys.exit(main())
