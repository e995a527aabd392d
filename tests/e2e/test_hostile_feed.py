"""A feed that loses, spoils, repeats, swaps and delays messages, falls silent or dies.

Whatever it does, no number of the page is wrong for more than a second unless it is marked, and all
of it mends itself, without a reload. Each delay shows by itself that wrong numbers are noticed:
then many are, all of them marked.
"""

import itertools
import json
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.e2e.hostile_line import HostileLine, Spoil, untouched
from tests.e2e.sampled_page import LEVELS, PERIOD_MS, SAMPLE, WRONG_MAX_S, Truth, Wrong
from tests.e2e.trader import Trader
from tests.exchange import Exchange, NotInTime, wait_until
from tests.own_markets import OwnMarket, new_asset

NewVisitor = Callable[..., Trader]
MARKET = OwnMarket.PAGE_HOSTILE.replace("/", "-")
MENDS_MAX_S = 15.0
PARTS = {"book", "ticker", "tape", "orders", "balance"}


class Scene:
    """Somebody who looks at a market through a hostile line, while they and another trade in it."""

    def __init__(self, exchange: Exchange, line: HostileLine, person: Trader) -> None:
        self.line = line
        self._exchange = exchange
        self._page = person.page
        self._numbers = itertools.count()
        token = exchange.manage("create_token", "--email", "hostile@example.com").split()[-1]
        self._other = self._client({"Authorization": f"Bearer {token}"})
        cookies = {one["name"]: one["value"] for one in person.context.cookies()}
        self._own = self._client({"X-CSRFToken": cookies["csrftoken"]}, cookies)
        self._others_account, self._account = map(self._funded, (self._other, self._own))
        self.truth = Truth(self._own, self._account, MARKET)
        for price in range(5):
            self._place(self._other, "Sell", "0.5", str(1002 + price))
        for _ in range(8):
            self.step()
        self._page.goto(f"http://127.0.0.1:{line.port}/trade/{MARKET}")
        expect(self._page.locator("#bids .level").first).to_be_visible()
        expect(self._page.locator("#available")).to_contain_text("USDT")
        self._page.evaluate(SAMPLE, [PERIOD_MS, LEVELS])
        self.mended()

    def _client(
        self, headers: dict[str, str], cookies: dict[str, str] | None = None
    ) -> httpx.Client:
        url = self._exchange.base_url
        return httpx.Client(
            base_url=f"{url}/api/v1", headers={**headers, "Referer": url}, cookies=cookies
        )

    def _funded(self, client: httpx.Client) -> str:
        account = str(client.get("/accounts").json()["data"][0]["id"])
        for asset in ("SOL", "USDT"):
            body = {"asset": asset, "amount": "100000"}
            client.post(f"/accounts/{account}/deposit", json=body).raise_for_status()
        return account

    def step(self) -> None:
        """Change the market: asks, bids, trades and own orders by turns; note what is so then."""
        number = next(self._numbers)
        # No price comes again soon: whatever is old is another one.
        away = number // 4 * 7 % 50
        acts: tuple[Callable[[], Any], ...] = (
            lambda: self._place(self._other, "Sell", "0.5", f"100{1 + away // 10}.{away % 10}"),
            lambda: self._place(self._own, "Buy", "0.5", "1010", time_in_force="IOC"),
            lambda: self._place(self._other, "Buy", f"1.{away}", f"99{away // 10}.{away % 10}"),
            lambda: self._place(self._own, "Buy", "0.1", f"98{away // 10}.{away % 10}"),
        )
        self.truth.change(acts[number % len(acts)])
        if number % 40 == 39:
            for client, account in self._people:
                body = {"account": account}
                self.truth.change(lambda c=client, b=body: c.post("/orders/cancel-all", json=b))

    @property
    def _people(self) -> tuple[tuple[httpx.Client, str], ...]:
        return (self._other, self._others_account), (self._own, self._account)

    def _place(
        self, client: httpx.Client, side: str, quantity: str, price: str, **more: Any
    ) -> None:
        account = self._account if client is self._own else self._others_account
        order = {
            "user_id": account, "market": MARKET.replace("-", "/"), "side": side,
            "order_type": "Limit", "quantity": quantity, "price": price, **more,
        }  # fmt: skip
        client.post("/orders", json=order).raise_for_status()

    def trade(self, seconds: float) -> None:
        """Let the market move for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.step()

    def spoiled(self, spoil: Spoil, seconds: float) -> list[Wrong]:
        """Let it move while messages are spoiled; return what the page showed wrong."""
        self.line.spoil = spoil
        self.trade(seconds)
        self.line.spoil = untouched
        return self.mended()

    def mended(self) -> list[Wrong]:
        """Wait until all is right and nothing marked; return what was wrong since the last time."""
        try:
            wait_until(self._is_right, timeout_s=MENDS_MAX_S, what="a page that shows what is so")
        except NotInTime as error:
            shown = self._page.evaluate("window.samples.at(-1)")
            raise NotInTime(f"{error}: {shown} instead of {self.truth.facts[-1]}") from None
        return self.truth.wrong_of(self._page.evaluate("window.samples.splice(0)"))

    def _is_right(self) -> bool:
        sample = self._page.evaluate("window.samples.at(-1)")
        if not sample or sample["old"]:
            return False
        return all(sample["shown"].values()) and self.truth.is_now(sample)

    def end(self) -> None:
        """Leave the market as it was found."""
        for client, account in self._people:
            client.post("/orders/cancel-all", json={"account": account})
            client.close()


@pytest.fixture(scope="module")
def market(exchange: Exchange) -> str:
    """A market of its own: what trades here is no last price of others."""
    exchange.manage("shell", "-c", new_asset("SOL"))
    exchange.create_market(OwnMarket.PAGE_HOSTILE, "--tick-size", "0.01", "--lot-size", "0.01")
    return MARKET


@pytest.fixture
def scene(exchange: Exchange, visitor: NewVisitor, market: str) -> Iterator[Scene]:
    with HostileLine(exchange.port) as line:
        made = Scene(exchange, line, visitor(market=market).sign_up())
        yield made
        made.end()


def is_push(text: str) -> bool:
    return text.startswith('{"method"')


def losing(_text: str) -> Iterable[str]:
    return () if is_push(_text) else (_text,)


def twice(text: str) -> Iterable[str]:
    return (text, text)


def falsely(text: str) -> Iterable[str]:
    """Say another quantity of a book's level than the checksum does."""
    message = json.loads(text)
    if message.get("method") != "orderbook":
        return (text,)
    data = message["params"]["data"]
    for side in ("bids", "asks"):
        for level in data[side][:1]:
            level[1] = "77.7"
    return (json.dumps(message),)


class Swapping:
    """Each push comes after the one that followed it."""

    def __init__(self) -> None:
        self._kept: list[str] = []

    def __call__(self, text: str) -> Iterable[str]:
        kept, self._kept = self._kept, []
        if is_push(text) and not kept:
            self._kept = [text]
            return ()
        return (text, *kept)


def unmarked(found: list[Wrong]) -> list[Wrong]:
    return [wrong for wrong in found if not wrong.is_marked and wrong.for_s >= WRONG_MAX_S]


def test_what_a_hostile_feed_tells_is_never_wrong_without_a_mark(scene: Scene) -> None:
    # The last change of all parts is lost, and no later one betrays it.
    scene.line.spoil = losing
    for _ in range(4):
        scene.step()
    scene.line.spoil = untouched
    assert unmarked(scene.mended()) == []

    for spoil in (falsely, twice, Swapping()):
        assert unmarked(scene.spoiled(spoil, 1)) == [], spoil

    scene.line.hold()
    scene.trade(3)
    scene.line.release()
    scene.trade(0.3)
    late = scene.mended()
    assert unmarked(late) == []
    # The control: they were wrong, and that was noticed.
    assert {wrong.part for wrong in late} == PARTS


@pytest.mark.trial
def test_a_line_that_falls_silent_is_marked_and_made_anew(scene: Scene) -> None:
    for _ in range(3):
        scene.line.go_silent()
        scene.trade(3)
        late = scene.mended()
        assert unmarked(late) == []
        assert {wrong.part for wrong in late} == PARTS


@pytest.mark.trial
def test_a_web_process_that_is_killed_leaves_nothing_wrong_unmarked(
    scene: Scene, exchange: Exchange
) -> None:
    for _ in range(3):
        exchange.kill("web")
        exchange.restart("web")
        exchange.wait_until_healthy()
        scene.trade(2)
        assert unmarked(scene.mended()) == []


@pytest.mark.trial
def test_everything_at_once_for_a_while_mends_itself(scene: Scene) -> None:
    swapping = Swapping()

    def worst(text: str) -> Iterable[str]:
        kind = zlib.crc32(text.encode()) % 10
        if kind == 0:
            return losing(text)
        if kind == 1:
            return falsely(text)
        return twice(text) if kind == 2 else swapping(text)

    for _ in range(5):
        scene.line.hold()
        scene.trade(1.2)
        scene.line.release()
        assert unmarked(scene.spoiled(worst, 3)) == []
