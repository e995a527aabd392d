"""A trader's work on the trading page without a pointer, and every dialog opened and left by keys.

That each element of each page is reached by Tab is seen in ``test_every_page.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from playwright.sync_api import Locator, Page, expect

from tests.e2e.keyboard import returns_focus, tab_to
from tests.e2e.trader import DESKTOP, Trader

NewVisitor = Callable[..., Trader]


def _type_over(page: Page, field: Locator, text: str) -> None:
    tab_to(page, field)
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(text)


def test_a_trader_needs_no_pointer(visitor: NewVisitor) -> None:
    person = visitor().sign_up()
    page = person.page
    person.deposit("EUR", "10000")
    _choose_market(page, "eth/btc", "ETH/BTC")
    _choose_market(page, "btc/eur", "BTC/EUR")

    # Place: side by arrow keys, figures by typing, sent by Enter.
    buy = page.locator("#order-side").get_by_role("radio", name="Buy")
    tab_to(page, buy)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(buy).to_have_attribute("aria-checked", "true")
    _type_over(page, page.locator("#price"), "771")
    _type_over(page, page.locator("#quantity"), "0.5")
    page.keyboard.press("Enter")
    row = page.locator("#panel-open tbody tr")
    expect(row).to_have_count(1)

    # Amend: in the row, then in the chart.
    tab_to(page, row.get_by_role("button", name="Edit"))
    page.keyboard.press("Enter")
    expect(row.get_by_label("Price")).to_be_focused()
    page.keyboard.type("772")
    page.keyboard.press("Enter")
    expect(row.locator('[data-label="Price"]')).to_have_text("772.00")
    grip = page.locator("#chart-grips").get_by_role("slider")
    tab_to(page, grip, key="Shift+Tab")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(row.locator('[data-label="Price"]')).to_have_text("772.01")
    (order,) = person.api(f"/accounts/{person.account_id()}/orders?status=Open")
    assert Decimal(order["price"]) == Decimal("772.01")

    # Cancel, and the past of it as a file.
    tab_to(page, row.get_by_role("button", name="Cancel"))
    page.keyboard.press("Enter")
    expect(row).to_have_count(0)
    tab_to(page, page.locator("#tab-open"), key="Shift+Tab")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#panel-history tbody tr")).to_have_count(1)
    tab_to(page, page.get_by_role("button", name="Save orders as CSV"))
    with page.expect_download() as saved:
        page.keyboard.press("Enter")
    assert re.fullmatch(r"orders.*\.csv", saved.value.suggested_filename)


def _choose_market(page: Page, text: str, name: str) -> None:
    _type_over(page, page.locator("#market-search"), text)
    page.keyboard.press("Enter")
    expect(page.locator("#market-name")).to_have_text(name)
    _type_over(page, page.locator("#market-search"), " ")


def test_every_dialog_opens_by_keys_and_gives_the_focus_back(visitor: NewVisitor) -> None:
    person = visitor().sign_up()
    page = person.page
    person.deposit("EUR", "10000")
    person.place_limit("Buy", "0.1", "771")
    expect(page.locator("#panel-open tbody tr")).to_have_count(1)
    dialog = page.locator("dialog[open]")

    def enter() -> None:
        page.keyboard.press("Enter")

    openers = (
        page.locator("#palette-open"),
        page.locator("#settings-open"),
        page.locator("#panel-open .row-opener"),
        page.locator(".activity-bar [data-faucet]"),
        page.locator("#quotes-open"),
        page.locator("#cancel-all"),
    )
    for opener in openers:
        returns_focus(page, opener, enter, dialog)
    returns_focus(page, page.locator("#tab-open"), lambda: page.keyboard.press("?"), dialog)
    returns_focus(page, page.locator("#quantity"), lambda: page.keyboard.press("Control+k"), dialog)
    returns_focus(page, page.locator("#chart-set"), enter, page.locator("#chart-menu"))
    page.set_viewport_size({"width": 1024, "height": 768})
    returns_focus(page, page.locator("#market-button"), enter, page.locator("#market-search"))
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})

    # A layout is chosen within the settings, and stays.
    tab_to(page, page.locator("#settings-open"))
    enter()
    chosen = page.get_by_role("radio", name="Swing")
    tab_to(page, chosen)
    page.keyboard.press("ArrowRight")
    expect(page.locator("html")).to_have_attribute("data-layout", "watch")
    page.keyboard.press("Escape")
    expect(page.locator("#settings-open")).to_be_focused()
