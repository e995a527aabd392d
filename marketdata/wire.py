"""What the market data service publishes: tickers each second, candles that changed.

Figures are decimal text: prices carry the tick's decimals, volumes the lot's, quote volumes the
quote asset's. Tickers and candles travel as arrays of msgpack: a field is only ever added at the
end, with a default.
"""

from typing import Final

import msgspec

from zavora.foundation.queue import CELERY_KEY

# A list of TickerState each second; the key of the same name holds the latest message.
TICKERS_CHANNEL: Final = "tickers"
TICKERS_KEY: Final = "tickers"
# Candles that changed, one message per market and commit: a list of CandleState.
CANDLES_PATTERN: Final = "candles:*"
# Alerts right after they were told of: a list of AlertState. May be lost, and told again.
ALERTS_CHANNEL: Final = "alerts"
# Lives only while a market data service makes progress; says which markets it has set aside.
HEARTBEAT_KEY: Final = "marketdata"
# By which keys the parts that belong to no shard show life.
PARTS: Final = {"marketdata": HEARTBEAT_KEY, "celery": CELERY_KEY}
HEARTBEAT_MS: Final = 3_000


class TickerState(msgspec.Struct, frozen=True, array_like=True):
    """The last 24 hours of a market, counted up to the trade ``sequence``.

    Where nothing traded within them, open, high and low are the last price and volumes zero.
    ``first_sequence`` is the first trade in them (0: none), ``prev_close`` the price before them
    (empty: there was none).
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
    first_sequence: int = 0
    prev_close: str = ""


class CandleState(msgspec.Struct, frozen=True, array_like=True):
    """A candle as it stands after a commit; ``open_us`` in microseconds since 1970.

    ``prev_sequence`` is the last trade that the candles of its interval counted before this
    change (-1: not said): who knows less than that has missed something.
    """

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
    prev_sequence: int = -1


class AlertState(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An alert as it stands after a commit; times in microseconds since 1970, 0: none.

    Of two states of an alert the one with the higher ``told_count`` is newer.
    """

    alert_id: int
    user_id: int
    market: str
    condition: str
    price: str
    note: str
    repeats: bool
    by_page: bool
    by_mail: bool
    state: str
    told_count: int
    told_price: str
    told_us: int
    created_us: int


def candles_channel(market_id: int) -> str:
    """Return the channel on which a market's changed candles are published."""
    return f"candles:{market_id}"


class Progress(msgspec.Struct, frozen=True):
    """What the heartbeat says, as JSON: the markets without candles and with unreadable rules.

    And of which version it is (empty: one that does not say).
    """

    candles_set_aside: list[str] = []
    rules_unreadable: list[str] = []
    version: str = ""


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
decode_alerts = msgspec.msgpack.Decoder(list[AlertState]).decode


class PublicTrade(msgspec.Struct, frozen=True, gc=False):
    """A trade as everybody may see it. ``sequence`` is the public id."""

    sequence: int
    run_sequence: int
    price: str
    quantity: str
    amount: str
    taker_side: str
    created_us: int
    is_auction: bool = False


class AggregatedTrade(msgspec.Struct, frozen=True, gc=False):
    """The fills of one taker at one price: trades ``run_sequence`` to ``last_sequence``."""

    run_sequence: int
    last_sequence: int
    price: str
    quantity: str
    taker_side: str
    created_us: int
