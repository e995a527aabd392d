"""A follower that breaks its promise, or an account that cannot be compared, stops no other."""

import asyncio
from typing import Any

import msgspec
import pytest
from django.db import OperationalError

from marketdata.feed import feed as feed_module
from marketdata.feed.account_streams import AccountStreams
from marketdata.feed.feed import Feed
from matching.markets.selectors import list_market_terms
from tests.terms import btc_usd
from zavora.foundation.queue import Subscription


class Sink:
    """Keeps what it learns."""

    def __init__(self) -> None:
        self.lost: list[int] = []
        self.told = asyncio.Event()

    def push_account(self, account_id: int, messages: list[Any]) -> None:
        raise AssertionError("nothing happens here")

    def lost_account(self, account_id: int, what: str) -> None:
        self.lost.append(account_id)
        self.told.set()


class FailingSink(Sink):
    """Raises, against what sinks promise."""

    def lost_account(self, account_id: int, what: str) -> None:
        raise RuntimeError("a sink that breaks its promise")


async def test_a_loss_is_told_to_those_after_one_that_fails() -> None:
    streams, sinks, codec = AccountStreams(), [FailingSink(), Sink()], object()
    for sink in sinks:
        streams.follow(1, codec, sink)  # type: ignore[arg-type]
    after = Sink()
    streams.follow(2, codec, after)  # type: ignore[arg-type]
    streams.lost("balances")
    assert (sinks[1].lost, after.lost) == ([1], [2])


async def test_balances_are_compared_on_after_an_account_that_fails(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed_module, "COMPARE_PERIOD_S", 0.01)

    class Tables:
        """Account 1 has a version that is no number; account 2 more than can be late."""

        async def read(self, *_: Any) -> Any:
            return {1: {5: "none"}, 2: {5: 10_000}}

    feed, sink, codec = Feed(Subscription()), Sink(), object()
    feed._tables = Tables()  # type: ignore[assignment]
    streams = feed.accounts
    for account_id in (1, 2):
        streams.follow(account_id, codec, sink)  # type: ignore[arg-type]
        streams.compare(account_id, {5: 1})
    comparing = asyncio.create_task(feed._compare_balances())
    try:
        await asyncio.wait_for(sink.told.wait(), 5)
        sink.told.clear()
        streams._followed[2].versions[5] = 1
        await asyncio.wait_for(sink.told.wait(), 5)  # the next round comes, too
    finally:
        comparing.cancel()
        await asyncio.gather(comparing, return_exceptions=True)
    assert set(sink.lost) == {2}


async def test_markets_are_followed_after_one_that_cannot_be() -> None:
    good = btc_usd()
    bad = msgspec.structs.replace(good, market_id=[])  # no key of anything

    class Tables:
        """Knows two markets, and nothing else of them."""

        async def read(self, what: Any, *_: Any, **__: Any) -> Any:
            if what is list_market_terms:
                return [bad, good]
            raise OperationalError("away")

        def close(self) -> None:
            pass

    feed = Feed(Subscription())
    feed._tables = Tables()  # type: ignore[assignment]
    feed._terms_wanted.set()
    keeping = asyncio.create_task(feed._keep_terms())
    try:
        await asyncio.wait_for(feed._has_terms.wait(), 5)
        assert [view.terms.symbol for view in feed.markets()] == ["BTC/USD"]
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await feed.close()
