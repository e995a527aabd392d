"""Own orders in their rows: place in the queue, editing, sorting, proof, the past and its file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.e2e.accessibility import CROSSED, violations_in
from tests.e2e.trader import Trader

NewVisitor = Callable[..., Trader]
PRICE = "222.5"


def test_own_orders_are_edited_proven_and_kept_in_view(visitor: NewVisitor) -> None:
    person, other = visitor().sign_up(), visitor().sign_up()
    person.deposit("EUR", "100000")
    other.deposit("EUR", "100000")
    other.deposit("BTC", "1")
    other.place_limit("Buy", "0.2", PRICE)
    person.place_limit("Buy", "0.5", PRICE)
    person.place_limit("Buy", "0.1", "201")
    expect(person.rows("open")).to_have_count(2)
    orders = person.api(f"/accounts/{person.account_id()}/orders?status=Open")
    order_id = next(one["id"] for one in orders if Decimal(one["price"]) == Decimal(PRICE))
    row = person.page.locator(f'#panel-open tr[data-key="{order_id}"]')
    ahead = row.locator('[data-label="Ahead"]')
    expect(ahead).to_have_text("0.20 BTC ahead")
    _edit(person, row)
    expect(ahead).to_have_text("0.20 BTC ahead")
    other.cancel_everything()
    expect(ahead).to_have_text("first")
    _sort_and_filter(person)
    other.place_limit("Sell", "0.15", PRICE)
    expect(row.locator('[data-label="Remaining"]')).to_have_text("0.25000")
    expect(row.locator('[data-label="Average"]')).to_contain_text("222.5")
    row.get_by_role("button", name="Proof of Buy").click()
    _read_proof(person, order_id)
    _cancel_what_is_shown(person)
    _look_back(person, order_id)


def _edit(person: Trader, row: Locator) -> None:
    """What becomes of the place is said before anything is sent."""
    status, quantity = row.locator('[data-label="Status"]'), row.get_by_label("Quantity")
    row.get_by_role("button", name="Edit").click()
    quantity.fill("0.4")
    expect(status).to_have_text("Keeps its place.")
    row.get_by_label("Price").fill("222.6")
    expect(status).to_have_text("Goes to the back.")
    quantity.fill("x")
    expect(status).to_have_text("Quantity must be a number such as 12.5.")
    expect(row.get_by_role("button", name="Save")).to_be_disabled()
    person.page.keyboard.press("Escape")
    expect(row.get_by_role("button", name="Edit")).to_be_focused()
    person.page.keyboard.press("Enter")
    quantity.fill("0.4")
    quantity.press("Enter")
    expect(row.locator('[data-label="Quantity"]')).to_have_text("0.40000")


def _sort_and_filter(person: Trader) -> None:
    page, rows = person.page, person.page.locator("#panel-open tbody tr")
    page.get_by_role("button", name="Price", exact=True).click()
    head = page.locator("#panel-open th", has_text="Price")
    expect(head).to_have_attribute("aria-sort", "ascending")
    expect(rows.first).to_contain_text("201")
    page.locator("#only-side").select_option("Sell")
    expect(rows).to_have_count(0)
    page.locator("#only-side").select_option("Buy")
    expect(rows).to_have_count(2)


def _read_proof(person: Trader, order_id: str) -> None:
    """The dialog shows what the API says, down to the ledger's entries."""
    proof = person.api(f"/orders/{order_id}/proof")
    dialog = person.page.get_by_role("dialog", name="Buy 0.40000 BTC at 222.5")
    placed = proof["placed"]
    place = f"Journal {placed['journal']['shard']} / {placed['journal']['sequence']} (place)"
    for text in (
        place,
        f"Written {placed['milliseconds']} ms after it was received",
        "quantity 0.50000 → 0.40000",
        "Bought 0.15000 BTC at 222.5",
    ):
        expect(dialog).to_contain_text(text)
    fill = next(step for step in proof["steps"] if step["change"] == "Trade")
    shown = dialog.locator("tbody tr")
    expect(shown).to_have_count(len(fill["entries"]))
    for index, entry in enumerate(fill["entries"]):
        expect(shown.nth(index)).to_contain_text(entry["id"])
        expect(shown.nth(index)).to_contain_text(entry["asset"])
    assert violations_in(person.page, CROSSED[0], within="dialog[open]") == []
    person.page.set_viewport_size({"width": 1440, "height": 900})
    dialog.get_by_role("button", name="Close").click()


def _cancel_what_is_shown(person: Trader) -> None:
    page = person.page
    page.locator("#cancel-all").click()
    question = page.get_by_role("dialog", name="Cancel 2 orders?")
    expect(question).to_contain_text("2 Buy BTC/EUR")
    question.get_by_role("button", name="Cancel 2 orders").click()
    expect(page.locator("#panel-open tbody tr")).to_have_count(0)


def _look_back(person: Trader, order_id: str) -> None:
    """The past, between days, and as a file."""
    page, past = person.page, person.rows("history")
    expect(past).to_have_count(2)
    note = page.locator("#panel-history .past-note")
    expect(note).to_have_text("That is all.")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save orders as CSV").click()
    lines = list(csv.DictReader(io.StringIO(Path(saved.value.path()).read_text())))
    assert order_id in {line["id"] for line in lines}
    assert {line["status"] for line in lines} == {"Cancelled"}
    page.locator("#panel-history .past-until").fill("2020-01-01")
    expect(past).to_have_count(0)
    expect(note).to_have_text("None in these days.")
    expect(person.rows("fills")).to_have_count(1)
