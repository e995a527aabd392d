"""Price alerts and notices in the page: set, told by page and mail, kept, and heard of once."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
from playwright.sync_api import Page, expect

from tests.e2e.accessibility import violations
from tests.e2e.trader import Trader
from tests.exchange import Exchange

NewVisitor = Callable[..., Trader]
MAIL = """
from accounts.people.mails import mailer
from marketdata.alerts.mailing import mail_alerts
mail_alerts()
mailer.wait_until_sent()
"""
PROVE = "UPDATE account_emailaddress SET verified = true WHERE email = %s"
# Tones that would be heard, as a browser without a loudspeaker can tell: oscillators that begin.
LISTEN = """
() => {
  const {dataset} = document.documentElement;
  const {start} = OscillatorNode.prototype;
  dataset.heard = "0";
  OscillatorNode.prototype.start = function (...when) {
    dataset.heard = String(Number(dataset.heard) + 1);
    return start.apply(this, when);
  };
}
"""


def test_an_alert_is_set_told_by_page_and_mail_and_kept(
    exchange: Exchange, visitor: NewVisitor
) -> None:
    person, other = visitor().sign_up(), visitor().sign_up()
    page = person.page
    person.deposit("EUR", "10000")
    other.deposit("BTC", "1")
    _trade(person, other, "1000")
    _switch_sounds_on(page)
    with psycopg.connect(exchange.database_url, autocommit=True) as tables:
        tables.execute(PROVE, [person.email])

    bell = page.locator("#bell-open")
    bell.click()
    dialog = page.get_by_role("dialog", name="Notices and alerts")
    price = dialog.get_by_label("Tell me at")
    price.fill("1100.001")
    price.press("Enter")
    expect(dialog.get_by_role("alert")).to_have_text("The price must be a multiple of 0.01.")
    price.fill("1,100")
    dialog.get_by_label("By mail, too").check()
    price.press("Enter")
    expect(dialog.get_by_role("list", name="Alerts that are set")).to_contain_text(
        "Rises to 1,100.00"
    )
    assert violations(page, within="#bell") == []
    page.keyboard.press("Escape")
    expect(bell).to_be_focused()

    # Another one by a command, which a later price comes to.
    page.keyboard.press("Control+k")
    typed = page.get_by_role("combobox", name="Search, or type an order")
    typed.fill("alert btc/eur 1300")
    expect(page.locator(".palette-said")).to_contain_text("Alert when BTC/EUR rises to 1,300.00")
    typed.press("Enter")
    expect(person.notice("Alert set")).to_be_visible()

    _trade(person, other, "1200")

    told = person.notice("BTC/EUR rose to 1,100.00")
    expect(told).to_contain_text("It traded at 1,200.00")
    expect(page.locator("html")).not_to_have_attribute("data-heard", "0")
    bell.click()
    history = dialog.get_by_role("list", name="Notices, newest first")
    expect(history).to_contain_text("BTC/EUR rose to 1,100.00")
    dialog.get_by_label("Which notices").select_option("Fills")
    expect(history.get_by_role("listitem")).to_have_count(2)
    expect(history).to_contain_text("Bought 0.01")
    dialog.get_by_label("Which notices").select_option("All")
    page.keyboard.press("Escape")
    sent = exchange.manage("shell", "-c", MAIL)
    assert "Subject: BTC/EUR rose to 1100.00" in sent
    assert f"To: {person.email}" in sent

    _reload_and_miss_nothing(person, other)
    _look_at_the_page(person)


def _switch_sounds_on(page: Page) -> None:
    page.locator("#settings-open").click()
    settings = page.get_by_role("dialog", name="Settings")
    settings.get_by_label("Sounds", exact=True).check()
    page.evaluate(LISTEN)
    settings.get_by_role("button", name="Test the sound of alert").click()
    expect(page.locator("html")).to_have_attribute("data-heard", "3")
    page.evaluate("document.documentElement.dataset.heard = '0'")
    settings.get_by_role("button", name="Done").click()


def _trade(buyer: Trader, seller: Trader, price: str) -> None:
    """Let one buy of the other at a price, whatever pages they have open."""
    for one, side in ((seller, "Sell"), (buyer, "Buy")):
        answer = one.context.request.post(
            "/api/v1/orders",
            data={
                "user_id": one.account_id(),
                "market": "BTC/EUR",
                "side": side,
                "order_type": "Limit",
                "price": price,
                "quantity": "0.01",
            },
            headers={"X-CSRFToken": one.csrf_token(), "Referer": one.page.url},
        )
        assert answer.ok, answer.text()


def _reload_and_miss_nothing(person: Trader, other: Trader) -> None:
    """What comes while the page is closed is told when it is opened, and once."""
    page = person.page
    page.goto("/account/alerts")
    expect(page.get_by_role("region", name="Alerts that wait")).to_contain_text("1,300.00")
    _trade(person, other, "1310")
    expect(page.get_by_role("region", name="Alerts that were told")).to_have_count(1)
    person.open()
    expect(person.notice("BTC/EUR rose to 1,300.00")).to_be_visible()
    expect(person.notice("BTC/EUR rose to 1,100.00")).to_have_count(0)
    person.open()
    page.locator("#bell-open").click()
    dialog = page.get_by_role("dialog", name="Notices and alerts")
    history = dialog.get_by_role("list", name="Notices, newest first")
    for price in ("1,100.00", "1,300.00"):
        expect(history.get_by_text(f"BTC/EUR rose to {price}")).to_have_count(1)
    dialog.get_by_role("button", name="Clear").click()
    expect(dialog.get_by_text("No notices.")).to_be_visible()


def _look_at_the_page(person: Trader) -> None:
    """The page of all alerts: those told, one set again, removed."""
    page = person.page
    page.goto("/account/alerts")
    told = page.get_by_role("region", name="Alerts that were told")
    expect(told.locator("tbody tr")).to_have_count(2)
    assert violations(page) == []
    told.get_by_role("link", name="Set again: BTC/EUR rises to 1,100.00").click()
    page.get_by_label("When the last price").select_option("falls to")
    page.get_by_label("Note").fill("Buy the dip")
    page.get_by_role("button", name="Set it again").click()
    live = page.get_by_role("region", name="Alerts that wait")
    expect(live).to_contain_text("Buy the dip")
    live.get_by_role("button", name="Remove: BTC/EUR falls to 1,100.00").click()
    expect(page.get_by_text("No alerts are set.")).to_be_visible()
