"""Trades into candles: pure and exact.

A batch of trades becomes one-second parts first, those become one-minute parts, and these become
parts of every longer interval, so that a trade is looked at once. Figures are integers: prices and
volumes in units of 10^-18.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from marketdata.candles.intervals import INTERVALS, open_us
from marketdata.wire import CandleState
from matching.orders.by_sequence import PublicTradeRow
from zavora.foundation.money import SCALE_MAX, decimal_to_units

SECOND: Final = "1s"
MINUTE: Final = "1m"
LONGER_INTERVALS: Final = tuple(
    interval for interval in INTERVALS if interval not in (SECOND, MINUTE)
)


class CandlePart(msgspec.Struct, gc=False):
    """What a run of trades in sequence contributes to one candle."""

    interval: str
    open_us: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    quote_volume: int
    taker_buy_volume: int
    taker_buy_quote_volume: int
    trades: int
    first_trade_sequence: int
    last_trade_sequence: int

    def extend(self, later: "CandlePart") -> None:
        """Add what comes later in the sequence."""
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume
        self.quote_volume += later.quote_volume
        self.taker_buy_volume += later.taker_buy_volume
        self.taker_buy_quote_volume += later.taker_buy_quote_volume
        self.trades += later.trades
        self.last_trade_sequence = later.last_trade_sequence


def parts_of(trades: Iterable[PublicTradeRow]) -> list[CandlePart]:
    """Return the parts of candles of every interval that ``trades``, in sequence, make up."""
    parts: dict[tuple[str, int], CandlePart] = {}
    seconds = list(_runs_of(SECOND, map(_part_of, trades)))
    for second in seconds:
        _add(parts, SECOND, second.open_us, second)
    for minute in _runs_of(MINUTE, seconds):
        for interval in (MINUTE, *LONGER_INTERVALS):
            _add(parts, interval, open_us(interval, minute.open_us), minute)
    return list(parts.values())


def parts_of_interval(interval: str, trades: Iterable[PublicTradeRow]) -> list[CandlePart]:
    """Return the parts of candles of one interval that ``trades``, in sequence, make up."""
    parts: dict[tuple[str, int], CandlePart] = {}
    for second in _runs_of(SECOND, map(_part_of, trades)):
        _add(parts, interval, open_us(interval, second.open_us), second)
    return list(parts.values())


def chained(candles: Iterable[CandleState], *, counted: int) -> list[CandleState]:
    """Return the candles that one step changed as they are told: by their last trades.

    ``counted`` is the trade up to which all of them counted before. Each names what its
    interval's candles counted before it, so that whoever is told can see whether it missed any.
    """
    known = dict.fromkeys(INTERVALS, counted)
    chain = []
    for candle in sorted(candles, key=_last_trade):
        chain.append(msgspec.structs.replace(candle, prev_sequence=known[candle.interval]))
        known[candle.interval] = candle.last_trade_sequence
    return chain


def _last_trade(candle: CandleState) -> int:
    return candle.last_trade_sequence


def _add(
    parts: dict[tuple[str, int], CandlePart], interval: str, opened_us: int, part: CandlePart
) -> None:
    known = parts.get((interval, opened_us))
    if known is not None:
        known.extend(part)
        return
    copy = msgspec.structs.replace(part, interval=interval, open_us=opened_us)
    parts[interval, opened_us] = copy


def _runs_of(interval: str, parts: Iterable[CandlePart]) -> Iterable[CandlePart]:
    """Yield one part per run of ``parts`` in the same candle of an interval; uses them up."""
    current: CandlePart | None = None
    for part in parts:
        opened_us = open_us(interval, part.open_us)
        if current is not None and current.open_us == opened_us:
            current.extend(part)
            continue
        if current is not None:
            yield current
        current = msgspec.structs.replace(part, interval=interval, open_us=opened_us)
    if current is not None:
        yield current


def _part_of(trade: PublicTradeRow) -> CandlePart:
    price, volume, quote_volume = _units(trade.price), _units(trade.quantity), _units(trade.amount)
    is_taker_buy = trade.taker_side == "buy"
    return CandlePart(
        SECOND,
        open_us(SECOND, trade.time_us),
        price,
        price,
        price,
        price,
        volume,
        quote_volume,
        volume if is_taker_buy else 0,
        quote_volume if is_taker_buy else 0,
        1,
        trade.sequence,
        trade.sequence,
    )


def _units(value: Decimal) -> int:
    return decimal_to_units(value, SCALE_MAX)
