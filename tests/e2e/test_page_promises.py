"""What the page shows is what it uses, what is old is marked so, and nothing is loaded twice."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.e2e.trader import PHONE, Trader
from tests.exchange import Exchange
from tests.own_markets import OwnMarket

pytestmark = pytest.mark.usefixtures("exchange")

NewVisitor = Callable[..., Trader]
ODD_MARKET = "USD-EUR"  # with a tick of 0.03, which no power of two and five divides

# Moves the book by orders of its own, and after each move compares, in one go, what every level
# shows, what it is called and what a click on it fills in.
COMPARE_LEVELS = """
async ({account, token, rounds}) => {
  const post = (path, body) => fetch(`/api/v1${path}`, {method: "POST", body: JSON.stringify(body),
    headers: {"Content-Type": "application/json", "X-CSRFToken": token}});
  const frame = () => new Promise(requestAnimationFrame);
  const price = document.getElementById("price");
  const wrong = [];
  const seen = new Set();
  for (let round = 0; round < rounds; round += 1) {
    if (round % 8 === 7) await post("/orders/cancel-all", {account});
    // The same quantity at another price: the row that stands in its place changes its price only.
    const cents = 100000 + (round * 37) % 400;
    await post("/orders", {user_id: account, market: "BTC/EUR", side: "Buy", order_type: "Limit",
      price: (cents / 100).toFixed(2), quantity: "0.1"});
    for (let frames = 0; frames < 3; frames += 1) {
      await frame();
      for (const level of document.querySelectorAll(".level")) {
        const [shown, quantity] = [...level.querySelectorAll(".num")].map((e) => e.textContent);
        const name = level.getAttribute("aria-label") ?? level.textContent;
        const at = name.match(/[\\d,.]*\\d/g) ?? [];
        level.click();
        const filled = Number(price.value);
        seen.add(filled);
        if (at[0] !== shown || at[1] !== quantity || Number(shown.replaceAll(",", "")) !== filled) {
          wrong.push(`${name} | ${shown} x ${quantity} | ${price.value}`);
        }
      }
    }
  }
  return [wrong.length, wrong.slice(0, 3), seen.size];
}
"""
NOTICES_GAP = """
() => {
  const toasts = document.getElementById("toasts");
  toasts.style.height = "120px";
  const panel = document.querySelector(".activity-panel:not([hidden])");
  const [t, a] = [toasts, panel].map((element) => element.getBoundingClientRect());
  return a.top - (t.top < 20 ? t.top : t.bottom);
}
"""
CHART_COLOURS = """
() => Math.max(...[...document.querySelectorAll("#chart canvas")].map((canvas) => {
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(data.buffer)).size;
}))
"""


def test_a_level_is_called_what_it_shows_and_fills_what_it_is_called(visitor: NewVisitor) -> None:
    person = visitor().sign_up()
    person.deposit("EUR", "100000")
    given = {"account": person.account_id(), "token": person.csrf_token(), "rounds": 24}

    wrong, examples, prices = person.page.evaluate(COMPARE_LEVELS, given)

    assert (wrong, examples) == (0, [])
    assert prices > 10  # the book did move


def test_candles_are_asked_for_once_and_drawn_at_any_tick(
    visitor: NewVisitor, exchange: Exchange
) -> None:
    exchange.create_market(OwnMarket.PAGE_ODD_TICK, "--tick-size", "0.03", "--lot-size", "0.01")
    buyer, seller = visitor(market=ODD_MARKET).sign_up(), visitor(market=ODD_MARKET).sign_up()
    buyer.deposit("EUR", "1000")
    seller.deposit("USD", "1")
    buyer.place_limit("Buy", "0.5", "99.99")
    seller.place_limit("Sell", "0.25", "99.99")
    expect(buyer.notice("Bought 0.25")).to_contain_text("50% of 0.50")

    asked: list[str] = []
    buyer.page.on("request", lambda sent: "/candles" in sent.url and asked.append(sent.url))
    buyer.page.reload()
    buyer.wait_until_live()
    legend = buyer.page.locator("#chart-legend")
    expect(legend).to_contain_text("99.99")
    for interval in ("5m", "1h"):
        buyer.page.locator(f'#intervals [data-value="{interval}"]').click()
        expect(legend).to_contain_text("99.99")
    buyer.page.locator('a[href="/trade/BTC-EUR"]').click()
    expect(buyer.page.locator("#market-name")).to_have_text("BTC/EUR")
    expect(legend).not_to_contain_text("99.99")
    buyer.page.locator(f'a[href="/trade/{ODD_MARKET}"]').click()
    expect(legend).to_contain_text("99.99")

    buyer.page.wait_for_function(f"({CHART_COLOURS})() > 8")
    wanted = [("USD-EUR", i) for i in ("1m", "5m", "1h")] + [("BTC-EUR", "1h"), ("USD-EUR", "1h")]
    assert [
        (url.split("/markets/")[1].split("/")[0], url.split("interval=")[1].split("&")[0])
        for url in asked
    ] == wanted


def test_what_is_offline_does_not_look_live(visitor: NewVisitor) -> None:
    person = visitor().sign_up()
    page = person.page
    person.deposit("EUR", "1000")
    person.fill_limit("Buy", "0.1", "900")
    banner, submit, lock = (
        page.locator(f"#{i}") for i in ("stale-banner", "order-submit", "order-lock")
    )
    page.route("**/api/v1/orders", lambda route: route.abort())
    page.evaluate("WebSocket.prototype.send = () => undefined")
    expect(banner).to_be_hidden()

    person.context.set_offline(True)
    expect(banner).to_contain_text("You are offline. Prices, orders and balances stand still since")
    expect(submit).to_be_disabled()
    expect(submit).to_have_text("Waiting for the connection")
    expect(lock).to_be_visible()
    assert (
        page.evaluate("getComputedStyle(document.querySelector('.market-list')).opacity") == "0.45"
    )

    person.context.set_offline(False)
    page.reload()
    person.wait_until_live()
    expect(banner).to_be_hidden()
    expect(lock).to_be_hidden()
    expect(submit).to_have_text("Buy BTC")
    expect(submit).to_be_enabled()


def test_the_form_takes_the_pages_own_spelling_and_drops_old_refusals(visitor: NewVisitor) -> None:
    person = visitor().sign_up()
    page = person.page
    person.deposit("EUR", "100")
    person.fill_limit("Buy", "0.1", "61,000.00")
    person.submit()
    expect(page.locator("#total-error")).to_have_text("Only 100 EUR available.")
    expect(page.locator("#price")).to_have_value("61000.00")
    page.locator("#price").fill("60000,5")
    person.submit()
    expect(page.locator("#price-error")).to_contain_text("write a point before decimals")
    person.fill_limit("Buy", "0.001", "61,000.00")
    page.locator("#quantity").fill("0.1")
    person.submit()
    expect(page.locator("#total-error")).to_have_text("Only 100 EUR available.")

    person.deposit("EUR", "10000")

    expect(page.locator("#total-error")).to_have_text("")
    expect(page.locator("#total")).to_have_attribute("aria-invalid", "false")
    page.locator(".activity-bar [data-faucet]").click()
    page.locator("#faucet-amount").fill("2000000000")
    page.locator("#faucet-submit").click()
    expect(page.locator("#faucet-error")).to_have_text("Amount must be at most 1,000,000,000.")


def test_cancelling_names_what_it_cancels_and_one_market_is_remembered(
    visitor: NewVisitor,
) -> None:
    person = visitor().sign_up()
    page = person.page
    person.deposit("EUR", "1000")
    person.place_limit("Buy", "0.1", "111")
    rows = person.rows("open")
    expect(rows).to_have_count(1)
    question = page.get_by_role("dialog", name="Cancel 1 order?")
    page.locator("#cancel-all").click()
    expect(question).to_contain_text("1 Buy BTC/EUR. All open orders in all markets")
    page.keyboard.press("Escape")
    expect(question).to_be_hidden()
    expect(rows).to_have_count(1)
    page.locator("#cancel-all").click()
    question.get_by_role("button", name="Cancel 1 order").click()
    expect(rows).to_have_count(0)

    page.locator("#only-market").check()
    page.locator("#book-group").select_option("1")
    page.reload()
    person.wait_until_live()
    expect(page.locator("#only-market")).to_be_checked()
    expect(page.locator("#book-group")).to_have_value("1")
    person.place_limit("Buy", "0.1", "112")
    page.locator("#cancel-all").click()
    expect(question).to_contain_text("All open orders in BTC/EUR")
    question.get_by_role("button", name="Cancel 1 order").click()
    expect(page.locator("#panel-open tbody tr")).to_have_count(0)


def test_on_a_phone_a_price_of_the_book_leads_to_the_form(visitor: NewVisitor) -> None:
    person, other = visitor(size=PHONE).open(), visitor().sign_up()
    other.deposit("EUR", "1000")
    other.place_limit("Buy", "0.1", "1234.5")
    page = person.page
    person.level("bids", "1234.5").click()
    expect(page.locator("#price")).to_be_visible()
    expect(page.locator("#price")).to_have_value("1234.5")
    expect(page.locator("#views").get_by_role("tab", name="Trade")).to_have_attribute(
        "aria-selected", "true"
    )


def test_every_tab_of_the_activity_is_in_sight(visitor: NewVisitor) -> None:
    person = visitor().sign_up()
    page = person.page
    for width in (390, 1024, 1440):
        page.set_viewport_size({"width": width, "height": 768})
        person.open()
        if width < 1000:
            page.locator("#views").get_by_role("tab", name="Orders").click()
        hidden_px = page.evaluate(
            "() => { const tabs = document.getElementById('activity-tabs');"
            " return tabs.scrollWidth - tabs.clientWidth; }"
        )
        assert hidden_px == 0, width
        # Notices stand over no order: they end above the list, or (on a phone) in the header.
        gap_px = page.evaluate(NOTICES_GAP)
        assert gap_px >= 0, width


def test_a_halt_locks_the_form_within_two_seconds_and_a_resume_opens_it(
    visitor: NewVisitor, exchange: Exchange
) -> None:
    person = visitor().sign_up()
    page = person.page
    submit, state = page.locator("#order-submit"), page.locator("#market-state")
    expect(submit).to_be_enabled()
    try:
        exchange.manage("halt_market", "BTC/EUR")
        expect(submit).to_have_text("Halted: cancels only", timeout=2_000)
        expect(submit).to_be_disabled()
        expect(state).to_have_text("Halted")
        expect(page.locator("#order-lock")).to_contain_text("Open orders can be cancelled")
    finally:
        exchange.manage("halt_market", "BTC/EUR", "--resume")
    expect(submit).to_have_text("Buy BTC", timeout=2_000)
    expect(submit).to_be_enabled()
    expect(state).to_be_hidden()

    # A market that is new appears by itself, too.
    exchange.create_market(OwnMarket.PAGE_NEW_MARKET, "--tick-size", "0.4", "--lot-size", "1")
    expect(page.locator('a[href="/trade/USDT-BTC"]')).to_be_visible(timeout=2_000)
