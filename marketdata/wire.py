"""What the market data service publishes: tickers each second, candles that changed.

Structs are arrays of msgpack: a field is only ever added at the end, with a default. Figures are
decimal text: prices with the tick's decimals, volumes with the lot's, quote volumes with the
quote asset's.
"""

from typing import Final

import msgspec

# A list of TickerState each second; the key of the same name holds the latest message.
TICKERS_CHANNEL: Final = "tickers"
TICKERS_KEY: Final = "tickers"
# Candles that changed, one message per market and commit: a list of CandleState.
CANDLES_PATTERN: Final = "candles:*"
# Lives only while a market data service makes progress.
HEARTBEAT_KEY: Final = "marketdata"
HEARTBEAT_MS: Final = 3_000


def candles_channel(market_id: int) -> str:
    """Return the channel on which a market's changed candles are published."""
    return f"candles:{market_id}"


class TickerState(msgspec.Struct, frozen=True, array_like=True):
    """The last 24 hours of a market, counted up to the trade ``sequence``.

    Where nothing traded within them, open, high and low are the last price and volumes zero.
    """

    market_id: int
    sequence: int
    last: str
    open: str
    high: str
    low: str
    volume: str
    quote_volume: str
    trades: int
    computed_us: int


class CandleState(msgspec.Struct, frozen=True, array_like=True):
    """A candle as it stands after a commit; ``open_us`` in microseconds since 1970."""

    market_id: int
    interval: str
    open_us: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    quote_volume: str
    taker_buy_volume: str
    taker_buy_quote_volume: str
    trades: int
    first_trade_sequence: int
    last_trade_sequence: int


encode = msgspec.msgpack.Encoder().encode
decode_tickers = msgspec.msgpack.Decoder(list[TickerState]).decode
decode_candles = msgspec.msgpack.Decoder(list[CandleState]).decode
