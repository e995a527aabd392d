"""Own orders are moved in the chart, and the chart, the depth and the book are what was chosen."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.accessibility import set_theme, violations
from tests.e2e.trader import PHONE, Trader
from tests.exchange import Exchange
from tests.own_markets import OwnMarket

pytestmark = pytest.mark.usefixtures("exchange")

NewVisitor = Callable[..., Trader]
D = Decimal


def _note_amendments(page: Page) -> list[dict[str, Any]]:
    """Return the amendments that a page sends from its next load on, filled as they are sent."""
    sent: list[dict[str, Any]] = []

    def note(frame: str | bytes) -> None:
        message = json.loads(frame)
        if message.get("method") == "amendOrder":
            sent.append(message["params"])

    page.on("websocket", lambda socket: socket.on("framesent", note))
    return sent


def _trade(seller: Trader, buyer: Trader, price: str) -> None:
    """Let two trade, so that there is a candle to look at."""
    seller.place_limit("Sell", "0.01", price)
    expect(buyer.level("asks", price)).to_be_visible()
    buyer.place_limit("Buy", "0.01", price)


def _grip(page: Page, name: str) -> Locator:
    """Return an order's grip; ``name`` begins its label."""
    return page.locator("#chart-grips").get_by_role("slider", name=name)


def _drag(page: Page, grip: Locator, *, down_px: int) -> None:
    """Move a grip by the mouse, once it stands still, without letting it go."""
    grip.hover(position={"x": 9, "y": 9})
    box = grip.bounding_box()
    assert box is not None
    page.mouse.down()
    page.mouse.move(box["x"] + 9, box["y"] + 9 + down_px, steps=4)


def _open(person: Trader) -> dict[str, Any]:
    """Return the account's only open order as the API has it."""
    (order,) = person.api(f"/accounts/{person.account_id()}/orders?status=Open")
    return dict(order)


def test_own_orders_are_moved_in_the_chart(visitor: NewVisitor, exchange: Exchange) -> None:
    exchange.create_market(OwnMarket.PAGE_CHART, "--tick-size", "0.1", "--lot-size", "0.01")
    person, other = visitor(market="USD-BTC").sign_up(), visitor(market="USD-BTC").sign_up()
    page = person.page
    person.deposit("BTC", "10000")
    other.deposit("USD", "1")
    for price in ("1000", "990"):  # a candle as high as that
        _trade(other, person, price)
    other.place_limit("Sell", "0.1", "1010")
    person.place_limit("Buy", "2", "996")
    amendments = _note_amendments(page)
    page.reload()
    person.wait_until_live()
    grip, note = _grip(page, "Buy 2.00"), page.locator("#chart-grips .grip-note")
    moving = page.locator("#chart-grips .grip.moving")

    # By pointer: nothing is sent before it is let go, and then once.
    expect(grip).to_have_attribute("aria-valuenow", "996")
    expect(page.locator("#chart-legend")).not_to_be_empty()
    expect(note).to_have_text("first in line")
    _drag(page, grip, down_px=60)
    expect(note).to_contain_text("goes to the back")
    moved_to = grip.get_attribute("aria-valuenow") or ""
    assert D(990) < D(moved_to) < D(996)
    assert (amendments, D(_open(person)["price"])) == ([], D(996))
    page.mouse.up()
    expect(moving).to_have_count(0)
    assert [D(sent["price"]) for sent in amendments] == [D(moved_to)]
    assert D(_open(person)["price"]) == D(moved_to)
    expect(person.level("bids", moved_to)).to_have_attribute(
        "title", "your order of 2.00 USD, first in line"
    )

    # By keys: less of it keeps its place; Escape takes it back, Enter sends it, once.
    grip.press("ArrowLeft")
    expect(note).to_contain_text("keeps its place")
    page.keyboard.press("Escape")
    expect(moving).to_have_count(0)
    for key in ("Shift+ArrowLeft", "Enter", "Enter"):
        page.keyboard.press(key)
    expect(moving).to_have_count(0)
    order = _open(person)
    assert (D(order["quantity"]), D(order["price"])) == (D("1.9"), D(moved_to))
    assert [D(sent["quantity"]) for sent in amendments[1:]] == [D("1.9")]

    # Exits are taken from the entry, which fills in the form and sends nothing.
    person.fill_limit("Buy", "0.5", "995")
    page.get_by_label("Take profit / stop loss").check()
    profit = page.locator("#chart-form").get_by_role("slider", name="Take profit of the form")
    expect(profit).to_have_attribute("aria-valuetext", "not set")
    profit.press("PageUp")
    expect(page.locator("#profit")).to_have_value("996")
    expect(profit).to_have_attribute("aria-valuetext", "996.0, +0.10%")

    # Far enough up it would trade; x cancels it.
    _grip(page, "Buy 1.90").focus()
    for _ in range(3):
        page.keyboard.press("Shift+PageUp")
    expect(note).to_contain_text("trades at once")
    page.keyboard.press("x")
    expect(person.notice("Order cancelled")).to_be_visible()
    expect(page.locator("#chart-grips .grip")).to_have_count(0)
    assert len(amendments) == 2


def _choose_indicators(page: Page) -> None:
    """Switch all of them on, an own average of one bar among them, and change what is drawn."""
    page.get_by_role("button", name="Indicators").click()
    menu = page.locator("#chart-menu")
    menu.get_by_label("SMA", exact=True).check()
    lengths = menu.get_by_label("SMA: lengths")
    lengths.fill("0")
    lengths.press("Tab")
    expect(menu.get_by_role("status").first).to_have_text("Enter lengths")
    lengths.fill("1")
    for study in ("EMA", "Bollinger bands", "VWAP", "RSI", "MACD"):
        menu.get_by_label(study, exact=True).check()
    menu.get_by_label("Draw").select_option("heikin")
    menu.get_by_label("Times").select_option("utc")
    menu.get_by_label("Logarithmic scale").check()


def _violations_in_themes(page: Page, within: str) -> list[str]:
    found = []
    for theme in ("light", "dark"):
        set_theme(page, theme)
        found += violations(page, within=within)
    return found


def _look_at_depth(page: Page) -> None:
    """As a curve and as a table, with exact sums; a level fills in the form."""
    page.get_by_role("radio", name="Depth").click()
    expect(page.locator(".depth-said")).to_contain_text("Bids 0.750")
    page.get_by_role("button", name="Table").click()
    row = page.locator("#depth").get_by_role("row", name="980.00")
    expect(row).to_contain_text("740.00 EUR")
    row.get_by_role("button").click()
    expect(page.locator("#price")).to_have_value("980")
    assert violations(page, within="#depth") == []


def _arrange_book(page: Page, level: Locator) -> None:
    """A total fills in price and size, counted in either asset; one side, large trades only."""
    expect(level).to_have_attribute("title", "your order of 0.25000 BTC, first in line")
    level.locator(".level-total").click()
    expect(page.locator("#quantity")).to_have_value("0.75")
    level.locator(".level-price").press("ArrowRight")
    expect(level.locator(".level-total")).to_be_focused()
    page.get_by_role("button", name="Total BTC").click()
    expect(level.locator(".total")).to_have_text("740.00")
    page.get_by_role("radio", name="Bids only").click()
    page.get_by_label("Smallest quantity of trades").fill("7000")
    expect(page.locator("#tape .tape-row")).to_have_count(0)


def test_chart_depth_book_and_tape_are_as_chosen_after_a_reload(visitor: NewVisitor) -> None:
    person, other = visitor().sign_up(), visitor().sign_up()
    page = person.page
    person.deposit("EUR", "10000")
    other.deposit("BTC", "1")
    _trade(other, person, "1000")
    person.place_limit("Buy", "0.5", "990")
    person.place_limit("Buy", "0.25", "980")
    level = person.level("bids", "980")

    _choose_indicators(page)
    assert _violations_in_themes(page, "#chart-menu") == []
    page.locator("#chart-menu").get_by_label("Draw").press("Escape")
    expect(page.get_by_role("button", name="Indicators")).to_be_focused()
    page.get_by_label("Other candle intervals").select_option("1M")
    _look_at_depth(page)
    _arrange_book(page, level)
    page.reload()
    person.wait_until_live()

    expect(page.locator("#chart-legend")).to_contain_text("SMA 1\u00a01,000.00")
    expect(page.get_by_label("Other candle intervals")).to_have_value("1M")
    expect(level.locator(".total")).to_have_text("740.00")
    expect(page.locator("#asks")).to_be_hidden()
    expect(page.locator("#tape-empty")).to_have_text("No recent trade is that large.")
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert person.overflow_px() <= 0
