"""How many bytes the trading page takes over the wire when it is opened for the first time.

Chromium counts them: headers and bodies of every answer as they came in, and the text of every
WebSocket message until the page is live, has its book and its candles.
"""

from typing import Any

import msgspec
from playwright.sync_api import CDPSession, expect, sync_playwright

from tests.e2e.conftest import BROWSER_ARGUMENTS


class FirstLoad(msgspec.Struct):
    """The bytes of each answer by its address; those of the socket under ``ws``."""

    sizes: dict[str, int]
    candles: int = 0

    @property
    def total(self) -> int:
        """All bytes together."""
        return sum(self.sizes.values())

    def by_size(self) -> list[tuple[str, int]]:
        """Return what was loaded, the largest first."""
        return sorted(self.sizes.items(), key=lambda item: -item[1])


def first_load(chromium_path: str, base_url: str, *, email: str, password: str) -> FirstLoad:
    """Log in, forget all that is cached, and open the page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=BROWSER_ARGUMENTS)
        context = browser.new_context(base_url=base_url)
        page = context.new_page()
        page.goto("/login")
        form = page.locator("main form")
        form.get_by_label("E-mail").fill(email)
        form.get_by_label("Password").fill(password)
        form.get_by_role("button", name="Log in").click()
        expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        page.goto("about:blank")
        devtools = context.new_cdp_session(page)
        devtools.send("Network.enable")
        devtools.send("Network.clearBrowserCache")
        loaded = FirstLoad({})
        _count(devtools, loaded)
        with page.expect_response("**/candles?*") as answer:
            page.goto("/")
        expect(page.locator("#connection")).to_have_attribute("data-state", "live")
        expect(page.locator("#chart-legend")).not_to_be_empty()
        expect(page.locator("#available")).not_to_have_text("–")
        page.wait_for_load_state("networkidle")
        loaded.candles = len(answer.value.json()["data"]["candles"])
        browser.close()
    return loaded


def _count(devtools: CDPSession, loaded: FirstLoad) -> None:
    addresses: dict[str, str] = {}

    def sent(event: dict[str, Any]) -> None:
        addresses[event["requestId"]] = event["request"]["url"]

    def finished(event: dict[str, Any]) -> None:
        address = addresses.get(event["requestId"], "?")
        loaded.sizes[address] = loaded.sizes.get(address, 0) + int(event["encodedDataLength"])

    def pushed(event: dict[str, Any]) -> None:
        text: str = event["response"]["payloadData"]
        loaded.sizes["ws"] = loaded.sizes.get("ws", 0) + len(text.encode())

    devtools.on("Network.requestWillBeSent", sent)
    devtools.on("Network.loadingFinished", finished)
    devtools.on("Network.webSocketFrameReceived", pushed)
