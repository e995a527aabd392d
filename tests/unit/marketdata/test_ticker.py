"""The rolling 24 hours, and what the feed adds to the service's figures."""

from marketdata.candles.intervals import MINUTE_US
from marketdata.candles.windows import DayWindow
from marketdata.feed.view import MarketView
from marketdata.wire import CandleState
from matching.wire import DepthChange, MarketEvent, TradeState
from tests.terms import btc_usd

NOON_US = 1_700_000_000_000_000 // (86_400 * 1_000_000) * 86_400 * 1_000_000 + 720 * MINUTE_US


def _candle(
    minute: int, price: str, *, high: str = "", low: str = "", last: int = 1
) -> CandleState:
    return CandleState(
        market_id=7,
        interval="1m",
        open_us=NOON_US + minute * MINUTE_US,
        open=price,
        high=high or price,
        low=low or price,
        close=price,
        volume="2.000",
        quote_volume="200.00000000",
        taker_buy_volume="0.000",
        taker_buy_quote_volume="0.00000000",
        trades=3,
        first_trade_sequence=last,
        last_trade_sequence=last,
    )


def _trade(sequence: int, price: str, quantity: str, amount: str) -> TradeState:
    return TradeState(
        7, sequence, sequence, price, quantity, amount, "buy", 1, 2, 3, 4, "0", "0", NOON_US
    )


def _event(sequence: int, *, trades: list[TradeState], depth: list[DepthChange]) -> MarketEvent:
    return MarketEvent(7, sequence - 1, sequence, NOON_US, 0, depth, trades, b"")


def test_window_holds_1440_minutes_and_forgets_older_ones() -> None:
    window = DayWindow(btc_usd())
    window.add(_candle(-1_440, "50.00", high="999.00", last=1))
    window.add(_candle(-1_439, "100.00", high="120.00", last=2))
    window.add(_candle(0, "110.00", low="90.00", last=3))

    ticker = window.ticker(NOON_US + 59_999_999)

    assert ticker is not None
    assert (ticker.open, ticker.high, ticker.low, ticker.last) == (
        "100.00",
        "120.00",
        "90.00",
        "110.00",
    )
    assert (ticker.volume, ticker.quote_volume, ticker.trades) == ("4.000", "400.00000000", 6)


def test_a_quiet_day_keeps_the_last_price_and_no_volume() -> None:
    window = DayWindow(btc_usd())
    window.add(_candle(-5_000, "100.00"))

    ticker = window.ticker(NOON_US)

    assert ticker is not None
    assert (ticker.open, ticker.high, ticker.low, ticker.last) == ("100.00",) * 4
    assert (ticker.volume, ticker.quote_volume, ticker.trades) == ("0.000", "0.00000000", 0)


def test_nothing_is_known_before_the_first_trade() -> None:
    assert DayWindow(btc_usd()).ticker(NOON_US) is None
    ticker = MarketView(btc_usd()).ticker
    assert (ticker.last, ticker.volume_24h, ticker.bid) == (None, None, None)


def test_all_fields_are_filled_by_the_first_trade_alone() -> None:
    view = MarketView(btc_usd())
    view.apply(
        _event(
            1,
            trades=[_trade(1, "100.00", "0.500", "50.00000000")],
            depth=[DepthChange("buy", "99.00", "1.000"), DepthChange("sell", "101.00", "2.000")],
        )
    )

    ticker = view.ticker
    assert (ticker.bid, ticker.ask, ticker.last) == ("99.00", "101.00", "100.00")
    assert (ticker.change_24h, ticker.change_24h_percent) == ("0.00", "0.0000")
    assert (ticker.high_24h, ticker.low_24h) == ("100.00", "100.00")
    assert (ticker.volume_24h, ticker.quote_volume_24h) == ("0.500", "50.00000000")
    assert ticker.vwap_24h == "100.00000000"


def test_trades_the_service_has_not_counted_are_added_once() -> None:
    view = MarketView(btc_usd())
    window = DayWindow(btc_usd())
    window.add(_candle(-10, "100.00", last=1))
    state = window.ticker(NOON_US)
    assert state is not None
    view.apply(
        _event(
            1,
            trades=[
                _trade(1, "100.00", "2.000", "200.00000000"),
                _trade(2, "130.00", "1.000", "130.00000000"),
            ],
            depth=[],
        )
    )
    view.set_ticker(state)

    ticker = view.ticker
    assert (ticker.last, ticker.high_24h, ticker.low_24h) == ("130.00", "130.00", "100.00")
    assert (ticker.change_24h, ticker.change_24h_percent) == ("30.00", "30.0000")
    assert (ticker.volume_24h, ticker.quote_volume_24h) == ("3.000", "330.00000000")
    assert ticker.vwap_24h == "110.00000000"
    assert ticker.trades_24h == 4


def test_an_older_ticker_does_not_replace_a_newer_one() -> None:
    view = MarketView(btc_usd())
    window = DayWindow(btc_usd())
    window.add(_candle(0, "100.00"))
    older, newer = window.ticker(NOON_US), window.ticker(NOON_US + MINUTE_US)
    assert older is not None
    assert newer is not None
    assert view.set_ticker(newer)
    assert not view.set_ticker(older)


def test_the_window_names_its_first_and_last_trade_and_the_price_before_it() -> None:
    window = DayWindow(btc_usd())
    window.add(_candle(-1_440, "90.00", last=3))
    window.add(_candle(-1_439, "100.00", last=4))
    window.add(_candle(0, "120.00", last=9))
    state = window.ticker(NOON_US + 1)
    assert state is not None
    assert (state.first_sequence, state.sequence, state.prev_close) == (4, 9, "90.00")

    view = MarketView(btc_usd())
    view.set_ticker(state)
    ticker = view.ticker
    assert (ticker.first_sequence, ticker.last_sequence, ticker.prev_close) == (4, 9, "90.00")
    assert ticker.opened_us == NOON_US - 1_439 * MINUTE_US
