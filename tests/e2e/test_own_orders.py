"""Own orders in their rows: place in the queue, editing, sorting, proof, the past and its file."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path

from playwright.sync_api import expect

from tests.e2e.accessibility import violations_in_all_looks
from tests.e2e.conftest import NewVisitor

PRICE = "222.5"


def test_own_orders_are_edited_proven_and_kept_in_view(visitor: NewVisitor) -> None:
    person, other = visitor().sign_up(), visitor().sign_up()
    page = person.page
    person.deposit("EUR", "100000")
    other.deposit("EUR", "100000")
    other.place_limit("Buy", "0.2", PRICE)
    person.place_limit("Buy", "0.5", PRICE)
    person.place_limit("Buy", "0.1", "201")
    rows = person.rows("open")
    expect(rows).to_have_count(2)
    row = rows.filter(has_text="222.5")

    # The place in the queue, and what becomes of it.
    expect(row.locator('[data-label="Ahead"]')).to_have_text("0.20000 BTC ahead")
    row.get_by_role("button", name="Edit").click()
    status = row.locator('[data-label="Status"]')
    quantity = row.get_by_label("Quantity")
    quantity.fill("0.4")
    expect(status).to_have_text("Keeps its place.")
    row.get_by_label("Price").fill("222.6")
    expect(status).to_have_text("Goes to the back.")
    quantity.fill("x")
    expect(status).to_have_text("Quantity must be a number such as 12.5.")
    expect(row.get_by_role("button", name="Save")).to_be_disabled()
    page.keyboard.press("Escape")
    expect(row.get_by_role("button", name="Edit")).to_be_focused()
    row.dblclick(position={"x": 4, "y": 4})
    row.get_by_label("Quantity").fill("0.4")
    page.keyboard.press("Enter")
    expect(row.locator('[data-label="Quantity"]')).to_have_text("0.40000")
    expect(row.locator('[data-label="Ahead"]')).to_have_text("0.20000 BTC ahead")
    other.cancel_everything()
    expect(row.locator('[data-label="Ahead"]')).to_have_text("first")

    # Sorted and filtered.
    heads = page.locator("#panel-open th")
    page.get_by_role("button", name="Price", exact=True).click()
    expect(heads.filter(has_text="Price")).to_have_attribute("aria-sort", "ascending")
    expect(rows.first).to_contain_text("201")
    page.locator("#only-side").select_option("Sell")
    expect(rows).to_have_count(0)
    page.locator("#only-side").select_option("Buy")
    expect(rows).to_have_count(2)

    # A fill, and its proof.
    other.deposit("BTC", "1")
    other.place_limit("Sell", "0.15", PRICE)
    expect(row.locator('[data-label="Remaining"]')).to_have_text("0.25000")
    expect(row.locator('[data-label="Average"]')).to_contain_text("222.5")
    order = next(
        one
        for one in person.api(f"/accounts/{person.account_id()}/orders?status=Open")
        if Decimal(one["price"]) == Decimal(PRICE)
    )
    proof = person.api(f"/orders/{order['id']}/proof")
    row.get_by_role("button", name="Proof of Buy").click()
    dialog = page.get_by_role("dialog", name="Buy 0.40000 BTC at 222.5")
    journal = proof["placed"]["journal"]
    expect(dialog).to_contain_text(f"Journal {journal['shard']} / {journal['sequence']} (place)")
    expect(dialog).to_contain_text(
        f"Committed {proof['placed']['milliseconds']} ms after it was received"
    )
    expect(dialog).to_contain_text("quantity 0.50000 → 0.40000")
    expect(dialog).to_contain_text("Bought 0.15000 BTC at 222.5")
    fill = next(step for step in proof["steps"] if step["change"] == "Trade")
    shown = dialog.locator("tbody tr")
    expect(shown).to_have_count(len(fill["entries"]))
    for index, entry in enumerate(fill["entries"]):
        expect(shown.nth(index)).to_contain_text(entry["id"])
        expect(shown.nth(index)).to_contain_text(entry["asset"])
    assert violations_in_all_looks(page, within="dialog[open]") == []
    dialog.get_by_role("button", name="Close").click()

    # All of what is shown is cancelled, once it was named.
    page.locator("#cancel-all").click()
    question = page.get_by_role("dialog", name="Cancel 2 orders?")
    expect(question).to_contain_text("2 Buy BTC/EUR")
    question.get_by_role("button", name="Cancel 2 orders").click()
    expect(rows).to_have_count(0)

    # The past, between days, and as a file.
    past = person.rows("history")
    expect(past).to_have_count(2)
    expect(page.locator("#panel-history .past-note")).to_have_text("That is all.")
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save orders as CSV").click()
    lines = list(csv.DictReader(io.StringIO(Path(saved.value.path()).read_text())))
    assert {line["id"] for line in lines} >= {order["id"]}
    assert {line["status"] for line in lines} == {"Cancelled"}
    page.locator("#panel-history .past-to").fill("2020-01-01")
    expect(past).to_have_count(0)
    expect(page.locator("#panel-history .past-note")).to_have_text("None in these days.")
    expect(person.rows("fills")).to_have_count(1)
