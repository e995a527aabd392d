"""Public market data: from the feed's memory what is new, by selectors what is older."""

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

from api.binance.rest.depth_answers import (
    LIMIT_DEFAULT,
    LIMIT_MAX,
    PATH,
    depth_answer,
    depth_weight,
)
from api.binance.rest.params import Params
from api.binance.rest.routes import CompatRequest, Route, Routes
from api.binance.streams.market_streams import merge_run
from api.binance.words import errors
from api.binance.words import public_shapes as shapes
from api.binance.words.errors import CompatError
from api.binance.words.public_shapes import Shape
from api.binance.words.symbols import find_market, list_offered
from api.binance.words.text import ZERO, eight, ms_of_us
from api.transport.threads import in_thread
from marketdata.candles.intervals import INTERVALS
from marketdata.candles.past import (
    list_past_aggregated_trades,
    list_past_gapless_candles,
    list_past_trades_from,
)
from marketdata.candles.selectors import get_volumes_since
from marketdata.feed.feed import MarketView
from marketdata.feed.view import TRADES_KEPT_MAX
from marketdata.wire import AggregatedTrade, PublicTrade
from zavora.foundation.times import now_ms

LIST_DEFAULT: Final = 500
LIST_MAX: Final = 1_000
AVERAGE_MINUTES: Final = 5
_AVERAGE_US: Final = AVERAGE_MINUTES * 60_000_000
_ROUND: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)
_EIGHT: Final = Decimal(1).scaleb(-8)
_SYMBOL: Final = ("symbol",)
# Weights by how many symbols were asked for.
_FEW: Final = 20
_MANY: Final = 100


def _market(request: CompatRequest) -> MarketView:
    return find_market(request.params.needed("symbol"))


def _combination() -> CompatError:
    return CompatError(-1128, "Combination of optional parameters invalid.")


# --- books ----------------------------------------------------------------------------------------


def get_depth(request: CompatRequest) -> bytes:
    """Return the best levels of a book."""
    view = _market(request)
    return depth_answer(view, request.params.limit(default=LIMIT_DEFAULT, high=LIMIT_MAX))


def weight_of_depth(params: Params) -> int:
    """Return the weight of a depth request; a limit that is none weighs as the default."""
    text = params.get("limit") or ""
    is_number = text.isascii() and text.isdigit()
    return depth_weight(int(text[:9]) if is_number else LIMIT_DEFAULT)


# --- trades ---------------------------------------------------------------------------------------


def get_trades(request: CompatRequest) -> list[Shape]:
    """Return the newest trades, oldest first."""
    view = _market(request)
    limit = request.params.limit(default=LIST_DEFAULT, high=LIST_MAX)
    return [shapes.trade(trade) for trade in reversed(view.recent_trades(limit))]


async def get_historical_trades(request: CompatRequest) -> list[Shape]:
    """Return trades from an id on; without one the newest."""
    view = _market(request)
    limit = request.params.limit(default=LIST_DEFAULT, high=LIST_MAX)
    from_id = request.params.integer("fromId")
    if from_id is None:
        return get_trades(request)
    kept = view.recent_trades(TRADES_KEPT_MAX)
    if kept and kept[-1].sequence <= from_id:
        trades = [trade for trade in reversed(kept) if trade.sequence >= from_id][:limit]
    else:
        trades = await in_thread(
            list_past_trades_from, view.terms, from_sequence=max(1, from_id), limit=limit
        )
    return [shapes.trade(trade) for trade in trades]


async def get_aggregated_trades(request: CompatRequest) -> list[Shape]:
    """Return trades with the fills of one taker at one price merged, oldest first."""
    view = _market(request)
    params = request.params
    from_id = params.integer("fromId")
    start_us, end_us = params.start_us(), params.end_us()
    limit = params.limit(default=LIST_DEFAULT, high=LIST_MAX)
    if from_id is not None and (start_us is not None or end_us is not None):
        raise _combination()
    if start_us is not None and end_us is not None and start_us > end_us:
        raise _wrong_span()
    if from_id is None and start_us is None and end_us is None:
        kept = _kept_runs(view, limit)
        if kept is not None:
            return [shapes.aggregated_trade(trade) for trade in kept]
    found = await in_thread(
        list_past_aggregated_trades,
        view.terms,
        from_sequence=from_id,
        start_us=start_us,
        end_us=end_us,
        limit=limit,
    )
    return [shapes.aggregated_trade(trade) for trade in found]


def _kept_runs(view: MarketView, limit: int) -> list[AggregatedTrade] | None:
    """Return the newest runs, oldest first, from memory; None where it does not hold them."""
    runs: list[list[PublicTrade]] = []
    kept = view.recent_trades(TRADES_KEPT_MAX)
    for trade in kept:
        if runs and runs[-1][-1].run_sequence == trade.run_sequence:
            runs[-1].append(trade)
        elif len(runs) == limit:
            break
        else:
            runs.append([trade])
    else:
        # The whole of memory was needed: it must reach back to the first trade, or be enough.
        if (
            kept
            and kept[-1].sequence != 1
            and not (len(runs) == limit and kept[-1].sequence == kept[-1].run_sequence)
        ):
            return None
    return [merge_run(run[::-1]) for run in reversed(runs)]


def _wrong_span() -> CompatError:
    return CompatError(-1127, "startTime must not be after endTime.")


# --- candles --------------------------------------------------------------------------------------


async def get_klines(request: CompatRequest) -> list[list[Any]]:
    """Return candles, oldest first; an interval without a trade is flat."""
    view = _market(request)
    params = request.params
    interval = params.needed("interval")
    if interval not in INTERVALS:
        raise errors.invalid_interval()
    start_us, end_us = params.start_us(), params.end_us()
    limit = params.limit(default=LIST_DEFAULT, high=LIST_MAX)
    check_time_zone(params)
    found = await in_thread(
        list_past_gapless_candles,
        view.terms,
        interval,
        now_us=now_ms() * 1_000,
        start_us=start_us,
        end_us=end_us,
        limit=limit,
    )
    return [shapes.kline(candle) for candle in found]


def check_time_zone(params: Params) -> None:
    """Refuse any time zone but UTC: candles are aligned to it."""
    zone = params.text("timeZone")
    if zone is not None and zone.lstrip("+-") not in ("0", "00:00", "0:00"):
        raise errors.invalid_parameter("timeZone")


async def get_average(request: CompatRequest) -> Shape:
    """Return the average price of the last minutes by volume; without a trade the last price."""
    view = _market(request)
    since_us = now_ms() * 1_000 - _AVERAGE_US
    kept = view.recent_trades(TRADES_KEPT_MAX)
    if len(kept) < TRADES_KEPT_MAX or kept[-1].created_us < since_us:
        volume, amount = Decimal(0), Decimal(0)
        for trade in kept:
            if trade.created_us < since_us:
                break
            volume += Decimal(trade.quantity)
            amount += Decimal(trade.amount)
    else:
        volume, amount = await in_thread(get_volumes_since, view.terms, since_us)
    price = ZERO if not kept else eight(kept[0].price)
    if volume:
        average = _ROUND.divide(amount, volume).quantize(_EIGHT, context=_ROUND)
        price = eight(average)
    closed_ms = ms_of_us(kept[0].created_us) if kept else now_ms()
    return {"mins": AVERAGE_MINUTES, "price": price, "closeTime": closed_ms}


# --- tickers --------------------------------------------------------------------------------------


def _answer_of(request: CompatRequest, shape: Callable[[MarketView], Shape]) -> Any:
    """Return one shape for ``symbol``, a list for ``symbols`` or for all markets."""
    params = request.params
    symbol, symbols = params.text("symbol"), params.symbols()
    if symbol is not None and symbols is not None:
        raise _combination()
    if symbol is not None:
        return shape(find_market(symbol))
    views = list_offered() if symbols is None else [find_market(name) for name in symbols]
    return [shape(view) for view in views]


def get_day_ticker(request: CompatRequest) -> Any:
    """Return the last 24 hours."""
    time_ms = now_ms()
    kinds = {"FULL": shapes.ticker_full, "MINI": shapes.ticker_mini}
    shape = request.params.choice("type", kinds) or shapes.ticker_full
    return _answer_of(request, lambda view: shape(view, time_ms))


def get_price(request: CompatRequest) -> Any:
    """Return last prices."""
    return _answer_of(request, shapes.ticker_price)


def get_book_ticker(request: CompatRequest) -> Any:
    """Return best prices."""
    return _answer_of(request, shapes.book_ticker)


def day_ticker_weight(params: Params) -> int:
    """Return the weight of a 24-hour ticker by how many symbols it is for."""
    count = _count_of_symbols(params)
    if count is None or count > _MANY:
        return 80
    return 40 if count > _FEW else 2


def price_weight(params: Params) -> int:
    """Return the weight of a price ticker: one symbol, or several."""
    return 2 if params.get("symbol") else 4


def _count_of_symbols(params: Params) -> int | None:
    if params.get("symbol"):
        return 1
    text = params.get("symbols")
    return None if not text else text.count(",") + 1


ROUTES: Final[Routes] = {
    ("GET", PATH): Route(get_depth, weight_of_depth, required=_SYMBOL),
    ("GET", "/api/v3/trades"): Route(get_trades, 25, required=_SYMBOL),
    ("GET", "/api/v3/historicalTrades"): Route(get_historical_trades, 25, required=_SYMBOL),
    ("GET", "/api/v3/aggTrades"): Route(get_aggregated_trades, 4, required=_SYMBOL),
    ("GET", "/api/v3/klines"): Route(get_klines, 2, required=("symbol", "interval")),
    ("GET", "/api/v3/uiKlines"): Route(get_klines, 2, required=("symbol", "interval")),
    ("GET", "/api/v3/avgPrice"): Route(get_average, 2, required=_SYMBOL),
    ("GET", "/api/v3/ticker/24hr"): Route(get_day_ticker, day_ticker_weight),
    ("GET", "/api/v3/ticker/price"): Route(get_price, price_weight),
    ("GET", "/api/v3/ticker/bookTicker"): Route(get_book_ticker, price_weight),
}
