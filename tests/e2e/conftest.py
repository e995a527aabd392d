"""A headless Chromium for the browser tests, and people who use the page in it."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.e2e.trader import DESKTOP, Trader
from tests.exchange import Exchange

# Chromium heeds only the last list of what is switched off, so this one repeats what Playwright's
# says. The first two would build a search box behind each new window: a second of work for a page.
WITHOUT = (
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "ThirdPartyStoragePartitioning",
)
# No sandbox: the tests may run as root in a container. The rest keeps the browser off the network.
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join(WITHOUT)}",
]


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    """One browser a module: Playwright's event loop must not run in other modules' tests."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium_path, args=BROWSER_ARGUMENTS)
        yield running
        running.close()


@pytest.fixture
def visitor(browser: Browser, exchange: Exchange) -> Iterator[Callable[..., Trader]]:
    """Return a maker of visitors: each has cookies and storage of their own.

    Orders that they leave open are cancelled, and a script error in any page fails the test.
    """
    visitors: list[Trader] = []

    def make(
        *, size: tuple[int, int] = DESKTOP, market: str = "BTC-EUR", host: str = "127.0.0.1"
    ) -> Trader:
        context = browser.new_context(
            base_url=f"http://{host}:{exchange.port}",
            viewport={"width": size[0], "height": size[1]},
        )
        visitors.append(Trader(context, market))
        return visitors[-1]

    yield make
    for person in visitors:
        person.cancel_everything()
        person.context.close()
    assert [error for person in visitors for error in person.errors] == []
