"""Candles that close, that are flat, and that were counted late."""

import json
import time
from typing import Any

import pytest

from api.binance.streams import market_streams
from api.binance.streams.market_streams import KlineStream
from api.binance.streams.names import parse_name
from marketdata.feed import Feed
from marketdata.market_view import MarketView
from marketdata.states import CandleState
from tests.unit.marketdata.test_ticker import _terms

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
    monkeypatch.setattr(market_streams, "find_market", lambda symbol: MarketView(_terms()))
    stream = KlineStream(name, Feed())
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


async def test_the_newest_seconds_are_all_told_after_a_delay() -> None:
    from marketdata.worker import _newest

    candles = [_candle(n * SECOND_US, "10.00", 1, n + 1) for n in range(200)]
    minutes = [
        CandleState(
            7, "1m", n, *("1",) * 8, trades=1, first_trade_sequence=n, last_trade_sequence=n
        )
        for n in range(5)
    ]
    newest = _newest([*minutes, *candles[::-1]])
    assert [candle.open_us for candle in newest if candle.interval == "1s"] == [
        n * SECOND_US for n in range(80, 200)
    ]
    assert [candle.open_us for candle in newest if candle.interval == "1m"] == [3, 4]
