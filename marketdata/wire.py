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
# Lives only while a market data service makes progress; says which markets it has set aside.
HEARTBEAT_KEY: Final = "marketdata"
HEARTBEAT_MS: Final = 3_000


def candles_channel(market_id: int) -> str:
    """Return the channel on which a market's changed candles are published."""
    return f"candles:{market_id}"


class Progress(msgspec.Struct, frozen=True):
    """What the heartbeat says, as JSON: the markets without candles and with unreadable rules."""

    candles_set_aside: list[str] = []
    rules_unreadable: list[str] = []


def decode_progress(body: bytes) -> Progress:
    """Return what a heartbeat says; a former version's said nothing."""
    try:
        return msgspec.json.decode(body, type=Progress)
    except msgspec.MsgspecError:
        return Progress()


encode_progress = msgspec.json.Encoder().encode
encode = msgspec.msgpack.Encoder().encode
decode_tickers = msgspec.msgpack.Decoder(list[TickerState]).decode
decode_candles = msgspec.msgpack.Decoder(list[CandleState]).decode
