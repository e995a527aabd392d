"""Candles count every committed trade once, whatever happens to who counts them."""

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.marketdata.conftest import Bench

pytestmark = pytest.mark.django_db(transaction=True)

STATEMENTS_IN_STEP_MAX = 12

START = datetime(2024, 2, 26, 23, 58, tzinfo=UTC)


def _terms() -> Any:
    from matching.markets.selectors import list_market_terms

    return list_market_terms()[0]


def _write_trades(market: int, trades: Sequence[tuple[int, int, int, bool]]) -> None:
    """Write trade rows: (seconds after the one before, price, lots, whether the taker bought)."""
    from matching.models import Trade

    moment = START
    rows = []
    for sequence, (seconds, price, lots, is_buy) in enumerate(trades, 1):
        moment += timedelta(seconds=seconds)
        quantity = Decimal(lots).scaleb(-5)
        rows.append(
            Trade(
                id=sequence,
                market_id=market,
                sequence=sequence,
                run_sequence=sequence,
                price=Decimal(price),
                quantity=quantity,
                amount=price * quantity,
                taker_side="buy" if is_buy else "sell",
                maker_order_id=1,
                taker_order_id=2,
                maker_account_id=1,
                taker_account_id=2,
                created_at=moment,
            )
        )
    Trade.objects.bulk_create(rows)


def _forget_candles() -> None:
    from marketdata.models import Candle, CandleProgress
    from matching.models import Trade

    for model in (Candle, CandleProgress, Trade):
        model.objects.all().delete()


def _naive_open(interval: str, moment: datetime) -> datetime:
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if interval == "1s":
        return moment.replace(microsecond=0)
    if interval == "1M":
        return day.replace(day=1)
    if interval == "1w":
        return day - timedelta(days=day.weekday())
    if interval == "3d":
        return day - timedelta(days=(day - datetime(1970, 1, 1, tzinfo=UTC)).days % 3)
    minutes = int(interval[:-1]) * {"m": 1, "h": 60, "d": 1_440}[interval[-1]]
    since = (moment - day).seconds // 60
    return day + timedelta(minutes=since - since % minutes)


def _naive_candles() -> dict[tuple[str, datetime], tuple[Any, ...]]:
    """Return every candle by going through all trades anew, one interval at a time."""
    from marketdata.candles.intervals import INTERVALS
    from matching.models import Trade

    trades = list(Trade.objects.order_by("sequence"))
    candles = {}
    for interval in INTERVALS:
        groups = defaultdict(list)
        for trade in trades:
            groups[_naive_open(interval, trade.created_at)].append(trade)
        for opened, group in groups.items():
            prices = [trade.price for trade in group]
            buys = [trade for trade in group if trade.taker_side == "buy"]
            candles[interval, opened] = (
                prices[0],
                max(prices),
                min(prices),
                prices[-1],
                sum(trade.quantity for trade in group),
                sum(trade.amount for trade in group),
                sum(trade.quantity for trade in buys),
                sum(trade.amount for trade in buys),
                len(group),
                group[0].sequence,
                group[-1].sequence,
            )
    return candles


def _stored_candles() -> dict[tuple[str, datetime], tuple[Any, ...]]:
    from marketdata.models import Candle

    return {
        (row.interval, row.open_time): (
            row.open,
            row.high,
            row.low,
            row.close,
            row.volume,
            row.quote_volume,
            row.taker_buy_volume,
            row.taker_buy_quote_volume,
            row.trades,
            row.first_trade_sequence,
            row.last_trade_sequence,
        )
        for row in Candle.objects.all()
    }


class Killed(BaseException):
    """Ends a step where a killed process would have ended."""


def _count_with_kills(kills: Sequence[str], sizes: Sequence[int], monkeypatch: Any) -> None:
    """Count everything in steps of ``sizes``; each kill ends a step before or within its commit."""
    from marketdata.candles import services

    terms, step = _terms(), 0
    for kill in (*kills, *[""] * 10_000):
        size = sizes[step % len(sizes)]
        step += 1
        with monkeypatch.context() as patch:
            if kill == "after_progress":
                # The sequence is set, the candles are not written: nothing may remain of it.
                patch.setattr(services, "_upsert", _killed)
            elif kill == "after_candles":
                # Everything is written and nothing is committed.
                patch.setattr(services, "candle_state", _killed)
            try:
                if not services.count_trades(terms, trades_max=size):
                    return
            except Killed:
                continue
    raise AssertionError("the trades were never all counted")


def _killed(*_arguments: Any) -> Any:
    raise Killed


trades_of_days = st.lists(
    st.tuples(
        st.one_of(st.integers(0, 90), st.sampled_from([3_600, 86_400, 86_400 * 5, 86_400 * 33])),
        st.integers(1, 500),
        st.integers(1, 10**7),
        st.booleans(),
    ),
    min_size=1,
    max_size=60,
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    trades=trades_of_days,
    kills=st.lists(st.sampled_from(["", "after_progress", "after_candles"]), max_size=6),
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=5),
)
def test_stored_candles_equal_those_rebuilt_from_trades_after_any_kills(
    bench: Bench,
    monkeypatch: pytest.MonkeyPatch,
    trades: list[tuple[int, int, int, bool]],
    kills: list[str],
    sizes: list[int],
) -> None:
    from marketdata.candles.selectors import get_candle_progress
    from matching.markets.selectors import list_market_terms

    market = list_market_terms()[0].market_id if list_market_terms() else bench.market()
    _forget_candles()
    _write_trades(market, trades)

    _count_with_kills(kills, sizes, monkeypatch)

    assert _stored_candles() == _naive_candles()
    assert get_candle_progress(market) == len(trades)


def test_who_counts_the_same_trades_second_changes_nothing(bench: Bench) -> None:
    """A rival that read the same progress loses; its twin without the comparison would double."""
    from marketdata.candles import services
    from marketdata.candles.counting import parts_of
    from matching.orders.by_sequence import list_trades_after

    market = bench.market()
    _write_trades(market, [(1, 100, 5, True), (1, 101, 5, False)])
    services.count_trades(_terms())
    before = _stored_candles()

    with pytest.raises(services.CountedElsewhere):
        services._advance(market, counted=0, last=2)
    assert _stored_candles() == before

    services._upsert(market, parts_of(list_trades_after(market, after=0, limit=10)))
    assert _stored_candles() != before


def test_a_gap_in_the_trades_is_a_broken_invariant(bench: Bench) -> None:
    from marketdata.candles.services import count_trades
    from matching.models import Trade
    from zavora.foundation.errors import InvariantBroken

    market = bench.market()
    _write_trades(market, [(1, 100, 5, True)] * 5)
    Trade.objects.filter(sequence=3).delete()

    with pytest.raises(InvariantBroken):
        count_trades(_terms())
    assert _stored_candles() == {}


def test_candles_are_listed_newest_first_within_bounds(bench: Bench) -> None:
    from marketdata.candles.selectors import list_candles
    from marketdata.candles.services import count_trades

    market = bench.market()
    _write_trades(market, [(60, price, 100_000, True) for price in (10, 20, 30, 40)])
    count_trades(_terms())

    minute = START.replace(second=0)
    found = list_candles(_terms(), "1m", limit=3)
    assert [candle.open for candle in found] == ["40.00", "30.00", "20.00"]
    assert (found[0].volume, found[0].quote_volume) == ("1.00000", "40.00000000")
    bounded = list_candles(
        _terms(), "1m", start=minute + timedelta(minutes=2), end=minute + timedelta(minutes=3)
    )
    assert [candle.open for candle in bounded] == ["30.00", "20.00"]


def test_ten_thousand_trades_are_counted_by_few_statements(bench: Bench) -> None:
    """What a step takes grows with what it counts, and not with a round trip for each candle."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from marketdata.candles.services import TRADES_PER_STEP_MAX, count_trades

    market = bench.market()
    draw = random.Random(7)
    _write_trades(
        market,
        [
            (
                draw.randrange(60),
                draw.randrange(90, 110),
                draw.randrange(1, 99),
                draw.random() < 0.5,
            )
            # A whole step, and one that goes on with its candles.
            for _ in range(TRADES_PER_STEP_MAX + 500)
        ],
    )
    terms, statements = _terms(), []
    while True:
        with CaptureQueriesContext(connection) as captured:
            counted = count_trades(terms)
        statements.append(len(captured))
        if not counted:
            break

    assert _stored_candles() == _naive_candles()
    assert len(statements) == 3  # the last one finds nothing
    assert max(statements) <= STATEMENTS_IN_STEP_MAX, statements
