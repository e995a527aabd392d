"""Candles without holes, trades from an id on, and the fills of one taker as one trade."""

from datetime import timedelta

import pytest

from tests.integration.marketdata.conftest import Bench
from tests.integration.marketdata.test_candles import START, _terms, _write_trades

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE_US = 60_000_000
START_US = int(START.timestamp()) * 1_000_000


def _count(market: int, trades: list[tuple[int, int, int, bool]]) -> None:
    from marketdata.candles.services import count_trades

    _write_trades(market, trades)
    while count_trades(_terms()):
        pass


def _closes(**bounds: int) -> list[tuple[int, str, int]]:
    """Return (minutes after the start, close, trades) of gapless minute candles."""
    from marketdata.candles.selectors import list_gapless_candles

    found = list_gapless_candles(_terms(), "1m", **bounds)
    return [((c.open_us - START_US) // MINUTE_US, c.close, c.trades) for c in found]


def test_minutes_without_trades_are_flat_at_the_close_before(bench: Bench) -> None:
    # Trades in minutes 1, 4 and 5.
    _count(
        bench.market(),
        [(60, 10, 1, True), (180, 20, 1, True), (1, 21, 1, True), (60, 30, 1, False)],
    )
    now_us = START_US + 7 * MINUTE_US + 1

    whole = [
        (1, "10.00", 1),
        (2, "10.00", 0),
        (3, "10.00", 0),
        (4, "21.00", 2),
        (5, "30.00", 1),
        (6, "30.00", 0),
        (7, "30.00", 0),
    ]
    assert _closes(now_us=now_us) == whole
    assert _closes(now_us=now_us, limit=3) == whole[-3:]
    assert _closes(now_us=now_us, start_us=0, limit=3) == whole[:3]
    # From the next opening on: a start within minute 2 begins with minute 3.
    start_us = START_US + 2 * MINUTE_US + 1
    assert _closes(now_us=now_us, start_us=start_us, limit=2) == whole[2:4]
    end_us = START_US + 3 * MINUTE_US
    assert _closes(now_us=now_us, start_us=start_us, end_us=end_us) == whole[2:3]
    assert _closes(now_us=now_us, end_us=end_us, limit=2) == whole[1:3]
    assert _closes(now_us=now_us, end_us=START_US) == []
    assert _closes(now_us=now_us, start_us=now_us) == []
    assert _closes(now_us=now_us, start_us=2**62, end_us=2**62) == []


def test_months_follow_each_other_without_holes(bench: Bench) -> None:
    from marketdata.candles.selectors import list_gapless_candles

    _count(bench.market(), [(1, 10, 1, True), (86_400 * 70, 20, 1, True)])
    now_us = START_US + 86_400_000_000 * 71
    assert list_gapless_candles(_terms(), "1M", now_us=now_us, start_us=2**62) == []
    found = list_gapless_candles(_terms(), "1M", now_us=now_us)
    assert [(candle.open, candle.close, candle.trades) for candle in found] == [
        ("10.00", "10.00", 1),
        ("10.00", "10.00", 0),
        ("10.00", "10.00", 0),
        ("20.00", "20.00", 1),
    ]


def _runs(**bounds: int) -> list[tuple[int, int, str]]:
    from marketdata.candles.selectors import list_aggregated_trades

    found = list_aggregated_trades(_terms(), **{"limit": 10, **bounds})
    return [(run.run_sequence, run.last_sequence, run.quantity) for run in found]


def test_fills_of_one_taker_at_one_price_are_one_trade(bench: Bench) -> None:
    from marketdata.candles.selectors import list_public_trades_from
    from matching.models import Trade

    # One trade a minute; 1 to 3 are one taker's, and so are 5 and 6.
    market = bench.market()
    _write_trades(market, [(0 if n in (1, 2, 5) else 60, 10, 100_000, True) for n in range(8)])
    Trade.objects.filter(sequence__in=(1, 2, 3)).update(run_sequence=1)
    Trade.objects.filter(sequence__in=(5, 6)).update(run_sequence=5)
    whole = [
        (1, 3, "3.00000"),
        (4, 4, "1.00000"),
        (5, 6, "2.00000"),
        (7, 7, "1.00000"),
        (8, 8, "1.00000"),
    ]
    for is_counted in (False, True):
        if is_counted:
            from marketdata.candles.services import count_trades

            count_trades(_terms())
        assert _runs() == whole
        assert _runs(limit=2) == whole[-2:]
        assert _runs(from_sequence=1, limit=2) == whole[:2]
        assert _runs(from_sequence=2, limit=2) == whole[1:3]
        assert _runs(from_sequence=9) == []
        second = START_US + 2 * MINUTE_US  # trade 4
        assert _runs(start_us=second) == whole[1:]
        assert _runs(start_us=second + 1, limit=1) == whole[2:3]
        assert _runs(end_us=second) == whole[:2]
        assert _runs(start_us=second, end_us=second + MINUTE_US) == whole[1:3]
        assert _runs(start_us=2**60) == []

    trades = list_public_trades_from(_terms(), from_sequence=6, limit=2)
    assert [trade.sequence for trade in trades] == [6, 7]


def test_volumes_are_those_of_the_seconds_since(bench: Bench) -> None:
    from marketdata.candles.selectors import get_volumes_since
    from zavora.foundation.times import moment_of

    _count(bench.market(), [(60, 10, 100_000, True), (60, 20, 100_000, True)])
    assert moment_of(START_US) == START
    since = START + timedelta(seconds=61)
    base, quote = get_volumes_since(_terms(), int(since.timestamp()) * 1_000_000)
    assert (base, quote) == (1, 20)
