"""Names of streams, taken apart."""

import pytest

from api.binance.streams.names import StreamName, parse_name
from marketdata.candles.intervals import INTERVALS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("btcusdt@trade", ("trade", "BTCUSDT", "", 0, 1.0)),
        ("btcusdt@aggTrade", ("aggTrade", "BTCUSDT", "", 0, 1.0)),
        ("btcusdt@kline_1m", ("kline", "BTCUSDT", "1m", 0, 1.0)),
        ("btcusdt@kline_1M", ("kline", "BTCUSDT", "1M", 0, 1.0)),
        ("btcusdt@miniTicker", ("miniTicker", "BTCUSDT", "", 0, 1.0)),
        ("btcusdt@ticker", ("ticker", "BTCUSDT", "", 0, 1.0)),
        ("btcusdt@bookTicker", ("bookTicker", "BTCUSDT", "", 0, 1.0)),
        ("btcusdt@depth5", ("partialDepth", "BTCUSDT", "", 5, 1.0)),
        ("btcusdt@depth20@100ms", ("partialDepth", "BTCUSDT", "", 20, 0.1)),
        ("btcusdt@depth", ("depth", "BTCUSDT", "", 0, 1.0)),
        ("btcusdt@depth@1000ms", ("depth", "BTCUSDT", "", 0, 1.0)),
        ("btcusdt@depth@100ms", ("depth", "BTCUSDT", "", 0, 0.1)),
        ("!miniTicker@arr", ("allMiniTickers", None, "", 0, 1.0)),
        ("!miniTicker@arr@1000ms", ("allMiniTickers", None, "", 0, 1.0)),
        ("!ticker@arr", ("allTickers", None, "", 0, 1.0)),
    ],
)
def test_published_names_are_understood(text: str, expected: tuple[object, ...]) -> None:
    assert parse_name(text) == StreamName(text, *expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("interval", INTERVALS)
def test_there_is_a_candle_stream_for_every_interval(interval: str) -> None:
    name = parse_name(f"ethbtc@kline_{interval}")
    assert name is not None
    assert (name.kind, name.interval) == ("kline", interval)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "btcusdt",
        "@trade",
        "btcusdt@",
        "BTCUSDT@trade",
        "btcusdt@Trade",
        "btcusdt@kline_2m",
        "btcusdt@kline_",
        "btcusdt@depth7",
        "btcusdt@depth@250ms",
        "btcusdt@trade@100ms",
        "btcusdt@trade@100ms@100ms",
        "btc/usdt@trade",
        "!trade@arr",
        "btcusdt@trade\n",
        "btcüsdt@trade",
        "x" * 100 + "@trade",
    ],
)
def test_other_names_are_no_streams(text: str) -> None:
    assert parse_name(text) is None
