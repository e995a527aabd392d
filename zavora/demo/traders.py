"""The demo traders: a maker that quotes ladders and a taker that trades with them.

Programs like anybody's: they know the exchange by its public API only, with tokens of their own.
They are paced to be a small part of the machine's work, not to be clever.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any, Final
from uuid import uuid4

import structlog

from zavora.demo.catalogue import BTC_CENTS, ETH_CENTS, MAKER, TAKER, TRADED, DemoMarket, Person
from zavora.demo.client import Client, Refused
from zavora.demo.prices import Prices
from zavora.foundation.ending import end_tasks

LEVELS: Final = 6
# A market's turn comes each (number of markets) beats; in it at most so many orders change.
BEAT_S: Final = 0.2
CHANGES_A_BEAT: Final = 2
STEP_MAX_PPM: Final = 90
TAKE_PAUSE_S: Final = (0.4, 1.6)
FUNDS_PAUSE_S: Final = 60.0
TROUBLE_PAUSE_S: Final = 5.0
GOODBYE_S: Final = 1.5
CLOSED_STATUSES: Final = frozenset({"Filled", "Cancelled", "Expired", "Rejected"})
# Refused because of where the market stands just now: nothing to look into.
ORDINARY_REFUSALS: Final = frozenset({"invalid_order", "order_not_open", "order_not_found"})
# Refused because of who asks: no market is to blame.
PERSONAL_REFUSALS: Final = frozenset({"unauthorized", "forbidden"})
BUY: Final = "Buy"
SELL: Final = "Sell"

log = structlog.get_logger(__name__)

Slot = tuple[str, str, int]  # symbol, side, level


class Trader:
    """What maker and taker share: a client, an account, and funds that do not run out."""

    def __init__(self, base_url: str, token: str, person: Person, source: random.Random) -> None:
        self.client = Client(base_url, token)
        self.person = person
        self.source = source
        self.account_id = ""
        # Markets that refused, by symbol, and until when they are left alone.
        self._resting: dict[str, float] = {}

    async def start(self) -> None:
        """Find the account, and begin with no open orders."""
        accounts = await self.client.get("/accounts")
        self.account_id = accounts[0]["id"]
        await self.cancel_all()

    async def cancel_all(self) -> None:
        """Cancel every open order of the account."""
        await self.client.post("/orders/cancel-all", {"account": self.account_id})

    async def keep_funded(self) -> None:
        """Ask the faucet for what has run low, for ever."""
        while True:
            balances = await self.client.get(f"/accounts/{self.account_id}/balances")
            totals = {balance["asset"]: Decimal(balance["total"]) for balance in balances}
            for asset, first in self.person.funds:
                if totals.get(asset, Decimal(0)) * 4 < Decimal(first):
                    body = {"asset": asset, "amount": first}
                    try:
                        await self.client.post(f"/accounts/{self.account_id}/deposit", body)
                    except Refused as refused:
                        # The other assets, and trading, go on.
                        log.warning("not_funded", asset=asset, refused=repr(refused))
            await asyncio.sleep(FUNDS_PAUSE_S)

    def rests(self, market: DemoMarket) -> bool:
        """Tell whether a market is left alone for now."""
        return self._resting.get(market.symbol, 0.0) > time.monotonic()

    @contextmanager
    def resting_where_refused(self, market: DemoMarket) -> Iterator[None]:
        """Leave a market alone for a while that refuses; the others are traded on."""
        try:
            yield
        except Refused as refused:
            if refused.code in PERSONAL_REFUSALS:
                raise
            if refused.code not in ORDINARY_REFUSALS:
                log.warning("market_rests", market=market.symbol, refused=repr(refused))
                self._resting[market.symbol] = time.monotonic() + TROUBLE_PAUSE_S

    async def place(self, market: DemoMarket, side: str, lots: int, **more: Any) -> Any:
        """Place an order and return it as the exchange answers it."""
        body = {
            "user_id": self.account_id,
            "market": market.symbol,
            "side": side,
            "quantity": f"{lots * market.lot_size:f}",
            "client_order_id": f"demo-{uuid4().hex}",
        }
        return (await self.client.post("/orders", body | more))["order"]


class Maker(Trader):
    """Keeps a ladder of bids and asks around a slowly moving price in every demo market."""

    def __init__(self, base_url: str, token: str, source: random.Random) -> None:
        super().__init__(base_url, token, MAKER, source)
        # What stands at each place of the ladders: the order's id and its price in ticks.
        self._standing: dict[Slot, tuple[str, int]] = {}
        self._slots: dict[str, Slot] = {}
        self._prices = Prices(source)

    async def start(self) -> None:
        """Begin at the last prices of the exchange, with empty ladders."""
        await super().start()
        self._standing.clear()
        self._slots.clear()
        tickers = await self.client.get("/markets/tickers")
        last = {ticker["market"]: ticker["last"] for ticker in tickers}
        self._prices = Prices(
            self.source,
            btc_cents=_cents(last.get("BTC/USD")) or BTC_CENTS,
            eth_cents=_cents(last.get("ETH/USD")) or ETH_CENTS,
        )

    async def watch(self) -> None:
        """Learn at once which orders are gone, for ever."""
        async for channel, data in self.client.listen("orders"):
            if channel == "orders":
                for order in data if isinstance(data, list) else [data]:
                    if order.get("status") in CLOSED_STATUSES:
                        self._forget(order["id"])

    async def quote(self) -> None:
        """Move the price and a few orders towards it, market after market, for ever."""
        while True:
            for market in TRADED:
                self._prices.step(STEP_MAX_PPM)
                if not self.rests(market):
                    with self.resting_where_refused(market):
                        await self._requote(market)
                await asyncio.sleep(BEAT_S)

    def _ladder(self, market: DemoMarket) -> Iterator[tuple[Slot, int]]:
        """Yield where each order of a ladder should be."""
        middle = self._prices.ticks(market)
        for level in range(LEVELS):
            away = market.quote_step * (2 * level + 1) // 2 + (1 if market.quote_step == 1 else 0)
            yield (market.symbol, BUY, level), max(1, middle - away)
            yield (market.symbol, SELL, level), middle + away

    async def _requote(self, market: DemoMarket) -> None:
        wanted = list(self._ladder(market))
        empty = [(slot, ticks) for slot, ticks in wanted if slot not in self._standing]
        if len(empty) > LEVELS:
            await self._place_ladder(market, empty)
            return
        moved = sorted(
            (
                (slot, ticks)
                for slot, ticks in wanted
                if slot in self._standing
                and abs(self._standing[slot][1] - ticks) * 4 > market.quote_step
            ),
            key=lambda place: -abs(self._standing[place[0]][1] - place[1]),
        )
        for slot, ticks in (empty + moved)[:CHANGES_A_BEAT]:
            try:
                await self._put(market, slot, ticks)
            except Refused as refused:
                self._note(refused, slot)

    async def _place_ladder(self, market: DemoMarket, places: list[tuple[Slot, int]]) -> None:
        bodies = [self._body(market, slot, ticks) for slot, ticks in places]
        results = await self.client.post("/orders/batch", bodies)
        for (slot, ticks), result in zip(places, results, strict=True):
            if "order" in result:
                self._remember(slot, ticks, result["order"])

    async def _put(self, market: DemoMarket, slot: Slot, ticks: int) -> None:
        """Bring the order of a slot to its place, or a new one where there is none."""
        standing = self._standing.get(slot)
        if standing is None:
            answer = await self.client.post("/orders", self._body(market, slot, ticks))
        else:
            body = {"price": _price(market, ticks)}
            answer = await self.client.patch(f"/orders/{standing[0]}", body)
        self._remember(slot, ticks, answer["order"])

    def _body(self, market: DemoMarket, slot: Slot, ticks: int) -> dict[str, Any]:
        lots = self.source.randint(market.order_lots // 3, market.order_lots) * (slot[2] + 2)
        return {
            "user_id": self.account_id,
            "market": market.symbol,
            "side": slot[1],
            "order_type": "Limit",
            "post_only": True,
            "price": _price(market, ticks),
            "quantity": f"{lots * market.lot_size:f}",
            "client_order_id": f"demo-{uuid4().hex}",
        }

    def _remember(self, slot: Slot, ticks: int, order: Any) -> None:
        if order["status"] in CLOSED_STATUSES:
            self._forget(order["id"])
            return
        self._standing[slot] = (order["id"], ticks)
        self._slots[order["id"]] = slot

    def _forget(self, order_id: str) -> None:
        slot = self._slots.pop(order_id, None)
        if slot is not None and self._standing.get(slot, ("", 0))[0] == order_id:
            del self._standing[slot]

    def _note(self, refused: Refused, slot: Slot) -> None:
        if refused.code in ("order_not_open", "order_not_found"):
            self._forget(self._standing.get(slot, ("", 0))[0])
        elif refused.code not in ORDINARY_REFUSALS:
            raise refused


class Taker(Trader):
    """Sends a small market order now and then."""

    def __init__(self, base_url: str, token: str, source: random.Random) -> None:
        super().__init__(base_url, token, TAKER, source)

    async def take(self) -> None:
        """Trade with whoever is in the book, for ever."""
        while True:
            await asyncio.sleep(self.source.uniform(*TAKE_PAUSE_S))
            market = self.source.choice(TRADED)
            lots = self.source.randint(market.order_lots // 20 + 1, market.order_lots)
            if self.rests(market):
                continue
            with self.resting_where_refused(market):
                await self.place(market, self.source.choice((BUY, SELL)), lots, order_type="Market")


def _price(market: DemoMarket, ticks: int) -> str:
    return f"{ticks * market.tick_size:f}"


def _cents(price: str | None) -> int:
    """Return a dollar price in whole cents; 0 where there is none."""
    return int(Decimal(price) * 100) if price else 0


# --- running -------------------------------------------------------------------------------------


async def run_traders(
    base_url: str, tokens: dict[str, str], *, stop: asyncio.Event, seed: int | None = None
) -> None:
    """Trade until ``stop`` is set, whatever the exchange says; then cancel what is open."""
    source = random.Random(seed)  # noqa: S311 - a simulation
    maker = Maker(base_url, tokens[MAKER.email], source)
    taker = Taker(base_url, tokens[TAKER.email], source)
    work = [
        asyncio.create_task(_keep_going(maker, maker.watch, maker.quote, maker.keep_funded)),
        asyncio.create_task(_keep_going(taker, taker.take, taker.keep_funded)),
    ]
    try:
        await stop.wait()
    finally:
        await end_tasks(work)
        goodbyes = [trader.cancel_all() for trader in (maker, taker) if trader.account_id]
        try:
            async with asyncio.timeout(GOODBYE_S):
                await asyncio.gather(*goodbyes, return_exceptions=True)
        except TimeoutError:
            log.info("orders_left_open")
        await maker.client.close()
        await taker.client.close()


async def _keep_going(trader: Trader, *activities: Callable[[], Awaitable[None]]) -> None:
    """Run a trader's activities for ever; after trouble begin anew, with a pause."""
    while True:
        try:
            await trader.start()
            async with asyncio.TaskGroup() as group:
                for activity in activities:
                    group.create_task(_as_coroutine(activity))
        except* Exception as trouble:
            log.warning(
                "trader_begins_anew",
                trader=trader.person.name,
                trouble=[repr(error) for error in trouble.exceptions],
            )
        await asyncio.sleep(TROUBLE_PAUSE_S)


async def _as_coroutine(activity: Callable[[], Awaitable[None]]) -> None:
    await activity()
