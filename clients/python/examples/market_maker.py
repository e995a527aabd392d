"""A market maker: quotes both sides of a market, never holds more than a limit, and ends flat.

    python market_maker.py --market BTC/EUR --size 0.01 --inventory 0.05 --seconds 60

It asks as `zavora login` left it, or by ZAVORA_URL and ZAVORA_TOKEN. Its last line is JSON: what it
traded, and what that changed. It is an example of the client, and no way to get rich.
"""

import argparse
import asyncio
import json
import logging
import sys
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from typing import Final

from zavora import (
    AsyncClient,
    NoConnection,
    OrderNotOpen,
    OutcomeUnknown,
    Refused,
    Side,
    ZavoraError,
)
from zavora.cli.profiles import chosen
from zavora.live.messages import OwnFill
from zavora.live.private import BalanceFeed, FillFeed, OrderFeed
from zavora.live.stream import AsyncStream
from zavora.models import Market, Order

BEAT_S: Final = 0.25
# A quote stays while it is so near to where it would be put now, in parts of the half spread.
TOLERANCE: Final = Decimal("0.25")
FLATTEN_TRIES_MAX: Final = 60
NOTHING: Final = Decimal(0)

log = logging.getLogger("market_maker")


@dataclass(frozen=True)
class Plan:
    """What it is to do."""

    market: str
    size: Decimal
    inventory_max: Decimal
    half_spread_bps: Decimal


@dataclass
class Books:
    """What it traded, from its own fills: to be held against the exchange's ledger."""

    base: Decimal = NOTHING
    quote: Decimal = NOTHING
    fees: dict[str, Decimal] = field(default_factory=dict)
    fills: int = 0

    def add(self, fill: OwnFill) -> None:
        """Take a fill in."""
        sign = 1 if fill.side is Side.BUY else -1
        self.base += sign * fill.quantity
        self.quote -= sign * fill.amount
        self.fees[fill.fee_asset] = self.fees.get(fill.fee_asset, NOTHING) + fill.fee
        self.fills += 1


class MarketMaker:
    """Keeps a bid and an ask around the middle of what others quote."""

    def __init__(self, client: AsyncClient, stream: AsyncStream, plan: Plan) -> None:
        self.client = client
        self.stream = stream
        self.plan = plan
        self.books = Books()
        # What is open as far as is known: from answers and from the stream, whichever is newer.
        self.open: dict[str, Order] = {}
        self.totals: dict[str, Decimal] = {}
        self.first: dict[str, Decimal] = {}
        self.rules: Market | None = None

    async def run(self, seconds: float) -> None:
        """Quote for a time, then stop quoting and give back what is held."""
        self.rules = await self.client.market(self.plan.market)
        await self.client.cancel_all(self.plan.market)
        # Should this program end in any other way, the exchange cancels what it left.
        await self.stream.cancel_on_disconnect(enabled=True)
        balances = {row.asset: row.total for row in await self.client.balances()}
        self.first, self.totals = dict(balances), dict(balances)
        fills, orders, moved = self.stream.fills(), self.stream.orders(), self.stream.balances()
        listeners = [
            asyncio.create_task(self._note_fills(fills)),
            asyncio.create_task(self._note_orders(orders)),
            asyncio.create_task(self._note_balances(moved)),
        ]
        try:
            for feed in (fills, orders, moved):
                await feed.ready()
            await self._quote_for(seconds)
            await self._flatten()
            await self._settle_books()
        finally:
            for listener in listeners:
                listener.cancel()

    @property
    def position(self) -> Decimal:
        """How much more of the base asset it has than at first; below zero less."""
        assert self.rules is not None
        base = self.rules.base_asset
        return self.totals.get(base, NOTHING) - self.first.get(base, NOTHING)

    def report(self) -> dict[str, object]:
        """Return what it did, and what that changed."""
        changes = {
            asset: str(total - self.first.get(asset, NOTHING))
            for asset, total in self.totals.items()
            if total != self.first.get(asset, NOTHING)
        }
        books = self.books
        return {
            "fills": books.fills,
            "traded": {"base": str(books.base), "quote": str(books.quote)},
            "fees": {asset: str(fee) for asset, fee in books.fees.items()},
            "changes": changes,
            "position": str(self.position),
            "connections": self.stream.connections,
        }

    # --- quoting ----------------------------------------------------------------------------------

    async def _quote_for(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until:
            try:
                await self._quote_once()
            except (OutcomeUnknown, NoConnection) as error:
                # What became of it comes by the stream; nothing is sent twice.
                log.info("waits: %s", error)
            except Refused as error:
                log.info("refused: %s %s", error.code, error)
            await asyncio.sleep(BEAT_S)

    async def _quote_once(self) -> None:
        middle = await self._middle()
        if middle is None:
            return
        for side in (Side.BUY, Side.SELL):
            price, size = self._wanted(side, middle)
            standing = [order for order in self.open.values() if order.side is side]
            kept = [order for order in standing if size and self._is_near(order, price, middle)]
            for order in standing:
                if order not in kept[:1]:
                    await self._cancel(order)
            if size and not kept:
                await self._place(side, price, size)

    async def _middle(self) -> Decimal | None:
        """Return the middle of what others quote: one's own orders say nothing of the price."""
        book = await self.stream.order_book(self.plan.market, 20)
        best: list[Decimal] = []
        for side, levels in ((Side.BUY, book.bids), (Side.SELL, book.asks)):
            own: dict[Decimal, Decimal] = {}
            for order in self.open.values():
                if order.side is side and order.price is not None:
                    own[order.price] = own.get(order.price, NOTHING) + order.remaining_quantity
            others = [price for price, left in levels if left > own.get(price, NOTHING)]
            if not others:
                return None
            best.append(others[0])
        return sum(best, NOTHING) / 2

    def _wanted(self, side: Side, middle: Decimal) -> tuple[Decimal, Decimal]:
        """Return price and size of a quote; the more it holds, the less it wants of it."""
        assert self.rules is not None
        plan, tick = self.plan, self.rules.price_tick
        half = middle * plan.half_spread_bps / 10_000
        lean = half * self.position / plan.inventory_max
        price = middle - lean - half if side is Side.BUY else middle - lean + half
        rounding = ROUND_DOWN if side is Side.BUY else ROUND_UP
        room = plan.inventory_max - (self.position if side is Side.BUY else -self.position)
        size = min(plan.size, max(NOTHING, room))
        return _step(price, tick, rounding), _step(size, self.rules.quantity_step, ROUND_DOWN)

    def _is_near(self, order: Order, price: Decimal, middle: Decimal) -> bool:
        half = middle * self.plan.half_spread_bps / 10_000
        return order.price is not None and abs(order.price - price) <= half * TOLERANCE

    async def _place(self, side: Side, price: Decimal, size: Decimal) -> None:
        placed = await self.stream.place_order(
            self.plan.market, side, price=price, quantity=size, post_only=True
        )
        self._note(placed.order)

    async def _cancel(self, order: Order) -> None:
        try:
            self._note(await self.stream.cancel_order(order.id))
        except OrderNotOpen:
            self.open.pop(order.id, None)

    async def _flatten(self) -> None:
        """Cancel everything, and trade back what is held, until nothing is."""
        assert self.rules is not None
        for _ in range(FLATTEN_TRIES_MAX):
            try:
                await self.client.cancel_all(self.plan.market)
                balances = await self.client.balances()
                self.totals |= {row.asset: row.total for row in balances}
                size = _step(abs(self.position), self.rules.quantity_step, ROUND_DOWN)
                if not size:
                    return
                side = Side.SELL if self.position > 0 else Side.BUY
                await self.client.place_order(self.plan.market, side, quantity=size)
            except ZavoraError as error:
                log.info("not flat yet: %s", error)
            await asyncio.sleep(BEAT_S)
        raise ZavoraError(f"still holds {self.position} {self.rules.base_asset}")

    async def _settle_books(self) -> None:
        """Wait until the stream has told of the last fill; read the balances at rest."""
        assert self.rules is not None
        rules, loop = self.rules, asyncio.get_running_loop()
        until = loop.time() + 10
        while loop.time() < until:
            rows = await self.client.balances()
            self.totals = {row.asset: row.total for row in rows}
            fees = self.books.fees
            base = self.books.base - fees.get(rules.base_asset, NOTHING)
            quote = self.books.quote - fees.get(rules.quote_asset, NOTHING)
            moved = self.totals.get(rules.quote_asset, NOTHING) - self.first.get(
                rules.quote_asset, NOTHING
            )
            if (base, quote) == (self.position, moved):
                return
            await asyncio.sleep(BEAT_S)
        raise ZavoraError("what was told of fills is not what the balances say")

    # --- what the stream tells --------------------------------------------------------------------

    def _note(self, order: Order) -> None:
        known = self.open.get(order.id)
        if known is not None and known.updated_at > order.updated_at:
            return
        if order.status.is_open:
            self.open[order.id] = order
        else:
            self.open.pop(order.id, None)

    async def _note_orders(self, feed: OrderFeed) -> None:
        async for event in feed:
            if event.order.market == self.plan.market:
                self._note(event.order)

    async def _note_fills(self, feed: FillFeed) -> None:
        async for fill in feed:
            if fill.market == self.plan.market:
                self.books.add(fill)

    async def _note_balances(self, feed: BalanceFeed) -> None:
        async for balance in feed:
            self.totals[balance.asset] = balance.total


def _step(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    return (value / step).quantize(Decimal(1), rounding=rounding) * step


async def quote(plan: Plan, seconds: float) -> dict[str, object]:
    """Make the market for a time; return what that came to."""
    profile = chosen(None, None)
    async with (
        AsyncClient(profile.url, profile.credential, account=profile.account) as client,
        client.stream() as stream,
    ):
        maker = MarketMaker(client, stream, plan)
        await maker.run(seconds)
        return maker.report()


def main() -> None:
    """Read the command line, and quote."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--market", default="BTC/EUR")
    parser.add_argument("--size", type=Decimal, default=Decimal("0.01"))
    parser.add_argument("--inventory", type=Decimal, default=Decimal("0.05"))
    parser.add_argument("--half-spread-bps", type=Decimal, default=Decimal(20))
    parser.add_argument("--seconds", type=float, default=60)
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    plan = Plan(asked.market, asked.size, asked.inventory, asked.half_spread_bps)
    print(json.dumps(asyncio.run(quote(plan, asked.seconds))))


if __name__ == "__main__":
    main()
