"""Two people trade with each other through the page, each in a browser context of their own."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from playwright.sync_api import expect

from tests.e2e.trader import PHONE, Trader
from tests.exchange import wait_until

pytestmark = pytest.mark.usefixtures("exchange")

BOOK_LATENCY_MAX_MS = 500
D = Decimal
NewVisitor = Callable[..., Trader]


def test_two_accounts_trade_through_the_page(
    visitor: NewVisitor, record_property: Callable[[str, object], None]
) -> None:
    buyer, seller = visitor().sign_up(), visitor().sign_up()
    buyer.deposit("EUR", "100000")
    seller.deposit("BTC", "10")

    seller.watch_level("bids", "20000", "1")
    buyer.watch_submit()
    buyer.place_limit("Buy", "1", "20000")
    latency_ms = seller.level_seen_at() - buyer.submitted_at()
    record_property("book_latency_ms", round(latency_ms))
    assert 0 < latency_ms < BOOK_LATENCY_MAX_MS

    seller.level("bids", "20000").click()
    expect(seller.page.locator("#price")).to_have_value("20000")
    seller.place_limit("Sell", "0.4", "20000")

    expect(buyer.notice("Bought 0.4")).to_be_visible()
    expect(seller.notice("Sold 0.4")).to_be_visible()
    for person, side, role in ((buyer, "Buy", "Maker"), (seller, "Sell", "Taker")):
        row = person.rows("fills")
        expect(row).to_have_count(1)
        for text in (side, "BTC/EUR", "20,000.00", "0.4", "8,000.00 EUR", role):
            expect(row).to_contain_text(text)
    expect(buyer.level("bids", "20000")).to_have_attribute("data-quantity", "0.6")
    expect(seller.page.locator("#tape .tape-row").first).to_contain_text("20,000.00")

    expected = {
        buyer: {"EUR": (D(92000), D(80000), D(12000)), "BTC": (D("0.4"), D("0.4"), D(0))},
        seller: {"EUR": (D(8000), D(8000), D(0)), "BTC": (D("9.6"), D("9.6"), D(0))},
    }
    for person, balances in expected.items():
        wait_until(
            lambda person=person, balances=balances: (
                balances.items()  # type: ignore[misc]
                <= person.shown_balances().items()
            ),
            timeout_s=5,
            what=f"balances in the page: {balances}",
        )
        assert person.api_balances() == person.shown_balances()


def test_a_cancelled_order_leaves_every_book_and_frees_its_funds(visitor: NewVisitor) -> None:
    owner, other = visitor().sign_up(), visitor().open()
    owner.deposit("EUR", "1000")
    owner.place_limit("Buy", "0.1", "1234.5")
    expect(other.level("bids", "1234.5")).to_be_visible()

    owner.rows("open").get_by_role("button", name="Cancel").click()

    expect(owner.notice("Order cancelled")).to_be_visible()
    expect(other.level("bids", "1234.5")).to_have_count(0)
    expect(owner.page.locator("#panel-open tbody tr")).to_have_count(0)
    expect(owner.rows("history")).to_contain_text("Cancelled")
    assert owner.api_balances()["EUR"] == (D(1000), D(1000), D(0))


# What is typed as quantity and price, and which field says what. Funds: 1,000 EUR.
BAD_INPUT = [
    ("", "100", "quantity", "Quantity is required."),
    ("-1", "100", "quantity", "Quantity must be more than 0."),
    ("1", "1e5", "price", "Price must be a number"),
    ("1", "100.00000001", "price", "Price must be a multiple of"),
    ("5000", "20000", "total", "Only 1,000 EUR available."),
]


def test_bad_input_names_the_field_and_sends_nothing(visitor: NewVisitor) -> None:
    person = visitor().sign_up()
    page = person.page
    person.deposit("EUR", "1000")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    for quantity, price, field, message in BAD_INPUT:
        person.fill_limit("Buy", quantity, price)
        person.submit()
        expect(page.locator(f"#{field}-error")).to_contain_text(message)
        expect(page.locator(f"#{field}")).to_have_attribute("aria-invalid", "true")
        expect(page.locator(f"#{field}")).to_be_focused()
    assert [url for url in sent if url.endswith("/orders")] == []
    assert person.api(f"/accounts/{person.account_id()}/orders") == []


def test_what_the_exchange_refuses_is_told_in_the_form(visitor: NewVisitor) -> None:
    person, other = visitor().sign_up(), visitor().sign_up()
    person.deposit("EUR", "1000")
    other.deposit("BTC", "1")
    other.place_limit("Sell", "0.1", "900")
    person.fill_limit("Buy", "0.1", "900")
    person.page.locator("#post-only").check()

    person.submit()

    expect(person.page.locator("#order-form [role=alert]")).to_be_visible()
    expect(person.page.locator("#quantity")).to_have_value("0.1")
    assert person.api(f"/accounts/{person.account_id()}/orders") == []
    assert person.api_balances()["EUR"] == (D(1000), D(1000), D(0))


def test_a_market_order_by_amount_takes_what_it_covers(visitor: NewVisitor) -> None:
    maker, taker = visitor().sign_up(), visitor().sign_up()
    maker.deposit("BTC", "1")
    taker.deposit("EUR", "1000")
    maker.place_limit("Sell", "0.5", "800")
    expect(taker.level("asks", "800")).to_be_visible()
    page = taker.page
    page.locator("#order-type").get_by_role("radio", name="Market").click()
    page.locator("#total").fill("200")
    expect(page.locator("#estimate-receive")).to_contain_text("0.25")

    taker.submit()

    expect(taker.notice("Bought 0.25")).to_be_visible()
    expect(taker.rows("fills")).to_contain_text("200.00 EUR")


def test_after_a_lost_connection_the_book_is_the_current_one(visitor: NewVisitor) -> None:
    person, other = visitor().open(), visitor().sign_up()
    other.deposit("EUR", "1000")
    connection = person.page.locator("#connection")
    person.context.set_offline(True)
    expect(connection).to_have_attribute("data-state", "offline")
    other.place_limit("Buy", "0.2", "777")

    person.context.set_offline(False)

    expect(connection).to_have_attribute("data-state", "live")
    expect(person.level("bids", "777")).to_have_attribute("data-quantity", "0.2")
    other.cancel_everything()
    expect(person.level("bids", "777")).to_have_count(0)


def test_without_a_socket_orders_go_by_post(visitor: NewVisitor) -> None:
    person = visitor().sign_up()
    person.deposit("EUR", "1000")
    page = person.page
    page.route_web_socket("**/ws", lambda socket: socket.close())
    page.reload()
    expect(page.locator("#connection")).not_to_have_attribute("data-state", "live")
    expect(page.locator("#available")).to_have_text("1,000.00 EUR")

    person.place_limit("Buy", "0.1", "321")

    expect(person.rows("open")).to_contain_text("321.00")
    expect(page.locator("#available")).to_have_text("967.90 EUR")
    orders = person.api(f"/accounts/{person.account_id()}/orders")
    assert [(order["price"], order["status"]) for order in orders] == [("321.00", "New")]
    person.rows("open").get_by_role("button", name="Cancel").click()
    expect(person.page.locator("#panel-open tbody tr")).to_have_count(0)


def test_a_visitor_sees_the_market_and_is_asked_to_log_in(visitor: NewVisitor) -> None:
    person = visitor(market="BTC-USD").open()
    page = person.page
    expect(page.locator("#order-submit")).to_be_disabled()
    expect(page.locator("#signed-out")).to_be_visible()
    expect(page.locator(".demo")).to_have_text("Demo: simulated history and demo traders")
    page.get_by_label("Search markets").fill("eth")
    names = page.locator(".market-row-name")
    expect(names.first).to_contain_text("ETH")
    assert all("ETH" in name for name in names.all_inner_texts())
    page.locator('a[href="/trade/ETH-BTC"]').click()
    expect(page.locator("#market-name")).to_have_text("ETH/BTC")
    page.go_back()
    expect(page.locator("#market-name")).to_have_text("BTC/USD")


def test_the_desktop_page_does_not_scroll(visitor: NewVisitor) -> None:
    person = visitor().open()
    height = person.page.evaluate("document.documentElement.scrollHeight")
    assert (person.overflow_px(), height) == (0, 900)


def test_on_a_phone_every_view_fits_its_width(visitor: NewVisitor) -> None:
    person = visitor(size=PHONE).sign_up()
    parts = {
        "Markets": "#market-search", "Trade": "#order-form", "Orders": "#open-count",
        "Wallet": "#panel-balances",
    }  # fmt: skip
    for view, part in parts.items():
        person.page.locator("#views").get_by_role("tab", name=view).click()
        expect(person.page.locator(part)).to_be_attached()
        expect(person.page.locator(part).locator("xpath=..")).to_be_visible()
        assert person.overflow_px() == 0, view
    person.page.locator("#market-button").click()
    expect(person.page.get_by_label("Search markets")).to_be_focused()
    assert person.overflow_px() == 0


def test_the_page_keeps_to_its_content_policy(visitor: NewVisitor) -> None:
    person = visitor()
    refused: list[str] = []
    policies: list[str | None] = []
    person.page.on(
        "console",
        lambda message: "Content Security Policy" in message.text and refused.append(message.text),
    )
    person.page.on(
        "response",
        lambda answer: (
            "/trade/" in answer.url
            and policies.append(answer.header_value("content-security-policy"))
        ),
    )
    person.open()
    expect(person.page.locator("#chart canvas").first).to_be_visible()
    assert refused == []
    assert len(policies) == 1
    assert "script-src 'self';" in str(policies[0])
    assert "unsafe-inline" not in str(policies[0])


def test_every_input_has_a_label(visitor: NewVisitor) -> None:
    person = visitor().open()
    unnamed = person.page.evaluate(
        "[...document.querySelectorAll('input, select')]"
        ".filter((field) => !field.labels.length && !field.ariaLabel && field.type !== 'hidden')"
        ".map((field) => field.id)"
    )
    assert unnamed == []
