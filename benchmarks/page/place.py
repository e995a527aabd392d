"""An exchange of its own with somebody at its trading page, and others who move its book."""

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import httpx
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from benchmarks.page.movers import Mover, Movers, MoverSpec
from benchmarks.remote import Remote
from tests.browsers import BROWSERS, find_chromium
from tests.e2e.conftest import BROWSER_ARGUMENTS
from tests.e2e.trader import DESKTOP, Trader
from tests.exchange import Exchange

MARKET: Final = "BTC/EUR"
MIDDLE_CENTS: Final = 6_000_000
MOVERS: Final = 2
FUNDS: Final = (("EUR", "900000000"), ("BTC", "100000"))


@dataclass
class Place:
    """Where a page is measured."""

    exchange: Exchange
    browser: Browser
    movers: Remote[Movers]

    def funded(self, token: str) -> Mover:
        """Give the person of a token funds of both currencies."""
        return funded(self.exchange, token)

    def visitor(self, size: tuple[int, int] = DESKTOP) -> Trader:
        """Return somebody with a browser context of their own."""
        return Trader(self.context(size), MARKET.replace("/", "-"))

    def context(self, size: tuple[int, int] = DESKTOP) -> BrowserContext:
        """Return a browser context at this exchange."""
        return self.browser.new_context(
            base_url=self.exchange.base_url, viewport={"width": size[0], "height": size[1]}
        )

    def trader(self, size: tuple[int, int] = DESKTOP) -> Trader:
        """Return somebody with funds, at the trading page, with a few orders in the book."""
        person = self.visitor(size).sign_up()
        person.deposit("EUR", "1000000")
        person.deposit("BTC", "20")
        for cents in itertools.islice(itertools.count(MIDDLE_CENTS - 130, -150), 4):
            person.place_limit("Buy", "0.25", f"{cents // 100}.{cents % 100:02}")
        return person


def chromium() -> str:
    """Return a Chromium on PATH. Raises SystemExit."""
    found = find_chromium()
    if found is None:
        raise SystemExit(f"none of these is on PATH: {', '.join(BROWSERS)}")
    return found


@contextlib.contextmanager
def open_place() -> Iterator[Place]:
    """Start exchange, browser and movers; the book is filled."""
    with (
        Exchange(demo=True) as exchange,
        Remote(Movers, spec_of(exchange)) as movers,
        sync_playwright() as playwright,
    ):
        movers.call("fill")
        browser = playwright.chromium.launch(executable_path=chromium(), args=BROWSER_ARGUMENTS)
        yield Place(exchange, browser, movers)
        browser.close()


def spec_of(exchange: Exchange) -> MoverSpec:
    """Make the movers and give them their funds."""
    tokens = [exchange.create_token(f"mover-{number}@example.com") for number in range(MOVERS)]
    movers = [funded(exchange, token) for token in tokens]
    return MoverSpec(exchange.ws_url, MARKET, movers, MIDDLE_CENTS)


def funded(exchange: Exchange, token: str) -> Mover:
    """Give the person of a token funds of both currencies."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{exchange.base_url}/api/v1", headers=headers) as http:
        account = http.get("/accounts").json()["data"][0]["id"]
        for asset, amount in FUNDS:
            sent = {"asset": asset, "amount": amount}
            http.post(f"/accounts/{account}/deposit", json=sent).raise_for_status()
    return Mover(token, account)
