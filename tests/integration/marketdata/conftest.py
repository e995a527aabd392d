"""A shard whose batches are published, or withheld, by the test; a feed and what it tells."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import pytest_asyncio

from tests.integration.matching.conftest import Bench, accounts, bench

__all__ = ["Bench", "accounts", "bench"]

WAIT_S = 10.0


async def until(condition: Callable[[], Any], *, what: str) -> Any:
    """Return the first true answer of ``condition``, looking once per turn of the loop's clock."""
    async with asyncio.timeout(WAIT_S):
        while not (answer := condition()):  # noqa: ASYNC110
            # The condition lies in other processes and threads, too: nothing could set an Event.
            await asyncio.sleep(0.005)
    return answer


async def in_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run blocking code beside the loop; its database connection does not linger."""
    from django.db import connections

    def call() -> Any:
        try:
            return function(*arguments)
        finally:
            connections.close_all()

    return await asyncio.to_thread(call)


class Publisher:
    """Publishes the event rows of the tables, as the worker does after its commit."""

    def __init__(self) -> None:
        import redis
        from django.conf import settings

        self.redis = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=5)
        self._published = 0

    def publish(self) -> int:
        """Publish what was committed since the last call; return how many events."""
        return self._take(publish=True)

    def lose(self) -> int:
        """Pass over what was committed since the last call, as if the messages were lost."""
        return self._take(publish=False)

    def heartbeat(self, market: int) -> None:
        """Repeat the sequences of a market, as the worker does each second."""
        from matching import wire
        from matching.models import MarketState

        state = MarketState.objects.get(market_id=market)
        event = wire.MarketEvent(
            market,
            state.event_sequence,
            state.event_sequence,
            0,
            state.depth_sequence,
            [],
            [],
            b"",
        )
        self.redis.publish(wire.events_channel(market), wire.encode(event))

    def _take(self, *, publish: bool) -> int:
        from matching import wire
        from matching.models import Event

        rows = list(Event.objects.filter(pk__gt=self._published).order_by("pk"))
        for row in rows:
            self._published = row.pk
            if publish:
                self.redis.publish(wire.events_channel(row.market_id), bytes(row.payload))
        return len(rows)


@pytest.fixture
def publisher(transactional_db: None) -> Iterator[Publisher]:
    publisher = Publisher()
    publisher.redis.delete("tickers", "marketdata")
    yield publisher
    publisher.redis.close()


@pytest_asyncio.fixture
async def feed(bench: Bench, publisher: Publisher) -> AsyncIterator[Any]:
    """A feed that is not started yet."""
    from api.process import web_process

    process = web_process()
    yield process.feed
    await process.close()


class Recorder:
    """A sink that keeps what it is given, spelled as plain tuples."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def push(self, topic: Any, message: Any) -> None:
        self.messages.append(message)


class TupleCodec:
    """Spells messages so that tests can read them."""

    def book_snapshot(self, topic: Any, view: Any) -> Any:
        return ("snapshot", view.terms.symbol, *view.top())

    def book_delta(self, topic: Any, view: Any, delta: Any) -> Any:
        return ("delta", view.terms.symbol, delta)

    def trade(self, topic: Any, view: Any, trade: Any) -> Any:
        return ("trade", trade.sequence, trade.price, trade.quantity)

    def ticker(self, topic: Any, view: Any) -> Any:
        return ("ticker", view.ticker)

    def candle(self, topic: Any, view: Any, candle: Any) -> Any:
        return ("candle", candle)

    def market(self, topic: Any, view: Any) -> Any:
        return ("market", view.terms.symbol, view.terms.rules.phase, view.terms.rules.taker_fee_ppm)


CODEC = TupleCodec()
