"""Accounts of one owner, opened and renamed by keyboard; the wallet: money moved, and listed."""

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.accessibility import CROSSED, violations_in
from tests.e2e.trader import PHONE, Trader

NewVisitor = Callable[..., Trader]


def test_a_second_account_gets_a_name_and_money(visitor: NewVisitor) -> None:
    person = visitor().sign_up()
    page = person.page
    page.goto("/wallet")
    page.locator("#deposit form").get_by_label("Asset").select_option("EUR")
    page.locator("#deposit form").get_by_label("Amount").fill("500")
    page.get_by_role("button", name="Deposit").click()
    expect(page.get_by_role("status")).to_contain_text("500 EUR deposited.")
    expect(page.locator("#transfer")).to_have_count(0)  # there is but one account
    page.goto("/account")
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

    page.get_by_role("link", name="Wallet").first.click()
    moved = page.locator("#transfer form")
    moved.get_by_label("Asset").select_option("EUR")
    moved.get_by_label("Amount").fill("500.01")
    moved.get_by_role("button", name="Transfer").click()
    expect(moved.locator(".field-error")).to_have_text("Not enough EUR available.")
    moved.get_by_label("Amount").fill("120.5")
    moved.get_by_role("button", name="Transfer").click()
    expect(page.get_by_role("status")).to_contain_text("120.5 EUR transferred.")
    _withdraw(person)
    _look_at_movements(person)
    assert violations_in(page, CROSSED[0]) == []
    page.set_viewport_size({"width": 1024, "height": 768})
    assert person.overflow_px() <= 0
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    for path in ("/account", "/wallet"):
        page.goto(path)
        assert person.overflow_px() == 0, path
    assert violations_in(page, CROSSED[1]) == []


def _withdraw(person: Trader) -> None:
    page = person.page
    withdraw = page.locator("#withdraw form")
    withdraw.get_by_label("Asset").select_option("EUR")
    withdraw.get_by_label("Amount").fill("501")
    withdraw.get_by_role("button", name="Withdraw").click()
    expect(withdraw.locator(".form-error, .field-error").first).to_be_visible()
    withdraw.get_by_label("Amount").fill("79.5")
    withdraw.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_role("status")).to_contain_text("79.5 EUR withdrawn")
    assert person.api_balances()["EUR"][0] == Decimal(300)


def _look_at_movements(person: Trader) -> None:
    """All in one list, narrowed, and as a file; what was the transfers' page leads here."""
    page, rows = person.page, person.page.locator("#movements tbody tr")
    expect(page.locator('#balances [data-asset="EUR"]')).to_contain_text("420.50")
    expect(rows).to_have_count(3)
    for row, texts in zip(
        rows.all(), (("Withdrawal", "-79.50 EUR", "Settled"), ("Transfer", "120.50 EUR", "Done"),
                     ("Deposit", "500.00 EUR", "Credited")), strict=True,
    ):  # fmt: skip
        for text in texts:
            expect(row).to_contain_text(text)
    with page.expect_download() as saved:
        page.locator("#movements").get_by_role("link", name="CSV").click()
    lines = list(csv.DictReader(io.StringIO(Path(saved.value.path()).read_text())))
    amounts = [Decimal("-79.5"), Decimal("120.5"), Decimal(500)]
    assert [Decimal(line["amount"]) for line in lines] == amounts
    page.get_by_role("combobox", name="Kind").select_option("deposit")
    page.get_by_role("button", name="Filter").click()
    expect(rows).to_have_count(1)
    page.goto("/account/transfers")
    expect(rows).to_contain_text("to Savings")
    page.get_by_role("combobox", name="State").select_option("waiting")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#movements .empty")).to_be_visible()
    page.goto("/wallet")
