"""What the market data service publishes: tickers each second, candles that changed.

The structs (``states``) travel as arrays of msgpack: a field is only ever added at the end, with a
default.
"""

from typing import Final

import msgspec

from marketdata.states import CandleState as CandleState
from marketdata.states import TickerState as TickerState

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


encode = msgspec.msgpack.Encoder().encode
decode_tickers = msgspec.msgpack.Decoder(list[TickerState]).decode
decode_candles = msgspec.msgpack.Decoder(list[CandleState]).decode
