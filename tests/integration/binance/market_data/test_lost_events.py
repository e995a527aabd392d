"""A feed that lost events and their rows loads the book anew: the chain goes on over it."""

import asyncio
import json
from typing import Any

import pytest

from tests.integration.binance.market_data.conftest import Bench
from tests.integration.marketdata.conftest import Publisher, in_thread, until
from tests.integration.marketdata.test_feed import _orders

pytestmark = pytest.mark.django_db(transaction=True)


class Recorder:
    """A follower that keeps the events of a stream."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.is_lost = False

    def deliver(self, event: Any) -> None:
        self.events.append(json.loads(event.text))

    def lose(self) -> None:
        self.is_lost = True


def _lose_for_good(publisher: Publisher) -> None:
    from matching.models import Event

    assert publisher.lose() > 0
    Event.objects.all().delete()


async def test_a_chain_goes_on_over_a_book_that_was_loaded_anew(
    bench: Bench, publisher: Publisher, feed: Any
) -> None:
    from api.binance.streams.hub import Hub
    from api.binance.streams.names import parse_name
    from api.process import web_process

    market = await in_thread(bench.market)
    await _orders(bench, market, "0: buy 1 @ 100")
    await in_thread(publisher.publish)
    await feed.ensure_started()
    view = feed.market_by_id(market)
    symbol = f"{view.terms.base.code}{view.terms.quote.code}".lower()
    names = [parse_name(f"{symbol}@{kind}") for kind in ("depth@100ms", "depth", "bookTicker")]
    followers = [Recorder() for _ in names]
    hub = web_process().part(Hub)
    for name, follower in zip(names, followers, strict=True):
        assert name is not None
        assert hub.follow(name, follower) is None
    begun = view.depth_sequence

    await _orders(bench, market, "0: buy 2 @ 99")
    await in_thread(publisher.publish)
    fast = followers[0]
    await until(lambda: fast.events, what="the first event")
    # What happens now is lost on the way and gone from the tables, too.
    await _orders(bench, market, "1: sell 1 @ 100")
    await _orders(bench, market, "0: buy 3 @ 98")
    await in_thread(_lose_for_good, publisher)
    await in_thread(publisher.heartbeat, market)
    await until(lambda: view.depth_sequence >= begun + 3, what="the book to be loaded anew")
    await _orders(bench, market, "1: sell 5 @ 101")
    await in_thread(publisher.publish)
    slow = followers[1]
    for follower in (fast, slow):
        await until(
            lambda follower=follower: (
                follower.events[-1:] and follower.events[-1]["u"] == begun + 4
            ),
            what="the last event",
        )
        book: dict[str, str] = {"100.00000000": "1.00000000"}
        last = begun
        for event in follower.events:
            assert event["U"] == last + 1
            last = event["u"]
            for price, quantity in event["b"]:
                book[price] = quantity
                if quantity == "0.00000000":
                    del book[price]
        assert book == {"99.00000000": "2.00000000", "98.00000000": "3.00000000"}
        assert not follower.is_lost
    best = followers[2].events[-1]
    assert (best["b"], best["a"], best["u"]) == ("99.00000000", "101.00000000", begun + 4)

    for name, follower in zip(names, followers, strict=True):
        assert name is not None
        hub.unfollow(name.text, follower)
    assert len(hub) == 0
    count = len(fast.events)
    await _orders(bench, market, "0: buy 1 @ 97")
    await in_thread(publisher.publish)
    await until(lambda: view.depth_sequence == begun + 5, what="a change that nobody follows")
    await asyncio.sleep(0)
    assert len(fast.events) == count
