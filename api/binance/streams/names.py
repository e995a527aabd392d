"""The names of streams: what can be followed, and how it is asked for."""

import re
from typing import Final, Literal, NamedTuple

from marketdata.candles.intervals import INTERVALS

Kind = Literal[
    "trade",
    "aggTrade",
    "kline",
    "miniTicker",
    "ticker",
    "bookTicker",
    "depth",
    "partialDepth",
    "allMiniTickers",
    "allTickers",
]

SLOW_S: Final = 1.0
FAST_S: Final = 0.1

_OF_A_SYMBOL: Final = re.compile(r"([a-z0-9]{2,40})@([A-Za-z0-9_]+)(@100ms|@1000ms)?", re.ASCII)
PLAIN_KINDS: Final[dict[str, Kind]] = {
    "trade": "trade",
    "aggTrade": "aggTrade",
    "miniTicker": "miniTicker",
    "ticker": "ticker",
    "bookTicker": "bookTicker",
}
PARTIAL_LEVELS: Final = {"depth5": 5, "depth10": 10, "depth20": 20}
_KLINE: Final = "kline_"


class StreamName(NamedTuple):
    """A stream's name, taken apart. ``symbol`` (in capitals) is None for streams of all markets."""

    text: str
    kind: Kind
    symbol: str | None = None
    interval: str = ""
    levels: int = 0
    period_s: float = SLOW_S


OF_ALL: Final = {
    "!miniTicker@arr": StreamName("!miniTicker@arr", "allMiniTickers"),
    # Undocumented, but what python-binance asks for.
    "!miniTicker@arr@1000ms": StreamName("!miniTicker@arr@1000ms", "allMiniTickers"),
    "!ticker@arr": StreamName("!ticker@arr", "allTickers"),
}


def parse_name(text: str) -> StreamName | None:
    """Return what a name asks for; None where there is no such stream. Markets are not looked up.

    Symbols are in lower case; intervals are as they are (``1m`` is a minute, ``1M`` a month).
    """
    if text in OF_ALL:
        return OF_ALL[text]
    found = _OF_A_SYMBOL.fullmatch(text)
    if found is None:
        return None
    symbol, what, speed = found[1].upper(), found[2], found[3]
    period_s = FAST_S if speed == "@100ms" else SLOW_S
    if what == "depth":
        return StreamName(text, "depth", symbol, period_s=period_s)
    if what in PARTIAL_LEVELS:
        levels = PARTIAL_LEVELS[what]
        return StreamName(text, "partialDepth", symbol, levels=levels, period_s=period_s)
    if speed is not None:
        return None
    if what in PLAIN_KINDS:
        return StreamName(text, PLAIN_KINDS[what], symbol)
    interval = what.removeprefix(_KLINE)
    if what.startswith(_KLINE) and interval in INTERVALS:
        return StreamName(text, "kline", symbol, interval=interval)
    return None
