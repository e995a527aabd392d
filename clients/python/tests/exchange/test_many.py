"""Many clients that come, are cut off and come back hold one book at every sequence."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from hosted import HostedExchange
from zavora import AsyncClient, Client, NoConnection, OutcomeUnknown
from zavora.book import BookView
from zavora.live.stream import AsyncStream

pytestmark = pytest.mark.exchange
WAIT_S = 60


@pytest.mark.parametrize(
    ("count", "seconds"), [(8, 3.0), pytest.param(200, 30.0, marks=pytest.mark.trial)]
)
async def test_stale_state_plus_events_is_fresh_state(
    exchange: HostedExchange, alice: Client, bob: Client, market: str, count: int, seconds: float
) -> None:
    source, told = random.Random(count), dict[int, set[BookView]]()
    traders = [alice.settings.credential, bob.settings.credential]
    async with contextlib.AsyncExitStack() as stack:
        active = [await stack.enter_async_context(_client(exchange, who)) for who in traders]
        own = await stack.enter_async_context(_client(exchange, traders[0]))
        mine = await stack.enter_async_context(own.stream())
        fills, orders = await mine.fills().ready(WAIT_S), await mine.orders().ready(WAIT_S)
        before = {one.id for one in await own.fills(market).take(500)}
        over, calm = asyncio.Event(), asyncio.Event()
        watchers = [
            asyncio.create_task(_watch(exchange, market, told, over, random.Random(number)))
            for number in range(count)
        ]
        cutter = asyncio.create_task(_cut_now_and_then(mine, over, source))
        flow = [asyncio.create_task(_flow(one, market, calm, source)) for one in active]
        await asyncio.sleep(seconds)  # the length of the run, nothing that is waited for
        calm.set()
        placed = sum(await asyncio.gather(*flow))
        over.set()
        last = await own.order_book(market, 1000)
        ends = await asyncio.gather(*watchers)
        await cutter
        # Each of them got to the end, and had the same book at each sequence that it had at all.
        assert {end.sequence for end in ends} == {last.sequence}
        assert {(tuple(end.bids), tuple(end.asks)) for end in ends} == {
            (tuple(last.bids), tuple(last.asks))
        }
        differing = [sequence for sequence, views in told.items() if len(views) > 1]
        assert differing == []
        seen = sum(len(views) for views in told.values())
        assert seen >= placed / 2
        await _holds_all_of_its_own(own, mine, fills, orders, market, before)


async def _holds_all_of_its_own(
    own: AsyncClient, mine: AsyncStream, fills: Any, orders: Any, market: str, before: set[str]
) -> None:
    """Hold what one stream told of its own orders and fills against what REST says."""
    listed = {one.id for one in await own.fills(market).all()} - before
    got: list[str] = []
    async with asyncio.timeout(WAIT_S):
        while len(got) < len(listed):
            got.append((await fills.next()).id)
    assert sorted(got) == sorted(listed)
    standing = {one.id: one async for one in own.orders(market, status="Open")}
    async with asyncio.timeout(WAIT_S):
        while {key: one for key, one in orders.open_orders.items() if one.market == market} != (
            standing
        ):
            await orders.next()
    assert mine.connections > 1


@contextlib.asynccontextmanager
async def _client(exchange: HostedExchange, credential: Any) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(exchange.url, credential) as client:
        yield client


async def _watch(
    exchange: HostedExchange,
    market: str,
    told: dict[int, set[BookView]],
    over: asyncio.Event,
    source: random.Random,
) -> BookView:
    """Follow the book, be cut off now and then, leave and join again; return the last book."""
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), source.uniform(0, 0.5))
        async with AsyncClient(exchange.url) as client, client.stream() as stream:
            feed, stays = stream.book(market), source.randint(5, 60)
            while not over.is_set() and stays:
                with contextlib.suppress(TimeoutError):
                    _note(told, await feed.next(0.2))
                stays -= 1
                if source.random() < 0.05 and stream._link is not None:
                    stream._link._socket.transport.abort()
            if over.is_set():
                last = await client.order_book(market, 1000)
                async with asyncio.timeout(WAIT_S):
                    while not feed.book.is_valid or feed.book.sequence < last.sequence:
                        with contextlib.suppress(TimeoutError):
                            _note(told, await feed.next(0.2))
                return _note(told, feed.view())


def _note(told: dict[int, set[BookView]], view: BookView) -> BookView:
    fixed = BookView(view.market, tuple(view.bids), tuple(view.asks), view.sequence)
    told.setdefault(view.sequence, set()).add(fixed)
    return fixed


async def _flow(
    client: AsyncClient, market: str, calm: asyncio.Event, source: random.Random
) -> int:
    """Place, trade and cancel at random; return how many orders were placed."""
    count = 0
    while not calm.is_set():
        side = source.choice(["buy", "sell"])
        price = Decimal(source.randint(199_000, 201_000)) / 100
        with contextlib.suppress(NoConnection, OutcomeUnknown):
            await client.place_order(
                market, side, quantity=f"0.0{source.randint(1, 9)}", price=price
            )
            count += 1
        if count % 40 == 0:
            await client.cancel_all(market, side=source.choice(["buy", "sell"]))
    return count


async def _cut_now_and_then(
    stream: AsyncStream, over: asyncio.Event, source: random.Random
) -> None:
    while not over.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(over.wait(), source.uniform(0.2, 1))
        if stream._link is not None:
            stream._link._socket.transport.abort()
