"""Somebody who uses the trading page, in their own browser context."""

from __future__ import annotations

import re
import secrets
from decimal import Decimal
from typing import Any

from playwright.sync_api import BrowserContext, Locator, expect

DESKTOP = (1440, 900)
PHONE = (390, 844)
PASSWORD = "correct horse battery"

# Notes the wall-clock time at which a book level with this price and quantity is first seen. The
# same machine runs all pages, so that times of two pages can be compared.
WATCH_LEVEL = """
([side, price, quantity]) => {
  const root = document.getElementById(side);
  const selector = `[data-price="${price}"][data-quantity="${quantity}"]`;
  const note = () => {
    if (window.levelSeenAt || !root.querySelector(selector)) return;
    window.levelSeenAt = performance.timeOrigin + performance.now();
  };
  window.levelSeenAt = 0;
  new MutationObserver(note).observe(root, {childList: true, subtree: true, attributes: true});
  note();
}
"""
WATCH_SUBMIT = """
() => document.getElementById("order-form").addEventListener("submit", () => {
  window.submittedAt = performance.timeOrigin + performance.now();
}, {capture: true})
"""


class Trader:
    """A visitor of the page; ``sign_up`` makes a user of them."""

    def __init__(self, context: BrowserContext, market: str) -> None:
        self.context = context
        self.page = context.new_page()
        self.market = market
        self.email = f"page-{secrets.token_hex(6)}@example.com"
        self.errors: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    # --- in and out -------------------------------------------------------------------------------

    def sign_up(self) -> Trader:
        """Make a user and log in by what the pages' forms send; ends on the trading page."""
        request = self.context.request
        for page in ("/signup", "/login"):
            request.get(page)
            sent = {"email": self.email, "password": PASSWORD}
            request.post(page, form={**sent, "csrfmiddlewaretoken": self.csrf_token()})
        return self.open()

    def sign_up_by_hand(self) -> Trader:
        """Make a user through the sign-up page and log in; ends on the trading page."""
        self.page.goto(f"/signup?next=/trade/{self.market}")
        self._enter(PASSWORD, button="Sign up")
        form = self.page.locator("main form")
        expect(form.get_by_label("E-mail")).to_have_value(self.email)
        form.get_by_label("Password").fill(PASSWORD)
        form.get_by_role("button", name="Log in").click()
        self.wait_until_live()
        return self

    def log_in(self, password: str = PASSWORD) -> None:
        """Log in through the log-in page."""
        self.page.goto(f"/login?next=/trade/{self.market}")
        self._enter(password, button="Log in")

    def _enter(self, password: str, *, button: str) -> None:
        form = self.page.locator("main form")
        form.get_by_label("E-mail").fill(self.email)
        form.get_by_label("Password").fill(password)
        form.get_by_role("button", name=button).click()

    def open(self) -> Trader:
        """Open the trading page."""
        self.page.goto(f"/trade/{self.market}")
        self.wait_until_live()
        return self

    def wait_until_live(self) -> None:
        """Wait until the page is connected and shows its market."""
        expect(self.page.locator("#connection")).to_have_attribute("data-state", "live")
        expect(self.page.locator("#market-name")).to_have_text(self.market.replace("-", "/"))

    def open_menu(self) -> Locator:
        """Open the menu of all pages, which every page has."""
        self.page.get_by_role("button", name="Menu", exact=True).click()
        return self.page.locator("#menu")

    def log_out(self) -> None:
        """Log out of whichever page is open."""
        self.open_menu().get_by_role("button", name="Log out").click()

    # --- doing ------------------------------------------------------------------------------------

    def deposit(self, asset: str, amount: str) -> None:
        """Take demo funds through the page's dialog, by whichever button is on show."""
        self.page.locator("[data-faucet]:visible").first.click()
        dialog = self.page.get_by_role("dialog")
        dialog.get_by_label("Asset").select_option(asset)
        dialog.get_by_label("Amount").fill(amount)
        dialog.get_by_role("button", name="Deposit").click()
        expect(dialog).to_be_hidden()

    def fill_limit(self, side: str, quantity: str, price: str) -> None:
        """Fill in a limit order without sending it."""
        self.page.locator("#order-side").get_by_role("radio", name=side).click()
        self.page.locator("#order-type").get_by_role("radio", name="Limit").click()
        self.page.locator("#price").fill(price)
        self.page.locator("#quantity").fill(quantity)

    def submit(self) -> None:
        """Press the form's button."""
        self.page.locator("#order-submit").click()

    def place_limit(self, side: str, quantity: str, price: str) -> None:
        """Place a limit order and wait until the form is empty again, which is the answer."""
        self.fill_limit(side, quantity, price)
        self.submit()
        expect(self.page.locator("#quantity")).to_have_value("")

    def cancel_everything(self) -> None:
        """Cancel all open orders, so that a shared market is left as it was found."""
        if self.context.cookies() and (account := self.account_id()):
            self.context.request.post(
                "/api/v1/orders/cancel-all",
                data={"account": account},
                headers={"X-CSRFToken": self.csrf_token(), "Referer": self.page.url},
            )

    # --- seeing -----------------------------------------------------------------------------------

    def watch_level(self, side: str, price: str, quantity: str) -> None:
        """Note when a level is first seen in the book (``level_seen_at``)."""
        self.page.evaluate(WATCH_LEVEL, [side, price, quantity])

    def level_seen_at(self) -> float:
        """Return when the watched level was seen, in milliseconds since 1970, waiting for it."""
        self.page.wait_for_function("window.levelSeenAt > 0", timeout=10_000)
        return float(self.page.evaluate("window.levelSeenAt"))

    def watch_submit(self) -> None:
        """Note when the order form is sent (``submitted_at``)."""
        self.page.evaluate(WATCH_SUBMIT)

    def submitted_at(self) -> float:
        """Return when the form was sent, in milliseconds since 1970."""
        return float(self.page.evaluate("window.submittedAt"))

    def level(self, side: str, price: str) -> Locator:
        """Return the book's level at a price; ``side`` is ``bids`` or ``asks``."""
        return self.page.locator(f'#{side} [data-price="{price}"]')

    def notice(self, text: str) -> Locator:
        """Return the notices that hold a text."""
        return self.page.locator("#toasts .toast", has_text=text)

    def rows(self, tab: str) -> Locator:
        """Open a tab (open, history, fills, balances) and return its rows."""
        self.page.locator(f"#tab-{tab}").click()
        return self.page.locator(f"#panel-{tab} tbody tr")

    def shown_balances(self) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
        """Return what the Balances tab shows: total, available, locked of each asset."""
        shown = {}
        for row in self.rows("balances").all():
            asset, *figures = row.locator("td").all_inner_texts()
            total, available, locked = (Decimal(re.sub(",", "", text)) for text in figures)
            shown[asset] = (total, available, locked)
        return shown

    def api(self, path: str) -> Any:
        """Return the data of an API answer, asked with this visitor's session."""
        answer = self.context.request.get(f"/api/v1{path}")
        assert answer.ok, answer.text()
        return answer.json()["data"]

    def csrf_token(self) -> str:
        """Return what unsafe requests of this visitor's session carry."""
        return str(next(c["value"] for c in self.context.cookies() if c["name"] == "csrftoken"))

    def account_id(self) -> str | None:
        """Return the id of the user's account; None for a visitor who is not logged in."""
        answer = self.context.request.get("/api/v1/accounts")
        return answer.json()["data"][0]["id"] if answer.ok else None

    def api_balances(self) -> dict[str, tuple[Decimal, Decimal, Decimal]]:
        """Return the balances as the API has them: total, available, locked of each asset."""
        return {
            balance["asset"]: (
                Decimal(balance["total"]),
                Decimal(balance["available"]),
                Decimal(balance["locked"]),
            )
            for balance in self.api(f"/accounts/{self.account_id()}/balances")
        }

    def overflow_px(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        return int(
            self.page.evaluate(
                "Math.max(document.documentElement.scrollWidth,"
                " document.body.scrollWidth) - innerWidth"
            )
        )
