"""Accounts of one owner on the account page: opened, renamed by keyboard, money moved between."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.e2e.accessibility import CROSSED, violations_in
from tests.e2e.trader import PHONE, Trader

NewVisitor = Callable[..., Trader]


def test_a_second_account_gets_a_name_and_money(visitor: NewVisitor) -> None:
    person = visitor().sign_up()
    page = person.page
    page.goto("/account")
    page.locator("#deposit form").get_by_label("Asset").select_option("EUR")
    page.locator("#deposit form").get_by_label("Amount").fill("500")
    page.get_by_role("button", name="Deposit").click()
    expect(page.locator("#transfer")).to_have_count(0)  # there is but one account
    opened = page.locator("#new-account form")
    opened.get_by_role("button", name="Open account").click()
    expect(opened.get_by_label("Account name")).to_have_attribute("aria-invalid", "true")
    opened.get_by_label("Account name").fill("Second")
    opened.get_by_role("button", name="Open account").click()
    expect(page.get_by_role("status")).to_contain_text("The account Second is open.")

    card = page.get_by_role("region", name="Second")
    card.locator("summary", has_text="Rename").focus()
    page.keyboard.press("Enter")
    card.get_by_label("Account name").fill("Savings")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("The account is called Savings now.")

    moved = page.locator("#transfer form")
    moved.get_by_label("Asset").select_option("EUR")
    moved.get_by_label("Amount").fill("500.01")
    moved.get_by_role("button", name="Transfer").click()
    expect(moved.locator(".field-error")).to_have_text("Not enough EUR available.")
    moved.get_by_label("Amount").fill("120.5")
    moved.get_by_role("button", name="Transfer").click()
    expect(page.get_by_role("status")).to_contain_text("120.5 EUR transferred.")
    expect(page.locator("#transfers tbody tr")).to_contain_text("120.50 EUR")
    expect(page.get_by_role("region", name="Savings").first).to_contain_text("120.50")

    assert violations_in(page, CROSSED[0]) == []
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    for path in ("/account/transfers", "/account"):
        page.goto(path)
        assert person.overflow_px() == 0, path
    assert violations_in(page, CROSSED[1]) == []
