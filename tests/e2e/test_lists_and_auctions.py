"""Orders with exits through the page's form and lists, and an auction as it comes and goes."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import violations_in_all_looks
from tests.e2e.trader import DESKTOP, PHONE, Trader
from tests.exchange import Exchange
from tests.own_markets import OwnMarket

NewVisitor = Callable[..., Trader]
MARKET = "USDT-EUR"
# Nobody trades further than 5% from the last price; what would be comes after some seconds.
COLLARED = """
from accounts.access.actor import Actor
from matching.services import change_market
changes = {"dynamic_collar_ppm": 50_000, "interruption_s": 12}
change_market(by=Actor.system("a test"), symbol="USDT/EUR", **changes)
"""


@pytest.fixture
def people(visitor: NewVisitor) -> Iterator[tuple[Trader, Trader]]:
    """Two who have traded at 1,000."""
    yield from _two(visitor, "BTC-EUR", "BTC", "1000")


@pytest.fixture
def collared(visitor: NewVisitor, exchange: Exchange) -> Iterator[tuple[Trader, Trader]]:
    """Two who have traded at 100 in a market that stops where the price would jump."""
    exchange.create_market(OwnMarket.PAGE_LISTS, "--tick-size", "0.01", "--lot-size", "0.01")
    exchange.manage("shell", "-c", COLLARED)
    yield from _two(visitor, MARKET, "USDT", "100")


def _two(
    visitor: NewVisitor, market: str, base: str, price: str
) -> Iterator[tuple[Trader, Trader]]:
    person, other = visitor(market=market).sign_up(), visitor(market=market).sign_up()
    for one in (person, other):
        one.deposit("EUR", "10000")
        one.deposit(base, "10")
    other.place_limit("Sell", "0.01", price)
    expect(person.level("asks", price)).to_be_visible()
    person.place_limit("Buy", "0.01", price)
    expect(person.page.locator("#ticker-last")).to_have_text(f"{Decimal(price):,.2f}")
    yield person, other
    for one in (person, other):
        one.cancel_everything()


def test_a_bracket_is_placed_fills_and_is_cancelled_as_one(people: tuple[Trader, Trader]) -> None:
    person, other = people
    page = person.page
    person.fill_limit("Buy", "1", "990")
    expect(page.get_by_label("Stop loss", exact=True)).to_be_hidden()
    page.get_by_label("Take profit / stop loss").check()
    page.get_by_label("Take profit", exact=True).fill("980")
    page.get_by_label("Stop loss", exact=True).fill("900")
    person.submit()
    expect(page.locator("#profit-error")).to_contain_text("above the order's price")
    page.get_by_label("Take profit", exact=True).fill("1100")
    person.submit()
    expect(page.locator("#quantity")).to_have_value("")

    rows = person.rows("open")
    expect(rows).to_have_count(4)
    expect(rows.nth(0)).to_contain_text("Entry with exits")
    for place, texts in enumerate(
        (("Limit", "990.00", "Open"), ("Limit", "1,100.00", "Pending"), ("Stop", "≤ 900.00"))
    ):
        for text in texts:
            expect(rows.nth(place + 1)).to_contain_text(text)
    expect(rows.get_by_role("button", name="Cancel")).to_have_count(1)

    other.place_limit("Sell", "1", "990")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text("One cancels the other")
    expect(rows.nth(1)).to_contain_text("Open")
    rows.get_by_role("button", name="Cancel").click()
    expect(rows).to_have_count(0)

    # Of an entry with one exit that is what is left: it can be edited from then on.
    person.fill_limit("Buy", "1", "990")
    page.get_by_label("Take profit / stop loss").check()
    page.get_by_label("Take profit", exact=True).fill("1100")
    page.get_by_label("Stop loss", exact=True).fill("")
    person.submit()
    expect(rows).to_have_count(3)
    expect(rows.get_by_role("button", name="Edit")).to_have_count(0)
    other.place_limit("Sell", "1", "990")
    expect(rows).to_have_count(2)
    expect(rows.get_by_role("button", name="Edit")).to_have_count(1)


def test_exits_of_a_position_are_placed_alone(people: tuple[Trader, Trader]) -> None:
    person, other = people
    page = person.page
    page.locator("#order-side").get_by_role("radio", name="Sell").click()
    page.locator("#order-type").get_by_role("radio", name="Trigger").click()
    page.get_by_label("Kind").select_option(value="OCO")
    expect(page.locator("#kind-hint")).to_contain_text("one cancels the other")
    page.get_by_label("Take profit", exact=True).fill("1100")
    page.get_by_label("Stop loss", exact=True).fill("900")
    page.locator("#quantity").fill("1")
    assert violations_in_all_looks(page, within="#ticket") == []
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    person.submit()
    expect(page.locator("#quantity")).to_have_value("")
    expect(person.rows("open")).to_have_count(3)
    other.place_limit("Buy", "1", "1100")
    expect(person.rows("open")).to_have_count(0)
    page.get_by_role("tab", name="Order history").click()
    expect(person.rows("history").filter(has_text="came first")).to_be_visible()


def test_an_interruption_shows_its_auction_live(collared: tuple[Trader, Trader]) -> None:
    person, other = collared
    page = person.page
    banner = page.locator("#auction-banner")
    expect(banner).to_be_hidden()
    other.place_limit("Sell", "2", "110")
    expect(person.level("asks", "110")).to_be_visible()

    person.place_limit("Buy", "3", "110")

    expect(banner).to_contain_text("2.00 USDT would trade at 110.00 EUR, 1.00 more wanted")
    expect(banner).to_contain_text("Ends in 0:")
    expect(page.locator("#market-state")).to_have_text("Auction")
    expect(page.locator("#order-lock")).to_contain_text("limit orders that may rest")
    assert violations_in_all_looks(page, within=".banners") == []
    person.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    expect(banner).to_be_visible()
    assert person.overflow_px() == 0
    person.page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})

    expect(banner).to_be_hidden(timeout=20_000)
    expect(page.locator("#ticker-last")).to_have_text("110.00")
    page.get_by_role("tab", name="My trades").click()
    expect(person.rows("fills").filter(has_text="Auction")).to_be_visible()
