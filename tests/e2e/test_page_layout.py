"""The page as somebody arranges it: layouts, look, favourites, a phone, orders that are typed."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.accessibility import violations, violations_in_all_looks
from tests.e2e.trader import PHONE, Trader

pytestmark = pytest.mark.usefixtures("exchange")

NewVisitor = Callable[..., Trader]
LANDSCAPE = (844, 390)
KEPT = "**/api/v1/preferences"
ROOT = "html"


def _settings(page: Page) -> Locator:
    """Open the settings and return them."""
    page.locator("#settings-open").click()
    expect(page.locator("#settings")).to_be_visible()
    return page.locator("#settings")


def _width(page: Page, selector: str) -> int:
    measure = "(element) => Math.round(element.getBoundingClientRect().width)"
    return int(page.locator(selector).evaluate(measure))


def _drag_and_step(page: Page) -> None:
    """Move the bar beside the market list by pointer and keys, and the one above the orders."""
    bar = page.get_by_role("separator", name="Width of the market list")
    before = _width(page, "#markets")
    expect(bar).to_have_attribute("aria-valuenow", str(before))
    box = bar.bounding_box()
    assert box
    page.mouse.move(box["x"] + 3, box["y"] + 200)
    page.mouse.down()
    page.mouse.move(box["x"] + 43, box["y"] + 220, steps=4)
    page.mouse.up()
    expect(bar).to_have_attribute("aria-valuenow", str(before + 40))
    bar.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    expect(bar).to_have_attribute("aria-valuenow", str(before + 100))
    page.keyboard.press("Enter")
    expect(bar).to_have_attribute("aria-valuenow", str(before))
    height = page.get_by_role("separator", name="Height of orders and balances")
    height.focus()
    page.keyboard.press("Home")
    expect(height).to_have_attribute("aria-valuenow", "110")


def _arrange(page: Page) -> list[str]:
    """Choose a layout and a look, save and rename it; return what is wrong with the settings."""
    dialog = _settings(page)
    dialog.get_by_role("radio", name="Scalp").click()
    expect(page.locator("#markets")).to_be_hidden()
    dialog.get_by_label("Recent trades").uncheck()
    dialog.get_by_label("Name of this layout").fill("My desk")
    dialog.get_by_role("button", name="Save", exact=True).click()
    dialog.get_by_role("button", name="Rename My desk").click()
    page.keyboard.type("Early")
    page.keyboard.press("Enter")
    dialog.get_by_role("radio", name="Blue and orange").click()
    dialog.get_by_role("radio", name="Compact").click()
    found = violations_in_all_looks(page, within="#settings")
    page.set_viewport_size({"width": 1440, "height": 900})
    with page.expect_response(KEPT):
        dialog.get_by_role("radio", name="Dark").click()
    dialog.get_by_role("button", name="Done").click()
    return found


def test_a_layout_is_made_saved_and_there_in_another_browser(visitor: NewVisitor) -> None:
    person, other = visitor().sign_up(), visitor()
    page = person.page
    _drag_and_step(page)
    found = _arrange(page)
    page.locator("#market-button").click()
    with page.expect_response(KEPT):
        page.get_by_role("button", name="Favourite ETH/BTC").click()
    assert found == []

    # Another browser has it before the page's own script has run.
    other.email = person.email
    other.context.route("**/app*.js", lambda route: route.abort())
    other.log_in()
    root = other.page.locator(ROOT)
    looks = {"layout": "scalp", "hidden": "markets tape", "theme": "dark"}
    for name, value in {**looks, "density": "compact", "palette": "blue_orange"}.items():
        expect(root).to_have_attribute(f"data-{name}", value)
    expect(other.page.locator("#tape-panel")).to_be_hidden()
    other.context.unroute("**/app*.js")
    other.open()
    other.page.locator("#market-button").click()
    star = other.page.get_by_role("button", name="Favourite ETH/BTC")
    expect(star).to_have_attribute("aria-pressed", "true")
    other.page.keyboard.press("Escape")
    dialog = _settings(other.page)
    expect(dialog.get_by_role("button", name="Use Early")).to_have_attribute("aria-pressed", "true")
    with other.page.expect_response(KEPT):
        dialog.get_by_role("button", name="Delete Early").click()
    page.reload()
    person.wait_until_live()
    expect(_settings(page).get_by_role("button", name="Use Early")).to_have_count(0)


ARE_ASKED = """
(every) => {
  const asked = performance.getEntriesByType("resource");
  return asked.filter(({ name }) => name.includes("limit=24")).length >= every;
}
"""


def test_markets_are_filtered_sorted_and_drawn(visitor: NewVisitor) -> None:
    person = visitor().open()
    page = person.page
    names = page.locator(".market-row-name")
    every = names.count()
    page.locator("#market-filter").get_by_role("button", name="EUR", exact=True).click()
    expect(names.filter(has_not_text="/EUR")).to_have_count(0)
    assert 0 < names.count() < every
    page.get_by_role("button", name="★ Favourite BTC/EUR").click()
    page.get_by_role("button", name="★ Favourites").click()
    expect(names).to_have_text(["BTC/EUR"])
    page.locator("#market-filter").get_by_role("button", name="All").click()
    head = page.locator("#market-sort").get_by_role("button", name="Market")
    head.click()
    head.click()
    expect(head).to_have_attribute("aria-pressed", "true")
    expect(names).to_have_count(every)
    shown = [text.replace("\n", "") for text in names.all_inner_texts()]
    assert shown == sorted(shown, reverse=True)

    asked: list[str] = []
    page.on("request", lambda sent: "limit=24" in sent.url and asked.append(sent.url))
    dialog = _settings(page)
    dialog.get_by_role("radio", name="Watch").click()
    dialog.get_by_role("button", name="Done").click()
    expect(page.locator("#ticket")).to_be_hidden()
    expect(page.locator(".market-row-volume").first).to_be_visible()
    expect(page.locator(".market-row-spark polyline").first).to_be_attached()
    # A few at a time; that nothing was under way was true once already, as the page had opened.
    page.wait_for_function(ARE_ASKED, arg=every)
    assert len(asked) == len(set(asked)) == every
    # It stays so in this browser.
    page.reload()
    person.wait_until_live()
    expect(page.locator(ROOT)).to_have_attribute("data-layout", "watch")
    expect(page.get_by_role("button", name="★ Favourite BTC/EUR")).to_have_attribute(
        "aria-pressed", "true"
    )
    assert violations(page) == []


def test_a_phone_trades_with_a_thumb(visitor: NewVisitor) -> None:
    other = visitor().sign_up()
    other.deposit("EUR", "1000")
    other.place_limit("Buy", "0.1", "1234.5")
    person = visitor(size=PHONE).sign_up()
    page, views = person.page, person.page.locator("#views")
    views.get_by_role("tab", name="Wallet").click()
    person.deposit("BTC", "1")
    expect(page.locator("#panel-balances")).to_contain_text("BTC")
    views.get_by_role("tab", name="Markets").click()
    page.locator('a[href="/trade/BTC-EUR"]').click()
    expect(views.get_by_role("tab", name="Trade")).to_have_attribute("aria-selected", "true")

    chart, book, form = (
        page.locator(one).bounding_box() for one in ("#chart-panel", "#book-panel", "#order-form")
    )
    assert chart
    assert book
    assert form
    assert chart["y"] + chart["height"] <= book["y"] + 1
    assert book["x"] + book["width"] <= form["x"] + 1
    expect(person.level("bids", "1234.5").locator(".bar")).to_be_visible()
    person.level("bids", "1234.5").click()
    expect(page.locator("#price")).to_have_value("1234.5")
    thumbs = [
        page.locator("#order-side").get_by_role("radio", name="Buy"),
        page.locator("#order-side").get_by_role("radio", name="Sell"),
        page.locator("#order-submit"),
    ]
    boxes = [one.bounding_box() for one in thumbs]
    assert [box and box["height"] for box in boxes] == [48, 48, 48]
    assert all(box and 700 < box["y"] < PHONE[1] - 48 for box in boxes)
    thumbs[1].click()
    page.locator("#quantity").fill("0.02")
    thumbs[2].click()
    expect(page.locator("#quantity")).to_have_value("")
    expect(person.notice("Sold 0.02")).to_be_visible()

    for size in ((768, 1024), LANDSCAPE):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        for view in ("Markets", "Orders", "Wallet", "Trade"):
            views.get_by_role("tab", name=view).click()
            assert person.overflow_px() == 0, (size, view)
        expect(page.locator("#order-submit")).to_be_in_viewport()
        expect(page.locator("#chart")).to_be_in_viewport()
    assert violations(page) == []


def test_a_typed_order_is_sent_by_the_second_enter(visitor: NewVisitor) -> None:
    person = visitor().sign_up()
    page = person.page
    person.deposit("EUR", "1000")
    # A first visit is led to a first order, and closed for good.
    page.get_by_role("button", name="Fill in a first order").click()
    expect(page.locator("#total")).not_to_have_value("")
    page.get_by_role("button", name="Close the first steps").click()
    expect(page.locator("#welcome")).to_be_hidden()
    palette = page.get_by_role("dialog", name="Search and commands")
    box, said = palette.get_by_role("combobox"), palette.get_by_role("status")

    def write(text: str) -> None:
        page.keyboard.press("Control+k")
        expect(box).to_be_focused()
        box.fill(text)

    write("buy 0.01 btc")
    expect(said).to_contain_text("at which price")
    assert violations_in_all_looks(page, within="dialog[open]") == []
    page.set_viewport_size({"width": 1440, "height": 900})
    box.fill("buy 0.01 btc 1000 po")
    expect(said).to_contain_text("Nothing is sent yet")
    box.press("Enter")
    expect(said).to_contain_text("Buy 0.01 BTC at 1,000 EUR, post-only in BTC/EUR")
    assert person.api(f"/accounts/{person.account_id()}/orders") == []
    box.press("Enter")
    expect(palette).to_be_hidden()
    expect(person.rows("open")).to_have_count(1)
    write("buy 50% btc 500")
    box.press("Enter")
    expect(said).to_contain_text("at 500 EUR")
    box.press("Enter")
    expect(person.rows("open")).to_have_count(2)
    write("buy 5 btc 1000")
    box.press("Enter")
    expect(said).to_contain_text("EUR available.")
    box.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator("#quantity")).to_have_value("5")
    write("cancel all eth")
    expect(said).to_contain_text("No open orders in ETH/")
    box.fill("cancel all btc/eur")
    box.press("Enter")
    expect(said).to_contain_text("Press Enter again")
    box.press("Enter")
    expect(page.locator("#panel-open tbody tr")).to_have_count(0)
    write("theme light")
    box.press("Enter")
    expect(page.locator(ROOT)).to_have_attribute("data-theme", "light")


def test_keys_trade_once_they_are_switched_on(visitor: NewVisitor) -> None:
    person = visitor().sign_up()
    page = person.page
    person.deposit("EUR", "1000")
    sell = page.locator("#order-side").get_by_role("radio", name="Sell")
    page.locator("#book-title").click()
    page.keyboard.press("s")
    expect(sell).to_have_attribute("aria-checked", "false")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    keys.get_by_label("Hot keys are on").check()
    assert violations(page, within="dialog[open]") == []
    keys.get_by_role("button", name="Done").click()
    page.keyboard.press("s")
    expect(sell).to_have_attribute("aria-checked", "true")
    page.keyboard.press("b")
    page.keyboard.press("p")
    expect(page.locator("#price")).to_be_focused()
    page.keyboard.press("s")  # typed into the field
    expect(sell).to_have_attribute("aria-checked", "false")
    page.locator("#price").fill("900")
    page.locator("#price").blur()
    page.keyboard.press("2")
    expect(page.locator("#quantity")).to_have_value(re.compile(r"^0\.5"))
    person.submit()
    expect(person.rows("open")).to_have_count(1)
    page.locator("#book-title").click()
    page.keyboard.press("Escape")
    expect(person.notice("Press Esc again")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#panel-open tbody tr")).to_have_count(0)
