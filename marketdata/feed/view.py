"""One market as the feed of a process holds it in memory: book, trades, ticker, sequences."""

from collections import OrderedDict, deque
from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import islice
from typing import Final

import msgspec

from marketdata.candles.windows import window_open_us
from marketdata.feed.book import DepthBook, Level
from marketdata.feed.places import QueuePlaces
from marketdata.figures import figure_text, trade_of_row
from marketdata.wire import CandleState, PublicTrade, TickerState
from matching.markets.terms import MarketTerms
from matching.orders.by_sequence import BookSnapshot, PublicTradeRow
from matching.wire import AuctionState, MarketEvent, TradeState
from zavora.foundation.money import EXACT

TRADES_KEPT_MAX: Final = 1_000
# Averages and percentages are the only figures here that may need rounding.
ROUNDING: Final = ROUND_HALF_EVEN
_ROUND: Final = Context(prec=80, rounding=ROUNDING)
PERCENT_DECIMALS: Final = 4
# Candles of an interval that are kept for followers who fell behind, by when they opened.
CANDLES_KEPT_MAX: Final = 150


class Ticker(msgspec.Struct, frozen=True):
    """The last 24 hours and the best prices. None: no trade yet, or an empty side of the book.

    Where no trading goes on, the bid may be at the ask or above it.

    The window opens at ``opened_us``; ``prev_close`` is the price before it. Sequences are those
    of the first and last trade in it, -1 where there is none.
    """

    market: str
    bid: str | None
    ask: str | None
    last: str | None
    change_24h: str | None
    change_24h_percent: str | None
    high_24h: str | None
    low_24h: str | None
    volume_24h: str | None
    quote_volume_24h: str | None
    vwap_24h: str | None
    trades_24h: int
    open_24h: str | None
    time_us: int
    prev_close: str | None = None
    last_quantity: str | None = None
    first_sequence: int = -1
    last_sequence: int = -1
    opened_us: int = 0


class DepthDelta(msgspec.Struct, frozen=True):
    """The levels one event changed: absolute quantities, zero removes; sequences are of depth."""

    bids: list[Level]
    asks: list[Level]
    prev_sequence: int
    sequence: int


class MarketView:
    """What is known of a market. Readers use the properties; only the feed calls ``apply`` etc."""

    # Given to it by who follows it.
    places: QueuePlaces

    def __init__(self, terms: MarketTerms) -> None:
        self.terms = terms
        self.book = DepthBook()
        self.event_sequence = 0
        self.depth_sequence = 0
        # How an auction would end now, while one is held.
        self.auction: AuctionState | None = None
        # False until the first snapshot is in and while a gap is being filled.
        self.is_synced = False
        # By interval: the candle that was told last, and the newest ones by when they opened.
        self.candles: dict[str, CandleState] = {}
        self._kept_candles: dict[str, OrderedDict[int, CandleState]] = {}
        self._base: TickerState | None = None
        self._trades: deque[PublicTrade] = deque(maxlen=TRADES_KEPT_MAX)  # newest first
        self._time_us = 0
        self._ticker: Ticker | None = None

    def top(self, depth: int | None = None) -> tuple[list[Level], list[Level], int]:
        """Return (bids, asks, depth sequence), best first, at most ``depth`` levels a side."""
        return self.book.bids.top(depth), self.book.asks.top(depth), self.depth_sequence

    def recent_trades(self, limit: int) -> list[PublicTrade]:
        """Return the newest trades, newest first, at most ``TRADES_KEPT_MAX``."""
        return list(islice(self._trades, limit))

    @property
    def ticker(self) -> Ticker:
        """Return the ticker as of the latest event.

        The market data service's figures, which are up to a second old, plus the trades since.
        """
        if self._ticker is None:
            self._ticker = self._compute_ticker()
        return self._ticker

    @property
    def counted_sequence(self) -> int:
        """Return the trade up to which the market data service's figures count; 0: none yet."""
        return self._base.sequence if self._base is not None else 0

    @property
    def counted_us(self) -> int:
        """Return when the market data service counted last; 0: it has told nothing yet."""
        return self._base.computed_us if self._base is not None else 0

    def load(self, snapshot: BookSnapshot) -> None:
        """Replace everything that comes from events by what the tables hold."""
        self.book = DepthBook()
        for side, price, quantity in snapshot.levels:
            self.book.set(side, price, quantity)
        self.event_sequence = snapshot.event_sequence
        self.depth_sequence = snapshot.depth_sequence
        self.auction = snapshot.auction
        self._trades = deque(map(self._public_trade, snapshot.trades), maxlen=TRADES_KEPT_MAX)
        if self._trades:
            self._time_us = max(self._time_us, self._trades[0].created_us)
        self._ticker = None

    def apply(self, event: MarketEvent) -> DepthDelta | None:
        """Take in the event that follows the known sequence; return the change of the book."""
        for trade in event.trades:
            self._trades.appendleft(public_trade(trade))
        self.event_sequence = event.sequence
        self.auction = event.auction
        self._time_us = max(self._time_us, event.batch_us)
        self._ticker = None
        return self._apply_depth(event) if event.depth else None

    def set_ticker(self, state: TickerState) -> bool:
        """Take in the service's figures unless older ones; tell whether they were new."""
        known = self._base
        if known is not None and state.computed_us < known.computed_us:
            return False
        self._base = state
        self._time_us = max(self._time_us, state.computed_us)
        self._ticker = None
        return True

    def set_candle(self, candle: CandleState) -> bool:
        """Take in a candle unless an older state of it; tell whether it was new."""
        known = self.candles.get(candle.interval)
        if known is not None and candle.last_trade_sequence <= known.last_trade_sequence:
            return False
        self.candles[candle.interval] = candle
        kept = self._kept_candles.setdefault(candle.interval, OrderedDict())
        kept[candle.open_us] = candle
        kept.move_to_end(candle.open_us)
        if len(kept) > CANDLES_KEPT_MAX:
            kept.popitem(last=False)
        return True

    def forget_candles(self, interval: str) -> None:
        """Forget an interval's candles: some may have been missed."""
        self.candles.pop(interval, None)
        self._kept_candles.pop(interval, None)

    def recent_candles(self, interval: str) -> list[CandleState]:
        """Return the candles that changed last, the newest change last."""
        return list(self._kept_candles.get(interval, {}).values())

    def counts_all(self, interval: str, until_us: int) -> bool:
        """Tell whether an interval's candles count every trade from before a moment.

        As far as events have come: False while any may be missing.
        """
        if not self.is_synced:
            return False
        told = self.candles.get(interval)
        counted = self.counted_sequence if told is None else told.last_trade_sequence
        oldest = None
        for trade in self._trades:
            if trade.sequence <= counted:
                return True
            if trade.created_us < until_us:
                return False
            oldest = trade
        # Of trades that are kept no more nothing is known but that they are there.
        return oldest is None or oldest.sequence <= counted + 1

    def _apply_depth(self, event: MarketEvent) -> DepthDelta:
        bids: dict[str, str] = {}
        asks: dict[str, str] = {}
        for change in event.depth:
            self.book.set(change.side, change.price, change.quantity)
            # Of several changes at a price the last one counts.
            (bids if change.side == "buy" else asks)[change.price] = change.quantity
        self.depth_sequence = event.prev_depth_sequence + len(event.depth)
        return DepthDelta(
            bids=list(bids.items()),
            asks=list(asks.items()),
            prev_sequence=event.prev_depth_sequence,
            sequence=self.depth_sequence,
        )

    def _public_trade(self, row: PublicTradeRow) -> PublicTrade:
        return trade_of_row(row, self.terms)

    def _compute_ticker(self) -> Ticker:
        base = self._base
        newer = [trade for trade in self._trades if trade.sequence > self.counted_sequence]
        bid, ask = self.book.bids.best_price, self.book.asks.best_price
        if not newer and base is None:
            return _empty_ticker(self.terms.symbol, bid=bid, ask=ask, time_us=self._time_us)
        last_quantity = self._trades[0].quantity if self._trades else None
        return _fold(
            self.terms,
            base,
            newer,
            bid=bid,
            ask=ask,
            time_us=self._time_us,
            last_quantity=last_quantity,
        )


def public_trade(trade: TradeState) -> PublicTrade:
    """Return the public part of a trade."""
    return PublicTrade(
        trade.sequence,
        trade.run_sequence,
        trade.price,
        trade.quantity,
        trade.amount,
        trade.taker_side,
        trade.created_us,
        trade.is_auction,
    )


def _empty_ticker(symbol: str, *, bid: str | None, ask: str | None, time_us: int) -> Ticker:
    return Ticker(symbol, bid, ask, *(None,) * 8, 0, None, time_us)


def _fold(
    terms: MarketTerms,
    base: TickerState | None,
    newer: list[PublicTrade],
    *,
    bid: str | None,
    ask: str | None,
    time_us: int,
    last_quantity: str | None,
) -> Ticker:
    """Return ``base`` with newer trades (newest first) counted in; one of both is there.

    A base without trades in its window says only what the last price was: then the first newer
    trade opens the window.
    """
    prices = [Decimal(trade.price) for trade in newer]
    volume, quote_volume, trades = Decimal(0), Decimal(0), len(newer)
    for trade in newer:
        volume = EXACT.add(volume, Decimal(trade.quantity))
        quote_volume = EXACT.add(quote_volume, Decimal(trade.amount))
    opened = prices[-1] if prices else None
    last = prices[0] if prices else None
    if base is not None and (base.trades or not prices):
        opened = Decimal(base.open)
        prices += [Decimal(base.high), Decimal(base.low)]
        volume = EXACT.add(volume, Decimal(base.volume))
        quote_volume = EXACT.add(quote_volume, Decimal(base.quote_volume))
        trades += base.trades
        last = last if last is not None else Decimal(base.last)
    if opened is None or last is None:
        raise ValueError("neither a ticker nor a trade to make a ticker of")
    change = EXACT.subtract(last, opened)
    percent = _ROUND.divide(_ROUND.multiply(change, Decimal(100)), opened)
    vwap = _ROUND.divide(quote_volume, volume) if volume else last
    first, latest = (newer[-1].sequence, newer[0].sequence) if newer else (-1, -1)
    if base is not None and base.trades:
        first, latest = base.first_sequence, max(latest, base.sequence)
    return Ticker(
        market=terms.symbol,
        bid=bid,
        ask=ask,
        last=figure_text(last, terms.tick_decimals),
        change_24h=figure_text(change, terms.tick_decimals),
        change_24h_percent=_rounded_text(percent, PERCENT_DECIMALS),
        high_24h=figure_text(max(prices), terms.tick_decimals),
        low_24h=figure_text(min(prices), terms.tick_decimals),
        volume_24h=figure_text(volume, terms.lot_decimals),
        quote_volume_24h=figure_text(quote_volume, terms.quote.scale),
        vwap_24h=_rounded_text(vwap, terms.quote.scale),
        trades_24h=trades,
        open_24h=figure_text(opened, terms.tick_decimals),
        time_us=time_us,
        prev_close=(base.prev_close or None) if base is not None else None,
        last_quantity=last_quantity,
        first_sequence=first,
        last_sequence=latest,
        opened_us=window_open_us(time_us if base is None else base.computed_us),
    )


def _rounded_text(value: Decimal, decimals: int) -> str:
    rounded = value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUNDING, context=_ROUND)
    return figure_text(rounded, decimals)
