"""Somebody at the operators' pages, after two customers have left a row in each list."""

from collections.abc import Iterator
from typing import Final

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.e2e.trader import Trader
from tests.exchange import Exchange
from zavora.demo.catalogue import DEMO_PASSWORD, OPERATOR

MARKET: Final = "BTC-EUR"
MODELS: Final = sorted(admin.site._registry, key=lambda model: model._meta.label)


def address(model: type[Model], page: str, *args: object) -> str:
    """Return where a model's list, form or row is."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


class Operator:
    """A logged-in operator. ``customer`` is somebody who has orders, trades and money."""

    def __init__(self, context: BrowserContext, customer: Trader) -> None:
        self.page: Page = context.new_page()
        self.customer = customer
        # What the browser complained of: a script that the content policy refused, for one.
        self.complaints: list[str] = []
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._note_complaint)

    def _note_complaint(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def fold_menu(self) -> None:
        """Leave the menu of all lists out of every later page: it is the same on each."""
        self.page.add_init_script("localStorage.setItem('zavora.desk-menu', 'folded')")

    def log_in(self) -> None:
        """Enter by the operators' door."""
        self.page.goto("/admin/login/")
        form = self.page.locator("main form")
        form.get_by_label("E-mail").fill(OPERATOR.email)
        form.get_by_label("Password").fill(DEMO_PASSWORD)
        form.get_by_role("button", name="Log in").click()
        expect(self.page.locator("#user-tools")).to_contain_text(OPERATOR.email)

    def open(self, path: str) -> Page:
        """Open a page of the operators'; anything but a page is an error."""
        answer = self.page.goto(path)
        assert answer is not None
        assert answer.ok, (path, answer.status)
        return self.page

    def first_row(self) -> str:
        """Return where the newest row of the list that is open leads; empty without a row."""
        link = self.page.locator("#result_list tbody th a").first
        return str(link.get_attribute("href")).split("?")[0] if link.count() else ""


def operator_of(browser: Browser, exchange: Exchange) -> Iterator[Operator]:
    """Yield an operator of a running exchange."""
    people = []
    for asset, amount in (("EUR", "10000"), ("BTC", "1")):
        context = browser.new_context(base_url=exchange.base_url)
        people.append(Trader(context, MARKET).sign_up())
        people[-1].deposit(asset, amount)
    buyer, seller = people
    buyer.place_limit("Buy", "0.1", "1000")
    seller.place_limit("Sell", "0.05", "1000")
    context = browser.new_context(base_url=exchange.base_url)
    operator = Operator(context, buyer)
    operator.log_in()
    yield operator
    for person in people:
        person.cancel_everything()
        person.context.close()
    context.close()
