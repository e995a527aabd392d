"""Streams against a running exchange: what they tell is what REST says, also after a cut."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from hosted import HostedExchange
from zavora import AsyncClient, Client, NotFound, OrderStatus, Unauthorized
from zavora.live.feeds import BookFeed
from zavora.live.stream import AsyncStream

pytestmark = pytest.mark.exchange
WAIT_S = 15


@pytest.fixture
async def stream(watcher: AsyncClient) -> AsyncIterator[AsyncStream]:
    async with watcher.stream() as stream:
        yield stream


async def at_rest(feed: BookFeed, client: AsyncClient) -> None:
    """Wait until the feed's book is at the sequence that REST has; both are the same then."""
    async with asyncio.timeout(WAIT_S):
        while True:
            told = await client.order_book(feed.market, 1000)
            if feed.book.is_valid and feed.book.sequence >= told.sequence:
                break
            await feed.next()
    view = feed.view()
    assert (list(view.bids), list(view.asks)) == (told.bids, told.asks)
    assert view.sequence == told.sequence


async def churn(client: AsyncClient, market: str, count: int, seed: int) -> None:
    """Place, trade and cancel at random."""
    source = random.Random(seed)
    for _ in range(count):
        side = source.choice(["buy", "sell"])
        price = source.randint(195_000, 205_000) / Decimal(100)
        await client.place_order(market, side, quantity=f"0.0{source.randint(1, 9)}", price=price)


async def cut(stream: AsyncStream) -> None:
    """Cut the connection as a network does; wait until there is another."""
    before = stream.connections
    link = stream._link
    assert link is not None
    link._socket.transport.abort()
    async with asyncio.timeout(WAIT_S), stream._changed:
        await stream._changed.wait_for(lambda: stream.connections > before and stream.is_live)


async def test_books_are_the_exchanges_through_cuts(
    exchange: HostedExchange, stream: AsyncStream, bob: Client, market: str
) -> None:
    async with AsyncClient(exchange.url, bob.settings.credential) as other:
        feeds = [stream.book(market), stream.book(market, depth=3)]
        for seed in range(4):
            both = [stream.client, other]
            work = [asyncio.create_task(churn(one, market, 15, seed)) for one in both]
            if seed:
                await cut(stream)
            await asyncio.gather(*work)
            for feed in feeds[:1]:
                await at_rest(feed, other)
        assert len(feeds[1].view().bids) <= 3
        assert [feed.renewals for feed in feeds] == [0, 0]
        late = stream.book(market)
        await at_rest(late, other)


async def test_trades_and_ones_own_come_once_and_whole_through_cuts(
    exchange: HostedExchange, stream: AsyncStream, watcher: AsyncClient, bob: Client, market: str
) -> None:
    trades, fills, orders = stream.trades(market), stream.fills(), stream.orders()
    balances = stream.balances()
    for feed in (trades, fills, orders, balances):
        await feed.ready(WAIT_S)
    before = {row.asset: row.total for row in await watcher.balances()}
    newest = await watcher.trades(market, page=1).take(1)
    last = int(newest[0].id) if newest else 0
    fees_before = [one.id for one in await watcher.fills(market, page=500).take(500)]
    await watcher.place_order(market, "sell", quantity="5", price="2000")
    async with AsyncClient(exchange.url, bob.settings.credential) as other:
        for _ in range(3):
            # What is traded while nobody listens has to come, too.
            taking = asyncio.create_task(take(other, market, 6))
            await cut(stream)
            await taking
        async with asyncio.timeout(WAIT_S):
            told = [await trades.next() for _ in range(18)]
            mine = [await fills.next() for _ in range(18)]
    assert [int(one.id) for one in told] == list(range(last + 1, last + 19))
    assert [one.id for one in mine] == [one.id for one in told]
    listed = [one.id for one in await watcher.fills(market, page=500).take(500)]
    assert listed[: len(listed) - len(fees_before)] == [one.id for one in mine][::-1]
    assert trades.skipped == 0
    (standing,) = [one for one in orders.open_orders.values() if one.market == market]
    assert standing.filled_quantity == Decimal("0.18")
    assert standing == await watcher.order(standing.id)
    async with asyncio.timeout(WAIT_S):
        while {(row.account_id, row.asset): row for row in await watcher.balances()} != (
            balances.balances
        ):
            with contextlib.suppress(TimeoutError):
                await balances.next(0.2)
    after = {row.asset: row.total for row in balances.balances.values()}
    assert after["ETH"] == before["ETH"] - Decimal("0.18")


async def take(client: AsyncClient, market: str, count: int) -> None:
    for _ in range(count):
        await client.place_order(market, "buy", quantity="0.01")


async def test_requests_go_over_the_connection(
    stream: AsyncStream, watcher: AsyncClient, market: str
) -> None:
    placed = (await stream.place_order(market, "buy", quantity="1", price="9")).order
    assert (await stream.amend_order(placed.id, price="8")).order.price == 8
    assert (await stream.order_book(market)).bids == [(Decimal(8), Decimal(1))]
    assert (await stream.preview_order(market, "buy", quantity="1", price="9")).accepted
    await cut(stream)
    assert (await stream.cancel_order(placed.id)).status is OrderStatus.CANCELLED
    assert await stream.cancel_all(market) == []
    with pytest.raises(NotFound):
        await stream.cancel_order("999999999999")
    assert (await stream.ticker(market)).market == market
    orders = stream.orders()
    placed = (await stream.place_order(market, "buy", quantity="1", price="9")).order
    assert (await stream.cancel_all_after(60_000)).cancel_at
    assert (await stream.cancel_all_after(0)).cancel_at is None
    assert (await stream.cancel_on_disconnect(enabled=True)).enabled
    await cut(stream)
    while (event := await orders.next(WAIT_S)).order.status.is_open:
        pass
    assert (event.order.id, event.order.status) == (placed.id, OrderStatus.CANCELLED)


async def test_what_cannot_be_followed_is_said_where_it_is_read(
    exchange: HostedExchange, stream: AsyncStream, market: str
) -> None:
    with pytest.raises(NotFound):
        await stream.book("NO/MARKET").next(WAIT_S)
    async with AsyncClient(exchange.url) as nobody, nobody.stream() as public:
        assert (await public.tickers(market).next(WAIT_S)).market == market
        assert (await public.market_changes(market).next(WAIT_S)).symbol == market
        with pytest.raises(Unauthorized):
            await public.orders().next(WAIT_S)
    async with AsyncClient(exchange.url, "no-token") as stranger:
        with pytest.raises(Unauthorized):
            async with stranger.stream():
                pass


def test_who_waits_follows_the_same(alice: Client, bob: Client, market: str) -> None:
    with alice.stream() as stream, stream.book(market, depth=2) as book:
        fills, orders, candles = stream.fills(), stream.orders(), stream.candles(market, "1m")
        trades = stream.trades(market).ready(WAIT_S)
        fills.ready(WAIT_S)
        assert book.next(WAIT_S).market == market
        placed = stream.place_order(market, "sell", quantity="1", price="2000").order
        while (event := orders.next(WAIT_S)).order.id != placed.id:
            pass
        bob.place_order(market, "buy", quantity="0.3")
        assert fills.next(WAIT_S).quantity == Decimal("0.3")
        assert trades.next(WAIT_S).price == 2000
        assert candles.next(WAIT_S).close
        while (view := book.next(WAIT_S)).asks[:1] != [(Decimal(2000), Decimal("0.7"))]:
            pass
        assert event.change in {"New", "Listed"}
        assert view.ask == 2000
        assert stream.is_live
    assert list(book) == []
