"""What the form foretells by the exchange, what it offers in an auction, and protected quotes."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import violations_in_all_looks
from tests.e2e.trader import DESKTOP, PHONE, Trader
from tests.exchange import Exchange
from tests.own_markets import OwnMarket

NewVisitor = Callable[..., Trader]
AUCTION_MARKET = "USD-USDT"
PHASE = """
from accounts.access.actor import Actor
from matching.services import set_market_phase
set_market_phase(by=Actor.system("a test"), symbol="USD/USDT", phase="{phase}")
"""


@pytest.fixture
def people(visitor: NewVisitor) -> Iterator[tuple[Trader, Trader]]:
    """Two who have traded at 1,000."""
    person, other = visitor().sign_up(), visitor().sign_up()
    for one in (person, other):
        one.deposit("EUR", "10000")
        one.deposit("BTC", "10")
    other.place_limit("Sell", "0.01", "1000")
    expect(person.level("asks", "1000")).to_be_visible()
    person.place_limit("Buy", "0.01", "1000")
    yield person, other
    for one in (person, other):
        one.cancel_everything()


def line(person: Trader) -> Any:
    return person.page.locator("#preview")


def test_the_form_tells_what_the_exchange_would_do(people: tuple[Trader, Trader]) -> None:
    person, other = people
    expect(line(person)).to_be_hidden()
    for quantity, price in (("1", "1001"), ("1", "1003")):
        other.place_limit("Sell", quantity, price)
    expect(person.level("asks", "1003")).to_be_visible()

    person.fill_limit("Buy", "3", "1003")
    expect(line(person)).to_contain_text(
        "Would trade 2.00 BTC at 1,002.00 EUR on average, 1,003.00 at worst"
    )
    expect(line(person)).to_contain_text("1.00 BTC rest in the book")
    # The book moves, and nobody touches the form.
    other.cancel_everything()
    expect(line(person)).to_have_text("Would let 3.00 BTC rest in the book; locks 3,009.00 EUR.")

    person.page.locator("#quantity").fill("11")
    expect(line(person)).to_contain_text("Would be refused: The available balance is too small.")
    assert violations_in_all_looks(person.page, within="#ticket") == []
    person.page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    person.page.locator("#quantity").fill("")
    expect(line(person)).to_be_hidden()


def test_what_was_foretold_happens(people: tuple[Trader, Trader]) -> None:
    person, other = people
    other.place_limit("Sell", "2", "1001")
    expect(person.level("asks", "1001")).to_be_visible()
    person.page.locator("#order-type").get_by_role("radio", name="Market").click()
    person.page.locator("#order-measure").get_by_role("radio", name="Quantity").click()
    person.page.locator("#quantity").fill("1.5")
    expect(line(person)).to_contain_text("Would trade 1.50 BTC at 1,001.00 EUR; fee ")
    person.submit()
    expect(person.page.locator("#quantity")).to_have_value("")
    expect(line(person)).to_be_hidden()
    person.page.get_by_role("tab", name="My trades").click()
    fill = person.rows("fills").filter(has_text="1.5")
    expect(fill.first).to_contain_text("1,001.00")


def test_few_questions_are_asked(people: tuple[Trader, Trader]) -> None:
    person, _ = people
    asked: list[str] = []
    person.page.on(
        "request", lambda request: asked.append(request.url) if "preview" in request.url else None
    )
    person.fill_limit("Buy", "1", "900")
    person.page.locator("#quantity").press_sequentially("23456", delay=20)
    expect(line(person)).to_contain_text("Would be refused: ")
    assert 1 <= len(asked) <= 3


def test_an_auction_offers_what_it_takes(exchange: Exchange, visitor: NewVisitor) -> None:
    exchange.create_market(OwnMarket.PAGE_PROTECTION, "--tick-size", "0.01", "--lot-size", "0.01")
    person = visitor(market=AUCTION_MARKET).sign_up()
    page = person.page
    person.deposit("ETH", "10")
    kinds = page.locator("#order-type")
    kinds.get_by_role("radio", name="Market").click()
    page.locator("#total").fill("1")
    submit = page.locator("#order-submit")
    expect(submit).to_be_enabled()

    exchange.manage("shell", "-c", PHASE.format(phase="auction"))

    expect(page.locator("#market-state")).to_have_text("Auction")
    market = kinds.get_by_role("radio", name="Market")
    expect(market).to_be_disabled()
    assert "Until the auction ends" in (market.get_attribute("title") or "")
    # What was chosen before stays, and cannot be sent.
    expect(market).to_have_attribute("aria-checked", "true")
    expect(submit).to_be_disabled()
    expect(submit).to_have_text("Not taken now")
    expect(page.locator("#order-lock")).to_contain_text("limit orders that may rest")
    kinds.get_by_role("radio", name="Limit").click()
    expect(submit).to_be_enabled()
    times = page.locator("#time-in-force")
    for time in ("IOC", "FOK"):
        expect(times.locator(f'[value="{time}"]')).to_be_disabled()
    expect(times.locator('[value="GTD"]')).to_be_enabled()
    expect(page.locator("#post-only")).to_be_disabled()
    # Arrow keys step over what is not taken.
    kinds.get_by_role("radio", name="Limit").press("ArrowRight")
    expect(kinds.get_by_role("radio", name="Trigger")).to_have_attribute("aria-checked", "true")
    assert violations_in_all_looks(page, within="#ticket") == []
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})

    exchange.manage("shell", "-c", PHASE.format(phase="continuous"))
    expect(market).to_be_enabled()
    assert not market.get_attribute("title")


def test_quotes_are_protected_end_and_go_on(people: tuple[Trader, Trader]) -> None:
    person, other = people
    page = person.page
    page.get_by_role("button", name="Protection").click()
    dialog = page.get_by_role("dialog", name="Quote protection BTC/EUR")
    expect(dialog).to_contain_text("Nothing protects your quotes here.")
    dialog.get_by_role("button", name="Set").click()
    expect(dialog.get_by_role("alert")).to_contain_text("how many fills, or how much")
    dialog.get_by_label("Window").fill("0.0001")
    dialog.get_by_label("Fills").fill("1")
    dialog.get_by_role("button", name="Set").click()
    expect(dialog.get_by_role("alert")).to_contain_text("at most three decimals")
    dialog.get_by_label("Window").fill("60")
    dialog.get_by_label("Quantity").fill("0.000001")
    dialog.get_by_role("button", name="Set").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Quantity")
    dialog.get_by_label("Quantity").fill("")
    dialog.get_by_role("button", name="Set").click()
    expect(dialog).to_contain_text("In force.")
    assert violations_in_all_looks(page, within="#quotes-dialog") == []
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert person.overflow_px() == 0
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    dialog.get_by_role("button", name="Close").click()

    person.place_limit("Buy", "1", "990")
    person.place_limit("Buy", "1", "980")
    expect(other.level("bids", "990")).to_be_visible()
    other.place_limit("Sell", "0.1", "990")

    expect(person.rows("open")).to_have_count(0)
    person.fill_limit("Buy", "1", "970")
    expect(line(person)).to_contain_text("Would be refused: ")
    person.submit()
    expect(page.locator("#order-error")).to_contain_text("protection")
    page.get_by_role("button", name="Protection").click()
    expect(dialog).to_contain_text("It has ended your quotes.")
    dialog.get_by_role("button", name="Reset").click()
    expect(dialog).to_contain_text("In force.")
    dialog.get_by_role("button", name="Remove").click()
    expect(dialog).to_contain_text("Nothing protects your quotes here.")
    dialog.get_by_role("button", name="Close").click()
    person.place_limit("Buy", "1", "970")
    expect(person.rows("open")).to_have_count(1)
