"""The form knows the book: its prices, slippage, what is odd, and the dead-man's switch."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.accessibility import violations_in_all_looks
from tests.e2e.trader import DESKTOP, Trader

pytestmark = pytest.mark.usefixtures("exchange")

NewVisitor = Callable[..., Trader]


@pytest.fixture
def people(visitor: NewVisitor) -> Iterator[tuple[Trader, Trader]]:
    """Two who have traded at 1,000; bids at 998 and asks at 1001 and 1003 are in the book."""
    person, other = visitor().sign_up(), visitor().sign_up()
    for one in (person, other):
        one.deposit("EUR", "100000")
        one.deposit("BTC", "100")
    other.place_limit("Sell", "0.01", "1000")
    expect(person.level("asks", "1000")).to_be_visible()
    person.place_limit("Buy", "0.01", "1000")
    for side, price in (("Buy", "998"), ("Sell", "1001"), ("Sell", "1003")):
        other.place_limit(side, "1", price)
    expect(person.level("asks", "1003")).to_be_visible()
    yield person, other
    for one in (person, other):
        one.cancel_everything()


def of(person: Trader, name: str) -> Locator:
    return person.page.locator(f"#{name}")


def test_the_form_takes_prices_and_limits_slippage(people: tuple[Trader, Trader]) -> None:
    person, _ = people
    page = person.page
    touch = page.get_by_role("group", name="Take a price of the book")
    for side, prices in (("Buy", ("998", "999.5", "1001")), ("Sell", ("998", "999.5", "1001"))):
        page.locator("#order-side").get_by_role("radio", name=side).click()
        for name, price in zip(("Bid", "Mid", "Ask"), prices, strict=True):
            touch.get_by_role("button", name=name).click()
            expect(of(person, "price")).to_have_value(price)

    page.locator("#order-side").get_by_role("radio", name="Buy").click()
    page.locator("#order-type").get_by_role("radio", name="Market").click()
    page.locator("#order-measure").get_by_role("radio", name="Quantity").click()
    of(person, "quantity").fill("1.5")
    expect(of(person, "estimate-worst")).to_have_text("1,003.00 · 6.6 bp (0.066%)")
    submit, warning = of(person, "order-submit"), of(person, "order-warning")
    expect(submit).to_have_text("Buy BTC")
    page.get_by_label("Slippage at most", exact=False).first.select_option("0.1")
    # 1,001 and 0.1% of it, on the tick.
    expect(submit).to_have_text("Buy BTC up to 1,002.00")
    expect(of(person, "estimate-worst")).to_have_text("1,001.00 · 0.0 bp (0.000%)")
    expect(of(person, "preview")).to_contain_text("Would trade 1.00 BTC at 1,001.00 EUR; fee ")
    foretold = of(person, "estimate-fee").inner_text()

    # Not all of it is there at that price: that is asked about, once.
    of(person, "quantity").press("Enter")
    expect(warning).to_contain_text("Within its worst price the book has only 1 BTC.")
    expect(submit).to_have_text("Buy BTC up to 1,002.00 anyway")
    assert violations_in_all_looks(page, within="#ticket") == []
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    of(person, "quantity").press("Escape")
    expect(warning).to_be_hidden()
    of(person, "quantity").press("Enter")
    of(person, "quantity").press("Enter")  # as of a double click: no answer
    expect(warning).to_be_visible()
    expect(submit).to_have_text("Buy BTC up to 1,002.00 anyway")
    of(person, "quantity").press("Enter")
    expect(of(person, "quantity")).to_have_value("")
    placed = newest(person)
    assert (placed["protection_price"], placed["filled_quantity"]) == ("1002.00", "1.00000")
    assert (placed["status"], placed["reason"]) == ("Expired", "no_liquidity")
    fill = person.api(f"/accounts/{person.account_id()}/trades?limit=1")[0]
    assert (fill["price"], fill["quantity"]) == ("1001.00", "1.00000")
    assert foretold.split()[0].rstrip("0") == fill["fee"].rstrip("0")


def newest(person: Trader) -> Any:
    return person.api(f"/accounts/{person.account_id()}/orders?limit=1")[0]


def test_odd_orders_are_asked_about_or_blocked_as_set(people: tuple[Trader, Trader]) -> None:
    person, other = people
    page = person.page
    submit, warning, lock = (of(person, f"order-{n}") for n in ("submit", "warning", "lock"))
    person.fill_limit("Buy", "0.1", "1060")
    person.submit()
    expect(warning).to_contain_text("The price is 5.8% through the market.")
    of(person, "price").fill("1040")
    expect(warning).to_be_hidden()

    # A typed order says what is odd before the Enter that sends it.
    page.keyboard.press("Control+k")
    page.get_by_role("combobox", name="Search, or type an order").fill("buy 0.1 btc 1100")
    page.keyboard.press("Enter")
    said = page.locator(".palette-said")
    expect(said).to_contain_text(
        "The price is 9.8% through the market. Press Enter again to send it."
    )
    page.keyboard.press("Escape")

    of(person, "settings-open").click()
    settings = page.get_by_role("dialog", name="Settings")
    settings.get_by_label("Price through the market, by more than", exact=True).select_option(
        "block"
    )
    settings.get_by_label("Price away from the market, by more than", exact=True).select_option(
        "ask"
    )
    assert violations_in_all_looks(page, within="#settings") == []
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
    settings.get_by_role("button", name="Done").click()
    person.fill_limit("Buy", "0.1", "1100")
    expect(submit).to_have_text("Blocked: price through the market")
    expect(submit).to_be_disabled()
    expect(lock).to_contain_text("The price is 9.8% through the market. Your own rule blocks that")

    # The same in rows: blocked there, asked about when it is far away.
    person.place_limit("Buy", "0.1", "990")
    row = person.rows("open").first
    row.get_by_role("button", name="Edit").click()
    price, save = row.get_by_label("Price"), row.get_by_role("button", name="Save")
    price.fill("1100")
    expect(row).to_contain_text("Your own rule blocks that.")
    expect(save).to_be_disabled()
    price.fill("400")
    expect(row).to_contain_text("The price is 59.9% away from the market.")
    price.press("Enter")
    expect(row.get_by_role("button", name="Save anyway")).to_be_visible()
    price.press("Enter")
    expect(row).to_contain_text("400.00")
    # And for its grip in the chart, moved by keys.
    grip = page.get_by_role("slider", name="Buy 0.1", exact=False)
    expect(grip).to_have_attribute("aria-valuenow", "400")
    other.place_limit("Sell", "0.5", "999")
    grip.focus()
    for _ in range(3):
        grip.press("PageUp")
    grip.press("Enter")
    expect(grip).to_have_attribute(
        "aria-valuetext",
        "400.30, quantity 0.10000, goes to the back, "
        "The price is 59.8% away from the market. Enter sends it, Escape takes it back.",
    )
    grip.press("Escape")
    expect(grip).to_have_attribute("aria-valuenow", "400")


def test_the_dead_mans_switch_counts_down_here_and_says_so_elsewhere(visitor: NewVisitor) -> None:
    person = visitor().sign_up()
    person.deposit("EUR", "1000")
    person.place_limit("Buy", "0.1", "900")
    page = person.page
    switch = page.get_by_role("group", name="Dead-man's switch")
    switch.get_by_label("Cancel all orders after").select_option("15")
    switch.get_by_role("checkbox").check()
    expect(switch).to_contain_text("fires in 1")
    expect(switch).to_contain_text("Cancels every open order of all your accounts, 1 in this one")

    other = person.context.new_page()
    other.goto(f"/trade/{person.market}")
    elsewhere = other.get_by_role("group", name="Dead-man's switch")
    expect(elsewhere).to_contain_text("Another tab of this browser holds it (15 s).")
    expect(elsewhere.get_by_role("checkbox")).not_to_be_checked()
    elsewhere.get_by_role("checkbox").check()
    expect(elsewhere).to_contain_text("fires in 1")
    expect(switch).to_contain_text("Another tab of this browser holds it")
    other.reload()
    expect(elsewhere).to_contain_text("fires in 1")
    elsewhere.get_by_role("checkbox").uncheck()
    expect(elsewhere).not_to_contain_text("fires in")
    expect(switch).not_to_contain_text("Another tab")


@pytest.mark.trial
def test_the_dead_mans_switch_fires_without_its_page(visitor: NewVisitor) -> None:
    person = visitor().sign_up()
    person.deposit("EUR", "1000")
    person.place_limit("Buy", "0.1", "900")
    switch = person.page.get_by_role("group", name="Dead-man's switch")
    switch.get_by_label("Cancel all orders after").select_option("15")
    switch.get_by_role("checkbox").check()
    expect(switch).to_contain_text("fires in 1")
    person.context.set_offline(True)
    expect(switch).to_contain_text("It fired: nobody put it off in time.", timeout=20_000)
    expect(person.notice("Dead-man's switch fired")).to_be_visible()
    person.context.set_offline(False)
    expect(person.rows("open")).to_have_count(0, timeout=20_000)
