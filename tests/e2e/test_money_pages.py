"""Portfolio, and orders and fills on pages of their own, each in one walk."""

import csv
import io
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.e2e.accessibility import CROSSED, violations_in
from tests.e2e.trader import DESKTOP, PHONE, Trader
from tests.property.naive_portfolio import Accountant, Posted, Traded, rounded

NewVisitor = Callable[..., Trader]
EUR, BTC, MINE, OTHER = 1, 2, 1, 2
ASSETS = {"EUR": EUR, "BTC": BTC}
PRICE, SCALE = "223.1", 8
# The market's last minute has the price of the trade.
COUNTED = """async (price) => {
  const answer = await fetch("/api/v1/markets/BTC-EUR/candles?interval=1m&limit=1");
  const {data} = await answer.json();
  return data.candles.length > 0 && Number(data.candles[0].close) === Number(price);
}"""


def test_the_portfolio_is_a_computation_from_the_ledger(visitor: NewVisitor) -> None:
    person, other = visitor().sign_up(), visitor().sign_up()
    person.deposit("EUR", "1000.55")
    other.deposit("EUR", "1000")
    other.deposit("BTC", "3")
    other.place_limit("Sell", "1.2", PRICE)
    person.place_limit("Buy", "1.2", PRICE)
    other.place_limit("Buy", "0.3", PRICE)
    person.place_limit("Sell", "0.3", PRICE)
    expect(person.rows("fills")).to_have_count(2)
    page = person.page
    page.wait_for_function(COUNTED, arg=PRICE)

    page.goto("/portfolio")
    page.get_by_role("combobox", name="In", exact=True).select_option("EUR")
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_role("combobox", name="In", exact=True)).to_have_value("EUR")
    assert person.api("/preferences")["document"]["currency"] == "EUR"
    books = computed(person)
    euro, btc = books.heaps[MINE, EUR], books.heaps[MINE, BTC]
    worth = rounded(Fraction(btc[0] + btc[2]) * Fraction(Decimal(PRICE)), SCALE)
    realised = books.results[MINE, BTC] + books.results[MINE, EUR]
    expected = {
        "value": worth + euro[0],
        "flows": books.flows[MINE],
        "realised": realised,
        "unrealised": worth - btc[1],
        "result": realised + worth - btc[1],
        "fees": books.fee_values[MINE],
        "maker-volume": books.maker_volumes[MINE],
        "taker-volume": books.taker_volumes[MINE],
    }
    assert {key: figure(page, key) for key in expected} == expected
    assert expected["value"] == expected["flows"] + expected["result"]
    row = page.locator('#portfolio-assets [data-asset="BTC"]')
    assert number(row.locator('[data-label="Cost"]').inner_text()) == btc[1]
    expect(row.locator('[data-label="Price"]')).to_contain_text("by BTC/EUR")
    with page.expect_download() as saved:
        page.get_by_role("link", name="CSV").click()
    lines = list(csv.reader(io.StringIO(Path(saved.value.path()).read_text())))
    assert ["EUR", f"{euro[0]:.{SCALE}f}"] in [line[:2] for line in lines]
    page.get_by_role("combobox", name="Period", exact=True).select_option("24h")
    page.get_by_role("button", name="Show").click()
    page.locator("summary", has_text="Table").click()
    expect(page.locator(".curve-table tbody tr").first).to_contain_text(
        page.locator('[data-figure="value"]').inner_text().split()[0]
    )
    assert violations_in(page, CROSSED[0]) == []
    fits(person)
    # Nobody else's.
    answer = other.context.request.get(f"/portfolio?account={person.account_id()}")
    assert answer.status == 404


def computed(person: Trader) -> Accountant:
    """Go through the ledger as the API tells it, by trades and candles of the API."""
    account = person.account_id()
    fills = {one["id"]: one for one in person.api(f"/accounts/{account}/trades?limit=500")}
    candles = person.api("/markets/BTC-EUR/candles?interval=1m&limit=1500")["candles"]
    entries = person.api(f"/accounts/{account}/ledger?limit=500")
    groups: dict[str, list[Any]] = {}
    for entry in reversed(entries):
        groups.setdefault(entry["transaction_id"], []).append(entry)
    books = Accountant(EUR, {EUR: SCALE, BTC: SCALE})
    for group in groups.values():
        minute = datetime.fromisoformat(group[0]["created_at"]).replace(second=0, microsecond=0)
        before = [one for one in candles if datetime.fromisoformat(one["open_time"]) < minute]

        def worth(asset: int, amount: Decimal, closes: Any = before) -> Decimal | None:
            if asset == EUR:
                return amount
            if not closes:
                return None
            return rounded(Fraction(amount) * Fraction(Decimal(closes[0]["close"])), SCALE)

        posted = [
            Posted(MINE, ASSETS[one["asset"]], one["kind"].lower(), Decimal(one["amount"]))
            for one in group
        ]
        traded = None
        if group[0]["kind"] == "Trade":
            is_maker = role_of(group, fills) == "Maker"
            traded = Traded(EUR, *((MINE, OTHER) if is_maker else (OTHER, MINE)))
        books.book(posted, traded, worth)
    return books


def role_of(group: list[Any], fills: dict[str, Any]) -> str:
    """Return the role of the fill that moved what a transaction did."""
    moved = {abs(Decimal(one["amount"])) for one in group if one["kind"] == "Trade"}
    roles = [
        one["liquidity"]
        for one in fills.values()
        if {Decimal(one["quantity"]), Decimal(one["amount"])} == moved
    ]
    assert len(roles) == 1
    return str(roles[0])


def number(text: str) -> Decimal:
    found = re.search(r"-?[\d,]+(\.\d+)?", text)
    assert found is not None, text
    return Decimal(found[0].replace(",", ""))


def figure(page: Page, key: str) -> Decimal:
    return number(page.locator(f'[data-figure="{key}"]').inner_text())


def fits(person: Trader) -> None:
    page = person.page
    for width, height in ((1024, 768), PHONE):
        page.set_viewport_size({"width": width, "height": height})
        assert person.overflow_px() <= 0, width
    assert violations_in(page, CROSSED[1]) == []
    page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})


def test_orders_and_fills_have_pages_of_their_own(visitor: NewVisitor) -> None:
    person, other = visitor().sign_up(), visitor().sign_up()
    person.deposit("EUR", "10000")
    other.deposit("BTC", "1")
    person.place_limit("Buy", "0.2", "224.4")
    other.place_limit("Sell", "0.2", "224.4")
    person.place_limit("Buy", "0.1", "201.5")
    person.place_limit("Buy", "0.1", "201.6")
    expect(person.rows("open")).to_have_count(2)
    page = person.page
    page.goto("/orders")
    rows = page.locator("#panel-open tbody tr")
    expect(rows).to_have_count(2)
    # Edited and cancelled where it stands.
    row = rows.filter(has_text="201.5")
    row.get_by_role("button", name="Edit").click()
    row.get_by_label("Quantity").fill("0.05")
    row.get_by_role("button", name="Save").click()
    expect(rows.filter(has_text="0.05000")).to_have_count(1)
    rows.filter(has_text="201.6").get_by_role("button", name="Cancel").click()
    expect(rows).to_have_count(1)
    page.get_by_role("combobox", name="Side", exact=True).select_option("Sell")
    expect(rows).to_have_count(0)
    page.get_by_role("combobox", name="Side", exact=True).select_option("")

    page.locator("#tab-history").click()
    past = page.locator("#panel-history tbody tr")
    expect(past).to_have_count(2)
    page.get_by_role("combobox", name="History", exact=True).select_option("Filled")
    expect(past).to_have_count(1)
    page.get_by_role("combobox", name="Market", exact=True).select_option("BTC/USD")
    expect(past).to_have_count(0)
    page.get_by_role("combobox", name="Market", exact=True).select_option("BTC/EUR")
    expect(past).to_have_count(1)
    lines = saved_by(page, "Save orders as CSV")
    assert [(line["status"], line["side"], line["price"]) for line in lines] == [
        ("Filled", "Buy", "224.40")
    ]
    past.get_by_role("button", name="Proof of Buy").click()
    dialog = page.get_by_role("dialog", name="Buy 0.20000 BTC at 224.4")
    expect(dialog).to_contain_text("Bought 0.20000 BTC at 224.4")
    dialog.get_by_role("button", name="Close").click()
    assert violations_in(page, CROSSED[0]) == []
    fits(person)
    _look_at_fills(person)


def _look_at_fills(person: Trader) -> None:
    page = person.page
    page.goto("/fills")
    fills = page.locator("#panel-fills tbody tr")
    expect(fills).to_have_count(1)
    (line,) = saved_by(page, "Save trades as CSV")
    (fill,) = person.api(f"/accounts/{person.account_id()}/trades?side=Buy")
    assert line == {key: str(value) for key, value in fill.items()}
    assert person.api(f"/accounts/{person.account_id()}/trades?side=Sell") == []
    page.get_by_role("combobox", name="Side", exact=True).select_option("Sell")
    expect(fills).to_have_count(0)
    page.locator("#panel-fills .past-since").fill("2100-01-01")
    page.get_by_role("combobox", name="Side", exact=True).select_option("Buy")
    expect(page.locator("#panel-fills .past-note")).to_have_text("None in these days.")
    assert violations_in(page, CROSSED[1]) == []


def saved_by(page: Page, name: str) -> list[dict[str, str]]:
    with page.expect_download() as saved:
        page.get_by_role("button", name=name).click()
    return list(csv.DictReader(io.StringIO(Path(saved.value.path()).read_text())))
