"""axe-core finds nothing on any page of ours, in both themes, wide and on a phone."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.accessibility import violations, violations_in_all_looks
from tests.e2e.trader import Trader

pytestmark = pytest.mark.usefixtures("exchange")

NewVisitor = Callable[..., Trader]
FIRST_VIEW, *OTHER_VIEWS = ("Trade", "Markets", "Orders", "Wallet")


def test_axe_does_find_what_is_wrong(visitor: NewVisitor) -> None:
    page = visitor().page
    page.goto("/login")
    page.evaluate("document.querySelector('h1').outerHTML = '<img src=x>'")
    found = " ".join(violations(page))
    assert "image-alt" in found
    assert "page-has-heading-one" in found


@pytest.mark.parametrize(
    "path",
    [
        *("/login", "/signup", "/nothing", "/trade/NO-SUCH", "/liabilities"),
        *("/markets", "/status", "/help?q=post-only", "/help/trading"),
    ],
)
def test_pages_for_everybody_are_accessible(visitor: NewVisitor, path: str) -> None:
    page = visitor().page
    page.goto(path)
    assert violations_in_all_looks(page) == []


# Leaves one operation and one link of each method, with a table and without, and one shape of each
# kind: the hundreds of others differ in their words only.
LEAVE_ONE_OF_EACH = """
() => {
  const kinds = new Set();
  for (const one of document.querySelectorAll(".docs-nav li, .operation")) {
    const method = one.querySelector(".method")?.className;
    const kind = [one.tagName, method, !!one.querySelector("table"), !!one.querySelector("h3 + p")];
    if (kinds.has(kind.join())) one.remove();
    kinds.add(kind.join());
  }
  return [...kinds];
}
"""


def test_the_docs_page_is_accessible(visitor: NewVisitor) -> None:
    page = visitor().page
    page.goto("/api/docs")
    found = violations(page)
    kinds = page.evaluate(LEAVE_ONE_OF_EACH)
    assert any("method delete,true" in kind for kind in kinds)
    assert found + violations_in_all_looks(page) == []


def test_forms_that_refuse_are_accessible(visitor: NewVisitor) -> None:
    page = visitor().page
    page.goto("/signup")
    form = page.locator("main form")
    form.get_by_label("Password").fill("1")
    form.locator("button[type=submit]").click()
    expect(page.locator(".field-error").first).to_be_visible()
    assert violations_in_all_looks(page) == []


def test_the_trading_page_is_accessible_to_a_visitor(visitor: NewVisitor) -> None:
    assert _violations_of_views(visitor().open().page) == []


def test_the_address_book_is_accessible(visitor: NewVisitor) -> None:
    page = visitor().sign_up().page
    page.goto("/account/addresses")
    form = page.locator("#add form")
    form.get_by_label("Address").fill("somewhere")
    form.get_by_label("Name").fill("Savings")
    form.get_by_role("button", name="Add address").click()
    expect(page.locator("table")).to_contain_text("Savings")
    assert violations_in_all_looks(page) == []


def test_a_users_pages_are_accessible(visitor: NewVisitor) -> None:
    person, other = visitor().sign_up(), visitor().sign_up()
    person.deposit("EUR", "10000")
    other.deposit("BTC", "1")
    person.place_limit("Buy", "0.1", "1000")
    other.place_limit("Sell", "0.05", "1000")
    expect(person.notice("Bought 0.05")).to_be_visible()
    page = person.page
    expect(person.rows("open")).to_have_count(1)
    assert _violations_of_views(page) == []

    page.set_viewport_size({"width": 1440, "height": 900})
    page.locator(".activity-bar [data-faucet]").click()
    # Behind an open question stands what was looked at just now.
    found = violations_in_all_looks(page, within="dialog[open]")
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.locator("#tab-open").click()
    page.locator("#cancel-all").click()
    found += violations_in_all_looks(page, within="dialog[open]")
    page.keyboard.press("Escape")
    assert found == []

    page.goto("/account")
    assert violations_in_all_looks(page) == []
    page.goto("/account/tokens")
    page.get_by_label("Kind").select_option("hmac")
    page.get_by_role("button", name="Create key").click()
    expect(page.locator("#new-token")).to_be_visible()
    page.locator(".key summary").click()
    page.get_by_label("withdraw").check()
    page.get_by_role("button", name="Create key").click()
    expect(page.locator(".field-error")).to_be_visible()
    page.locator(".key summary").click()
    assert violations_in_all_looks(page) == []


def _violations_of_views(page: Page) -> list[str]:
    """Return what is wrong with the whole desk, and with each view of a phone."""
    views = page.locator("#views")
    found = violations_in_all_looks(page)
    expect(views.get_by_role("tab", selected=True)).to_have_text(FIRST_VIEW)
    for view in OTHER_VIEWS:
        views.get_by_role("tab", name=view).click()
        found += [f"{view}: {text}" for text in violations(page)]
    return found
