"""A market's times on the page: when it opens, that it ends, and that it is offered no more."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from playwright.sync_api import expect

from tests.e2e.accessibility import violations_in_all_looks
from tests.e2e.trader import DESKTOP, PHONE, Trader
from tests.exchange import Exchange
from tests.own_markets import OwnMarket

NewVisitor = Callable[..., Trader]
SYMBOL, MARKET = OwnMarket.PAGE_CALENDARS, "USD-ETH"
END_SOON = """
from datetime import UTC, datetime, timedelta
from accounts.access.actor import Actor
from matching.services import change_market
delists_at = datetime.now(UTC) + timedelta(seconds=2)
change_market(by=Actor.system("a test"), symbol="USD/ETH", delists_at=delists_at)
"""


def test_a_market_says_when_it_opens_and_when_it_ends_and_then_is_gone(
    visitor: NewVisitor, exchange: Exchange
) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    schedule = f"2026-01-01 closed; {tomorrow} 08:55 auction; {tomorrow} 09:00 continuous"
    steps = ("--tick-size", "0.01", "--lot-size", "0.01")
    exchange.create_market(SYMBOL, *steps, "--phase", "closed", "--schedule", schedule)
    person = visitor(market=MARKET).sign_up()
    page = person.page
    offered = page.locator("#market-list").get_by_text("USD/ETH")

    expect(page.locator("#market-state")).to_have_text("Closed")
    when = page.locator("#market-when")
    expect(when).to_have_text(re.compile(r"^Auction from \S.* \d\d:\d\d$"))
    expect(page.locator("#order-submit")).to_have_text("Closed: cancels only")
    expect(offered).to_have_count(1)
    assert violations_in_all_looks(page, within="#market-phase") == []
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert person.overflow_px() == 0
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})

    announced = ("--at", "2100-01-01T12:00Z", "--reason", "a test")
    exchange.manage("delist_market", SYMBOL, *announced)
    expect(when).to_have_text(re.compile(r"^Auction from .*\. Ends for good on \S.* \d\d:\d\d$"))
    exchange.manage("shell", "-c", END_SOON)
    expect(page.locator("#market-state")).to_have_text("Delisted")
    expect(when).to_be_hidden()
    expect(page.locator("#order-submit")).to_have_text("Delisted")
    expect(offered).to_have_count(0)
    # Whoever asks for it by its name sees what was.
    page.reload()
    expect(page.locator("#market-name")).to_have_text(SYMBOL)
    expect(page.locator("#market-state")).to_have_text("Delisted")
