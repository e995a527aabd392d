"""The operators' pages in a browser: no table is cut, and axe-core finds nothing to complain of."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models import Model
from playwright.sync_api import Browser, Page, expect

from accounts.models import Account, Asset, Deposit, LedgerTransaction, User
from matching.models import Market, Order
from tests.e2e.accessibility import (
    CROSSED,
    GLANCES,
    LOOKS,
    SIZES,
    violations_at_a_glance,
    violations_in,
    violations_in_all_looks,
)
from tests.e2e.desk import MODELS, Operator, address, operator_of
from tests.exchange import Exchange

WIDE, NARROW = SIZES
# How far each box of a table is from showing all of it, and how far the page is from its window.
CUT = """
() => ({
  boxes: [...document.querySelectorAll(".results, .box")].map(
    (box) => box.scrollWidth - box.clientWidth),
  page: document.documentElement.scrollWidth - innerWidth,
})
"""
# Leaves one row of each build: axe-core takes its time for each, and others differ in words only.
LEAVE_ONE_ROW_OF_EACH = """
() => {
  const builds = new Set();
  for (const row of document.querySelectorAll("#result_list tbody tr")) {
    const parts = [...row.querySelectorAll("*")];
    const build = parts.map((part) => `${part.tagName} ${part.className}`).join();
    if (builds.has(build)) row.remove();
    builds.add(build);
  }
}
"""
SITE = ("/admin/", "/admin/accounts/", "/admin/password_change/")
# Lists that stay empty here: nobody of the demo has two accounts or a second factor, keeps an
# address book, asks for a report, trades enough for a tier, or sets a switch; no provider is set.
EMPTY = {
    *("Approval", "Authenticator", "Note", "OrderKey", "Report", "ReportPart", "Switch"),
    *("LiabilityLeaf", "LiabilitySnapshot", "LiabilityTree", "Transfer", "Withdrawal"),
    *("FeeDay", "FeeTier", "FeeVolume", "WithdrawalAddress", "WithdrawalLimit"),
    "StatusSpan",
    *("Checkpoint", "CheckpointPart", "Handover", "OrderConditions", "OrderList", "PreventedMatch"),
    "OrderAmendment",
    *("AlertProgress", "PriceAlert", "Protection", "TrailMark"),
    *("PortfolioBook", "PortfolioPoint"),
    *("Payout", "Preferences", "ProviderEvent", "Membership", "Invitation"),
}


@pytest.fixture(scope="module")
def operator(browser: Browser, exchange: Exchange) -> Iterator[Operator]:
    yield from operator_of(browser, exchange)


def look(page: Page, size: tuple[int, int]) -> dict[str, Any]:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    found: dict[str, Any] = page.evaluate(CUT)
    return found


def is_cut(page: Page) -> bool:
    """Tell whether a wide page hides a column, or more than a table's own box scrolls sideways."""
    wide, narrow = look(page, WIDE), look(page, NARROW)
    return bool(wide["page"] or narrow["page"] or any(wide["boxes"]))


def test_pages_of_the_site_are_accessible(operator: Operator) -> None:
    found = {path: violations_in_all_looks(operator.open(path)) for path in SITE}
    assert not any(found.values()), found


def test_a_customers_page_is_found_read_and_acted_on_by_keyboard(operator: Operator) -> None:
    page = operator.open("/admin/")
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.get_by_label("Find a customer by anything").last.focus()
    page.keyboard.type(operator.customer.email)
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text(operator.customer.email)
    customers = page.url
    assert not is_cut(page)
    found = violations_in_all_looks(page)

    note = page.get_by_role("button", name="Write a note…")
    note.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("Note", exact=False).last).to_be_visible()
    found += violations_in(page, CROSSED[0])
    page.locator("textarea[name=reason]").focus()
    page.keyboard.type("Called about a lost key.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".messagelist .success")).to_be_visible()
    assert page.url == customers
    notes = page.locator("section", has=page.locator("#accounts-note"))
    expect(notes).to_contain_text("Called about a lost key.")

    account_id = operator.customer.account_id()
    found += violations_in(operator.open(f"/admin/find/?q={account_id}"), CROSSED[1])
    assert not is_cut(page)
    assert found == []
    assert operator.complaints == []


def test_the_menu_opens_on_a_phone(operator: Operator) -> None:
    page = operator.open("/admin/")
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    page.reload()
    menu, button = page.locator("#menu"), page.get_by_role("button", name="Menu")
    expect(menu).to_be_hidden()
    button.click()
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(menu.get_by_role("link", name="Withdrawals", exact=True)).to_be_visible()
    assert violations_in(page, [LOOKS[2]]) == []


def test_the_operators_door_is_accessible(browser: Browser, exchange: Exchange) -> None:
    context = browser.new_context(base_url=exchange.base_url)
    page = context.new_page()
    page.goto("/admin/login/")
    assert violations_in_all_looks(page) == []
    context.close()


@pytest.fixture(scope="module")
def reader(operator: Operator) -> Operator:
    """The operator, of whose pages only what is their own is read to them."""
    operator.fold_menu()
    return operator


@pytest.mark.parametrize(
    ("number", "model"), list(enumerate(MODELS)), ids=[model.__name__ for model in MODELS]
)
def test_pages_of_a_model_are_accessible_and_not_cut(
    reader: Operator, number: int, model: type[Model]
) -> None:
    # The customer's rows are enough, where there are some.
    # All lists are of one template and all rows of another, so that each model is seen by all
    # rules in one look, the next one in the next, and by those of colours in its opposite.
    looks = GLANCES[number % len(GLANCES)]
    is_empty = model.__name__ in EMPTY
    query = "" if is_empty else f"?q={reader.customer.email}"
    page = reader.open(f"{address(model, 'changelist')}{query}")
    if not is_empty and not reader.first_row():
        page = reader.open(address(model, "changelist"))
    row = reader.first_row()
    assert row or is_empty
    assert not is_cut(page)
    page.evaluate(LEAVE_ONE_ROW_OF_EACH)
    found = violations_at_a_glance(page, looks if row else looks[:1])
    if row:
        page = reader.open(row)
        assert not is_cut(page)
        found += violations_at_a_glance(page, GLANCES[(number + 1) % len(GLANCES)])
    assert found == []


def test_forms_questions_and_histories_are_accessible(reader: Operator) -> None:
    found = []
    for number, model in enumerate((User, Account, Asset, Market, Deposit, LedgerTransaction)):
        page = reader.open(address(model, "add"))
        found += violations_at_a_glance(page, GLANCES[number % len(GLANCES)])
    page = reader.page
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".errornote")).to_be_visible()
    found += violations_at_a_glance(page, GLANCES[1])
    form = {"Account id": reader.customer.account_id() or "", "Asset": "EUR"}
    for label, text in (form | {"Amount": "-1.5", "Reason": "a typo"}).items():
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#facts")).to_contain_text(reader.customer.email)
    found += violations_at_a_glance(page, GLANCES[2])
    page.get_by_role("button", name="Yes, adjust a balance").click()
    expect(page.locator(".messagelist .success")).to_be_visible()
    found += violations_at_a_glance(page, GLANCES[3])

    page = reader.open(f"{address(User, 'changelist')}?q={reader.customer.email}")
    page.locator(".action-select").first.check()
    page.locator("select[name=action]").select_option("make_link")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_label("Reason")).to_be_visible()
    found += violations_at_a_glance(page, GLANCES[0])
    page.get_by_label("Reason").fill("lost")
    page.get_by_role("button", name="Make a link").click()
    expect(page.locator("#reset-link")).to_be_visible()
    found += violations_at_a_glance(page, GLANCES[1])

    page = reader.open(f"{address(LedgerTransaction, 'changelist')}?q={reader.customer.email}")
    row = reader.first_row()
    found += violations_at_a_glance(reader.open(row), GLANCES[2])
    found += violations_at_a_glance(reader.open(row.replace("/change/", "/history/")), GLANCES[3])
    page = reader.open(f"{address(Order, 'changelist')}?q=nothing&status__exact=new")
    found += violations_at_a_glance(page, GLANCES[0])
    assert found == []


def test_an_operator_walks_from_a_customer_to_the_money(operator: Operator) -> None:
    """E-mail, order, trade, ledger transaction, account: by links alone."""
    page = operator.open(f"{address(User, 'changelist')}?q={operator.customer.email.upper()}")
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    row = page.locator("#result_list tbody tr")
    expect(row).to_have_count(1)
    row.get_by_role("link", name="orders").click()
    expect(page.locator("h1")).to_have_text("Orders")
    page.locator("#result_list tbody th a").first.click()
    page.get_by_role("link", name="trades", exact=True).click()
    expect(page.locator("#result_list tbody tr")).to_have_count(1)
    page.locator("#result_list").get_by_role("link", name="transaction").click()
    expect(page.locator(".box tbody tr").first).to_be_visible()
    page.locator(".box").get_by_role("link", name=operator.customer.email).first.click()
    assert page.url.endswith("/change/")
