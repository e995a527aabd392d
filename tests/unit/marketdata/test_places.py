"""The life of a followed book: read once while somebody asks, thrown away where it is in doubt."""

import asyncio
from typing import Any, cast

import pytest

from marketdata.feed.ordered_book import OrderedBook
from marketdata.feed.places import QueuePlaces
from marketdata.feed.tables import TableReader
from matching import wire
from matching.orders.by_sequence import BookOrder
from tests.terms import btc_usd
from zavora.foundation.errors import EngineUnavailable

TERMS = btc_usd()


class Tables:
    """Answers with a book of two orders once it may; ``None``: there are too many orders."""

    def __init__(self, *, is_small: bool = True) -> None:
        self.reads = 0
        self.is_small = is_small
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def read(self, *_: Any) -> OrderedBook | None:
        self.reads += 1
        await self.may_answer.wait()
        if not self.is_small:
            return None
        rows = [BookOrder(n, n, "buy", "100.00", "2.000", "2.000", None) for n in (1, 2)]
        return OrderedBook(rows, event_sequence=5, depth_sequence=9, decimals=3)


def event(sequence: int, **more: Any) -> wire.MarketEvent:
    depth = more.pop("depth", [])
    return wire.MarketEvent(7, sequence - 1, sequence, 1, 9, depth, [], b"", **more)


def cancelled(order_id: int) -> wire.OrderChange:
    texts = ("buy", "limit", "gtc", False, "100.00", "2.000", None, "2.000", "0.000", "0.00")
    state = wire.OrderState(order_id, order_id, 7, None, *texts, "cancelled", "requested", 1, 2)
    return wire.OrderChange("cancelled", state)


LEFT = [wire.DepthChange("buy", "100.00", "2.000")]


async def test_those_who_ask_share_one_reading_and_events_do_the_rest() -> None:
    tables = Tables()
    places = QueuePlaces(cast(TableReader, tables))
    assert not places.is_followed
    tables.may_answer.clear()
    asked = [asyncio.create_task(places.of_account(TERMS, account)) for account in (1, 2)]
    await asyncio.sleep(0)
    # What happens while the tables are read is taken in on top.
    places.take(event(5), [cancelled(2)])
    places.take(event(6, depth=LEFT), [cancelled(1)])
    tables.may_answer.set()
    first, second = await asyncio.gather(*asked)
    assert (first.ahead, second.ahead) == ([], [(2, "0.000")])
    assert second.sequence == 10
    assert (tables.reads, places.is_followed) == (1, True)
    # Asked again at once, the same answer comes, whatever happened.
    places.take(event(7, depth=[wire.DepthChange("buy", "100.00", "0.000")]), [cancelled(2)])
    assert await places.of_account(TERMS, 2) is second
    assert (await places.of_account(TERMS, 3)).sequence == 10
    await places.close()
    assert not places.is_followed


@pytest.mark.parametrize(
    "doubtful",
    [
        event(6, depth=[wire.DepthChange("buy", "100.00", "1.000")]),  # not what its orders show
        event(8),  # one is missing
        event(6, phase="halted"),
    ],
)
async def test_a_book_in_doubt_is_thrown_away_and_not_read_again_at_once(
    doubtful: wire.MarketEvent,
) -> None:
    tables = Tables()
    places = QueuePlaces(cast(TableReader, tables))
    assert (await places.of_account(TERMS, 2)).ahead == [(2, "2.000")]
    places.take(doubtful, [])
    assert not places.is_followed
    with pytest.raises(EngineUnavailable):
        await places.of_account(TERMS, 2)
    assert tables.reads == 1


async def test_a_market_with_too_many_orders_is_not_read_again_and_again() -> None:
    tables = Tables(is_small=False)
    places = QueuePlaces(cast(TableReader, tables))
    for _ in range(3):
        with pytest.raises(EngineUnavailable):
            await places.of_account(TERMS, 1)
    assert (tables.reads, places.is_followed) == (1, False)


async def test_a_market_that_nobody_asks_about_is_followed_no_longer() -> None:
    tables = Tables()
    places = QueuePlaces(cast(TableReader, tables), kept_s=0.05)
    await places.of_account(TERMS, 2)
    assert places.is_followed
    async with asyncio.timeout(10):
        while places.is_followed:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # a timer of its own lets go: nothing could set an Event
