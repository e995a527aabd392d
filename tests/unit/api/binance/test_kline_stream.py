"""Candles that close, that are flat, and that were counted late."""

import json
import time
from typing import Any

import pytest

from api.binance.streams import market_streams
from api.binance.streams.market_streams import KlineStream
from api.binance.streams.names import parse_name
from marketdata.candles.counting import chained
from marketdata.candles.service_loop import _newest
from marketdata.feed.feed import Feed
from marketdata.feed.view import MarketView
from marketdata.wire import CandleState
from matching.wire import MarketEvent, TradeState
from tests.terms import btc_usd
from zavora.foundation.queue import Subscription

SECOND_US = 1_000_000


class Recorder:
    def __init__(self) -> None:
        self.told: list[tuple[int, str, int, bool]] = []

    def deliver(self, event: Any) -> None:
        k = json.loads(event.text)["k"]
        self.told.append((k["t"], k["c"], k["n"], k["x"]))

    def lose(self) -> None:
        raise AssertionError


def _candle(open_us: int, close: str, trades: int, last: int) -> CandleState:
    figures = ("1.000", "100.00000000") * 2
    return CandleState(7, "1s", open_us, *(close,) * 4, *figures, trades, last - trades + 1, last)


@pytest.fixture
async def stream(monkeypatch: pytest.MonkeyPatch) -> Any:
    name = parse_name("btcusd@kline_1s")
    assert name is not None
    monkeypatch.setattr(market_streams, "find_market", lambda symbol: MarketView(btc_usd()))
    stream = KlineStream(name, Feed(Subscription()))
    stream.start()
    yield stream
    stream.stop()


async def test_a_second_without_a_trade_is_closed_flat_before_the_next_one(stream: Any) -> None:
    follower = Recorder()
    stream.followers[follower] = None
    # Ahead of the clock, so that only what is pushed closes anything.
    open_us = (int(time.time()) + 100) * SECOND_US
    stream.push(stream.topic, _candle(open_us, "10.00", 1, 1))
    stream.push(stream.topic, _candle(open_us + 2 * SECOND_US, "11.00", 2, 3))
    open_ms = open_us // 1_000
    assert follower.told == [
        (open_ms, "10.00000000", 1, False),
        (open_ms, "10.00000000", 1, True),
        (open_ms + 1_000, "10.00000000", 0, True),
        (open_ms + 2_000, "11.00000000", 2, False),
    ]


async def test_a_second_that_was_counted_late_is_told_again_and_carried_on(stream: Any) -> None:
    follower = Recorder()
    stream.followers[follower] = None
    open_us = (int(time.time()) + 100) * SECOND_US
    stream.view.is_synced = True
    stream.push(stream.topic, _candle(open_us, "10.00", 1, 1))
    stream._close()  # its time is over, and nothing more of it was counted
    stream._close()  # nor of the next second
    later = open_us + SECOND_US
    stream.push(stream.topic, _candle(later, "12.00", 1, 2))
    stream._close()
    open_ms = open_us // 1_000
    assert follower.told[1:] == [
        (open_ms, "10.00000000", 1, True),
        (open_ms + 1_000, "10.00000000", 0, True),
        (open_ms + 1_000, "12.00000000", 1, True),
        # The second after it is flat at the price that is known now.
        (open_ms + 2_000, "12.00000000", 0, True),
    ]


async def test_flat_seconds_after_one_that_was_counted_late_are_told_again(stream: Any) -> None:
    follower = Recorder()
    stream.followers[follower] = None
    stream.view.is_synced = True
    open_us = (int(time.time()) + 100) * SECOND_US
    stream.push(stream.topic, _candle(open_us, "10.00", 1, 1))
    for _ in range(4):
        stream._close()
    open_ms = open_us // 1_000
    assert [told[0] for told in follower.told[1:]] == [open_ms + n * 1_000 for n in range(4)]
    del follower.told[:]

    stream.push(stream.topic, _candle(open_us + SECOND_US, "12.00", 1, 2))
    stream._close()
    assert follower.told == [
        (open_ms + 1_000, "12.00000000", 1, True),
        (open_ms + 2_000, "12.00000000", 0, True),
        (open_ms + 3_000, "12.00000000", 0, True),
        (open_ms + 4_000, "12.00000000", 0, True),
    ]
    del follower.told[:]
    # Up to the next second with a trade, whose close is its own.
    stream.push(stream.topic, _candle(open_us, "11.00", 2, 3))
    assert follower.told == [(open_ms, "11.00000000", 2, True)]


async def test_a_candle_is_not_closed_before_its_known_trades_are_counted(stream: Any) -> None:
    follower = Recorder()
    stream.followers[follower] = None
    view = stream.view
    view.is_synced = True
    open_us = (int(time.time()) - 10) * SECOND_US
    first = _candle(open_us, "10.00", 1, 1)
    view.set_candle(first)
    stream.push(stream.topic, first)
    # A trade of the next second, which events have told of and the candles do not count.
    trade = TradeState(
        7, 2, 2, "12.00", "1.000", "12.00000000", "buy", 1, 2, 3, 4, "0", "0",
        open_us + SECOND_US + 5,
    )  # fmt: skip
    view.apply(MarketEvent(7, 0, 1, open_us, 0, [], [trade], b""))
    stream._close()
    for _ in range(3):
        stream._close()
    open_ms = open_us // 1_000
    # The first second is whole; the second is not closed, however often its time is over.
    assert follower.told == [(open_ms, "10.00000000", 1, True)]

    second = _candle(open_us + SECOND_US, "12.00", 1, 2)
    view.set_candle(second)
    stream.push(stream.topic, second)
    assert follower.told[1:] == [(open_ms + 1_000, "12.00000000", 1, True)]


def test_of_a_long_catch_up_the_newest_candles_are_told_and_show_that_there_were_more() -> None:
    seconds = [_candle(n * SECOND_US, "10.00", 1, n + 1) for n in range(200)]
    minutes = [
        CandleState(
            7, "1m", n, *("1",) * 8, trades=1, first_trade_sequence=n, last_trade_sequence=n
        )
        for n in range(20)
    ]
    newest = _newest(chained([*minutes, *seconds[::-1]], counted=0))
    told = [candle for candle in newest if candle.interval == "1s"]
    assert [candle.open_us for candle in told] == [n * SECOND_US for n in range(80, 200)]
    assert [candle.prev_sequence for candle in told] == list(range(80, 200))
    assert [candle.open_us for candle in newest if candle.interval == "1m"] == list(range(10, 20))
