"""The pages beside the trading page: the menu, the overview of markets, help, status."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import violations_in_all_looks
from tests.e2e.trader import PHONE, Trader

pytestmark = pytest.mark.usefixtures("exchange")

NewVisitor = Callable[..., Trader]
SIZES = ((1440, 900), (1024, 768), PHONE)


def test_the_menu_leads_everywhere_and_out_on_a_phone_by_the_keyboard(visitor: NewVisitor) -> None:
    person = visitor(size=PHONE).sign_up()
    page = person.page
    button, menu = page.get_by_role("button", name="Menu", exact=True), page.locator("#menu")
    button.focus()
    page.keyboard.press("Enter")
    expect(menu).to_be_visible()
    expect(menu.locator(".user-email")).to_have_text(person.email)
    expect(menu.get_by_role("link", name="Trade", exact=True)).to_have_attribute(
        "aria-current", "page"
    )
    assert person.overflow_px() == 0
    page.keyboard.press("Escape")
    expect(menu).to_be_hidden()
    expect(button).to_be_focused()

    page.keyboard.press("Enter")
    assert violations_in_all_looks(page, within="#menu") == []
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    menu.get_by_role("link", name="Security").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Security", exact=True)).to_be_visible()
    bar = page.get_by_role("navigation", name="Main")
    expect(bar.get_by_role("link", name="Markets")).to_be_in_viewport()
    person.log_out()
    expect(page.get_by_role("link", name="Log in").first).to_be_visible()


def test_markets_are_looked_over_live(visitor: NewVisitor) -> None:
    person = visitor().sign_up()
    page = person.page
    page.goto("/markets")
    expect(page.locator("#connection")).to_have_attribute("data-state", "live")
    rows, heads = page.locator("#overview-rows tr"), page.locator("#overview-sort")
    symbols = page.locator("#overview-rows .c-name a")
    expect(page.locator("#overview-filter").get_by_role("button", name="All")).to_be_visible()

    heads.get_by_role("link", name="Market").click()
    expect(heads.locator("th[aria-sort=ascending]")).to_have_text("Market")
    shown = symbols.all_inner_texts()
    assert shown == sorted(shown)
    heads.get_by_role("link", name="Market").click()
    expect(heads.locator("th[aria-sort=descending]")).to_have_text("Market")
    assert symbols.all_inner_texts() == sorted(shown, reverse=True)

    row = rows.filter(has=page.get_by_role("link", name="BTC/EUR", exact=True))
    with page.expect_response("**/preferences"):
        row.get_by_role("button", name="★ Favourite BTC/EUR").click()
    page.locator("#overview-filter").get_by_role("button", name="Favourites").click()
    expect(symbols).to_have_text(["BTC/EUR"])
    page.get_by_label("Search markets").fill("eth")
    expect(symbols.first).to_contain_text("ETH")
    page.get_by_label("Search markets").fill("btc-eur")
    expect(symbols).to_have_text(["BTC/EUR"])
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        assert person.overflow_px() == 0, width
    page.keyboard.press("Enter")
    person.wait_until_live()
    # The trading page has the same stars.
    assert person.api("/preferences")["document"]["favourites"] == ["BTC/EUR"]


def test_help_is_searched_and_an_unknown_market_is_named(visitor: NewVisitor) -> None:
    person = visitor(size=PHONE)
    page = person.page
    page.goto("/trade/NO-SUCH")
    expect(page.get_by_text("There is no market NO/SUCH.")).to_be_visible()
    page.get_by_role("link", name="All markets").click()
    expect(page.get_by_role("heading", name="Markets", exact=True)).to_be_visible()

    person.open_menu().get_by_role("link", name="Help").click()
    page.get_by_label("Search the help").fill("post-only")
    page.keyboard.press("Enter")
    expect(page.locator("mark").first).to_be_visible()
    page.locator(".help-found a").first.click()
    expect(page.locator("article :target")).to_be_in_viewport()
    for path in ("/help", "/help/matching", "/status", "/nothing"):
        page.goto(path)
        assert person.overflow_px() == 0, path
    page.goto("/status")
    expect(page.get_by_text("All parts are up.")).to_be_visible()
