"""Orders that wait, hide or end in time, through the page's form and lists."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from tests.e2e.accessibility import violations_in_all_looks
from tests.e2e.trader import DESKTOP, PHONE, Trader

pytestmark = pytest.mark.usefixtures("exchange")

NewVisitor = Callable[..., Trader]
UNTIL = "2190-01-31T12:00"


@pytest.fixture
def people(visitor: NewVisitor) -> Iterator[tuple[Trader, Trader]]:
    """Two who have traded at 1,000, so that there is a price to wait beside."""
    person, other = visitor().sign_up(), visitor().sign_up()
    for one in (person, other):
        one.deposit("EUR", "10000")
        one.deposit("BTC", "10")
    _trade(other, person, "1000")
    expect(person.page.locator("#ticker-last")).to_have_text("1,000.00")
    yield person, other
    for one in (person, other):
        one.cancel_everything()


def _trade(seller: Trader, buyer: Trader, price: str) -> None:
    """Let two trade at a price."""
    seller.place_limit("Sell", "0.01", price)
    expect(buyer.level("asks", price)).to_be_visible()
    buyer.place_limit("Buy", "0.01", price)


def _choose_trigger(person: Trader, kind: str, side: str) -> None:
    page = person.page
    page.locator("#order-side").get_by_role("radio", name=side).click()
    page.locator("#order-type").get_by_role("radio", name="Trigger").click()
    page.get_by_label("Kind").select_option(label=kind)


def _placed(person: Trader) -> dict[str, object]:
    """Send the form; return the newest order as the API has it once the form is empty."""
    person.submit()
    expect(person.page.locator("#quantity")).to_have_value("")
    newest: dict[str, object] = person.api(f"/accounts/{person.account_id()}/orders?limit=1")[0]
    return newest


def test_a_stop_limit_an_iceberg_and_a_good_till_date_are_placed(
    people: tuple[Trader, Trader],
) -> None:
    person, other = people
    page = person.page
    _choose_trigger(person, "Stop limit", "Sell")
    expect(page.locator("#kind-hint")).to_contain_text("once the price falls to the trigger")
    page.get_by_label("Trigger price").fill("900")
    page.get_by_label("Limit price").fill("890")
    page.locator("#quantity").fill("2")
    expect(page.locator("#estimate-trigger")).to_have_text("at 900.00 EUR or below")
    expect(page.locator("#estimate-distance")).to_have_text("-10.00%")
    expect(page.locator("#estimate-hold")).to_have_text("2.00 BTC")
    order = _placed(person)
    assert (order["order_type"], order["stop_price"], order["status"]) == (
        "StopLimit",
        "900.00",
        "Pending",
    )
    row = person.rows("open").filter(has_text="Stop limit")
    for text in ("≤ 900.00", "890.00", "Pending"):
        expect(row).to_contain_text(text)

    page.locator("#order-type").get_by_role("radio", name="Limit").click()
    page.locator("#price").fill("1100")
    page.locator("#quantity").fill("1")
    expect(page.locator("#show")).to_be_hidden()
    page.locator("#advanced summary").click()
    page.get_by_label("Iceberg").fill("0.25")
    assert _placed(person)["display_quantity"] == "0.25000"
    expect(person.rows("open").filter(has_text="iceberg 0.25")).to_be_visible()
    expect(other.level("asks", "1100")).to_have_attribute("data-quantity", "0.25")

    page.locator("#price").fill("1200")
    page.locator("#quantity").fill("1")
    page.locator("#time-in-force").select_option("GTD")
    page.get_by_label("Until").fill(UNTIL)
    order = _placed(person)
    local = page.evaluate(f"new Date('{UNTIL}').toISOString()")
    expires_at = datetime.fromisoformat(str(order["expires_at"])).astimezone(UTC)
    assert expires_at == datetime.fromisoformat(local)
    expect(person.rows("open").filter(has_text="until")).to_contain_text("2190")

    person.rows("open").filter(has_text="Stop limit").get_by_role("button", name="Cancel").click()
    expect(person.page.locator("#panel-open tbody tr")).to_have_count(2)


def test_a_stop_fires_on_the_page(people: tuple[Trader, Trader]) -> None:
    person, other = people
    other.place_limit("Buy", "1", "850")
    _choose_trigger(person, "Stop", "Sell")
    person.page.get_by_label("Trigger price").fill("900")
    person.page.locator("#quantity").fill("0.5")
    order = _placed(person)
    expect(person.notice("Order placed")).to_be_visible()
    assert order["status"] == "Pending"

    _trade(other, person, "900")

    expect(person.notice("Order triggered")).to_be_visible()
    expect(person.notice("Sold 0.5")).to_be_visible()
    expect(person.page.locator("#panel-open tbody tr")).to_have_count(0)
    expect(person.rows("history").filter(has_text="Stop")).to_contain_text("850.00")
    read = person.api(f"/orders/{order['id']}")
    assert (read["status"], read["order_type"]) == ("Filled", "Stop")


def test_what_is_wrong_is_said_beside_its_field(people: tuple[Trader, Trader]) -> None:
    person, _ = people
    page = person.page
    _choose_trigger(person, "Trailing stop", "Sell")
    page.locator("#trail").fill("0.01")
    page.locator("#quantity").fill("1")
    person.submit()
    expect(page.locator("#trail-error")).to_have_text("Distance must be at least 0.1%.")

    page.locator("#kind").select_option(label="Take profit")
    page.locator("#stop").fill("990")
    person.submit()
    expect(page.locator("#stop-error")).to_contain_text("must be above the last price")
    expect(page.locator("#stop")).to_be_focused()

    page.locator("#order-type").get_by_role("radio", name="Market").click()
    page.locator("#order-measure").get_by_role("radio", name="Quantity").click()
    page.locator("#advanced summary").click()
    page.get_by_label("Worst price").fill("1.001")
    page.locator("#quantity").fill("1")
    page.locator("#advanced summary").click()
    expect(page.locator("#asked")).to_have_text("worst 1.001")
    person.submit()
    # The part that it is in unfolds.
    expect(page.locator("#protection-error")).to_be_visible()
    expect(page.locator("#protection")).to_be_focused()
    assert person.api(f"/accounts/{person.account_id()}/orders?status=Open") == []


def test_the_long_form_is_accessible_and_fits(people: tuple[Trader, Trader]) -> None:
    person, _ = people
    page = person.page
    page.locator("#advanced summary").click()
    page.locator("#time-in-force").select_option("GTD")
    page.get_by_label("Post-only").check()
    for kind in ("Stop limit", "Trailing stop"):
        page.set_viewport_size({"width": DESKTOP[0], "height": DESKTOP[1]})
        _choose_trigger(person, kind, "Sell")
        person.submit()
        expect(page.locator("#quantity-error")).to_be_visible()
        assert person.overflow_px() == 0
        assert violations_in_all_looks(page, within="#ticket") == []
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    page.locator("#views").get_by_role("tab", name="Trade").click()
    assert person.overflow_px() == 0
    assert violations_in_all_looks(page, within="#ticket") == []


def test_the_form_is_worked_by_keyboard_alone(people: tuple[Trader, Trader]) -> None:
    person, _ = people
    page = person.page
    page.locator("#order-type").get_by_role("radio", name="Limit").focus()
    for key in ("ArrowRight", "ArrowRight", "Tab"):
        page.keyboard.press(key)
    expect(page.locator("#kind")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.type("1100")
    page.keyboard.press("ArrowUp")
    expect(page.locator("#stop")).to_have_value("1100.01")
    page.locator("#quantity").focus()
    page.keyboard.type("0.1")
    page.locator("#advanced summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#trigger-by")).to_be_visible()
