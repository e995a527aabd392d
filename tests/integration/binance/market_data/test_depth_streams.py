"""Books kept by the published procedure equal the book, at every speed and through reconnects."""

import asyncio
import os
import random
from itertools import pairwise
from typing import Any

import httpx
import redis

from tests.exchange import Exchange
from tests.integration.binance.market_data.conftest import (
    STREAM,
    SYMBOL,
    Open,
    StreamClient,
    Trader,
)

# How long orders flow; a run by hand may take longer: ZAVORA_TEST_DEPTH_S=60.
FLOW_S = float(os.environ.get("ZAVORA_TEST_DEPTH_S", "6"))
TRADERS = 4
# An answer that was on its way over the connection that is cut: its outcome is unknown.
LOST = 504
Book = dict[str, dict[str, str]]


def _book_of(snapshot: Any) -> Book:
    return {side: dict(snapshot[side]) for side in ("bids", "asks")}


def _apply(book: Book, event: Any) -> None:
    for side, levels in (("bids", event["b"]), ("asks", event["a"])):
        for price, quantity in levels:
            if quantity == "0.00000000":
                book[side].pop(price, None)
            else:
                book[side][price] = quantity


class Keeper:
    """Keeps a book as published: buffer, snapshot, drop what is older, then one after another."""

    def __init__(self, client: StreamClient, http: httpx.AsyncClient) -> None:
        self._client = client
        self._http = http
        self._place = 0
        self.book: Book = {}
        self.last = 0
        self.events = 0
        self.snapshots = 0

    async def snapshot(self) -> Any:
        answer = await self._http.get("/depth", params={"symbol": SYMBOL, "limit": 5000})
        assert answer.status_code == 200
        return answer.json()

    async def begin(self) -> None:
        # The first event is there before the snapshot is asked for.
        await self._client.until(lambda: self._client.events)
        snapshot = await self.snapshot()
        self.book, self.last = _book_of(snapshot), snapshot["lastUpdateId"]
        await self._client.until(self._has_newer)
        first = self._client.events[self._place]
        assert first["U"] <= self.last + 1 <= first["u"]
        self._take()

    def _has_newer(self) -> bool:
        """Drop what the snapshot knows, if only told now, too; tell whether more is there."""
        events = self._client.events
        while self._place < len(events) and events[self._place]["u"] <= self.last:
            self._place += 1
        return self._place < len(events)

    def _take(self) -> None:
        event = self._client.events[self._place]
        self._place += 1
        _apply(self.book, event)
        self.last = event["u"]
        self.events += 1

    async def next(self) -> Any:
        """Apply the next event, which must begin where the one before ended; return it."""
        await self._client.until(lambda: len(self._client.events) > self._place)
        event = self._client.events[self._place]
        assert event["U"] == self.last + 1
        assert event["e"] == "depthUpdate"
        assert event["s"] == SYMBOL
        self._take()
        return event

    async def compare(self) -> None:
        """Take a snapshot; it and the stream after it must lead to the book that is kept."""
        snapshot = await self.snapshot()
        book, last = _book_of(snapshot), snapshot["lastUpdateId"]
        while self.last < last:
            event = await self.next()
            if event["u"] > last:
                assert event["U"] <= last + 1
                _apply(book, event)
                last = event["u"]
        if self.last == last:
            assert self.book == book
            self.snapshots += 1


async def _keep(client: StreamClient, http: httpx.AsyncClient, until: asyncio.Event) -> Keeper:
    keeper = Keeper(client, http)
    await keeper.begin()
    while not (until.is_set() and keeper.snapshots):
        await keeper.next()
        await keeper.compare()
    return keeper


async def _trade(exchange: Exchange, trader: Trader, until: asyncio.Event, seed: int) -> int:
    """Place and cancel orders around one price, one after another; return how many."""
    draw = random.Random(seed)
    mine: list[str] = []
    count = 0
    headers = {"Authorization": f"Bearer {trader.token}"}
    async with httpx.AsyncClient(
        base_url=f"{exchange.base_url}/api/v1", headers=headers, timeout=20
    ) as http:
        while not until.is_set():
            count += 1
            if mine and draw.random() < 0.4:
                order_id = mine.pop(draw.randrange(len(mine)))
                answer = await http.delete(f"/orders/{order_id}")
                assert answer.status_code in (200, 404, 409, LOST), answer.text
                continue
            side, away = draw.choice((("buy", -1), ("sell", 1)))
            price = 20_000 + away * draw.randrange(-5, 60)
            order = trader.order(f"{side} 0.0{draw.randrange(1, 99):02} @ {price}")
            answer = await http.post("/orders", json=order)
            if answer.status_code == LOST:
                continue
            assert answer.status_code == 200, answer.text
            placed = answer.json()["data"]["order"]
            if placed["status"] in ("New", "PartiallyFilled"):
                mine.append(placed["id"])
    return count


def _cut_the_feed(exchange: Exchange) -> None:
    """Cut the connection by which the web process hears of everything: it has to catch up."""
    client = redis.Redis.from_url(exchange.redis_url)
    # The only one that follows events and candles by patterns.
    found = [each for each in client.client_list(_type="pubsub") if each["psub"] == "2"]
    assert len(found) == 1
    client.client_kill_filter(_id=found[0]["id"])
    client.close()


async def test_kept_books_equal_the_book_under_flow_and_through_reconnects(
    exchange: Exchange, open_stream: Open, trader: Trader, second: Trader
) -> None:
    over, half = asyncio.Event(), asyncio.Event()
    # Orders flow for as long as anybody waits for what they change.
    kept = asyncio.Event()
    people = (trader, second)
    trading = [
        asyncio.create_task(_trade(exchange, people[number % 2], kept, seed=number))
        for number in range(TRADERS)
    ]
    async with httpx.AsyncClient(base_url=f"{exchange.base_url}/api/v3", timeout=20) as http:
        loop = asyncio.get_running_loop()
        loop.call_later(FLOW_S / 2, half.set)
        loop.call_later(FLOW_S, over.set)

        async def keep_through_a_reconnect(path: str) -> tuple[Keeper, Keeper]:
            client = await open_stream(path)
            before = await _keep(client, http, half)
            await client.end()
            return before, await _keep(await open_stream(path), http, over)

        async def break_the_feed() -> None:
            await half.wait()
            await asyncio.to_thread(_cut_the_feed, exchange)

        slow, fast, whole, _ = await asyncio.gather(
            keep_through_a_reconnect(f"/ws/{STREAM}@depth"),
            keep_through_a_reconnect(f"/ws/{STREAM}@depth@100ms"),
            # One connection throughout: it sees the feed catch up.
            _keep(await open_stream(f"/ws/{STREAM}@depth@100ms"), http, over),
            break_the_feed(),
        )
        kept.set()
        counts = await asyncio.gather(*trading)
        # When all is quiet, the last event leads to the very book that REST shows.
        await whole.compare()
        final = await whole.snapshot()
        assert (whole.last, whole.book) == (final["lastUpdateId"], _book_of(final))

    keepers = [*slow, *fast, whole]
    told = [(keeper.events, keeper.snapshots) for keeper in keepers]
    print(f"{sum(counts)} commands in {FLOW_S} s; (events, snapshots compared): {told}")  # noqa: T201
    assert sum(counts) > 10 * FLOW_S
    assert whole.events >= 2 * FLOW_S


async def test_a_chain_begins_with_the_next_change_and_is_silent_without_one(
    open_stream: Open, trader: Trader, rest: Any
) -> None:
    client = await open_stream(f"/stream?streams={STREAM}@depth@100ms/{STREAM}@depth")
    snapshot = rest("depth", symbol=SYMBOL, limit=1000)
    await asyncio.to_thread(trader.place, "buy 1 @ 13101")
    await client.until(lambda: len(client.events) == 2)
    await asyncio.to_thread(trader.place, "buy 1 @ 13101")
    await asyncio.to_thread(trader.place, "sell 1 @ 33101")
    await client.until(lambda: len({event["stream"] for event in client.events[2:]}) == 2)
    for stream in (f"{STREAM}@depth@100ms", f"{STREAM}@depth"):
        events = [event["data"] for event in client.events if event["stream"] == stream]
        assert events[0]["U"] == snapshot["lastUpdateId"] + 1
        assert all(after["U"] == before["u"] + 1 for before, after in pairwise(events))
        assert events[0]["b"] == [["13101.00000000", "1.00000000"]]
        assert set(events[0]) == {"e", "E", "s", "U", "u", "b", "a"}

    # Nothing changes: nothing is told. A later change follows without a gap.
    fast = [event["data"] for event in client.events if event["stream"].endswith("@100ms")]
    count = len(client.events)
    await asyncio.to_thread(trader.cancel_all)
    await client.until(lambda: len(client.events) >= count + 2)
    following = next(
        event["data"] for event in client.events[count:] if event["stream"].endswith("@100ms")
    )
    assert following["U"] == fast[-1]["u"] + 1
    assert ["13101.00000000", "0.00000000"] in following["b"]
