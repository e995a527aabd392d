"""When alerts are told of: the watch by runs of trades against a naive reading, trade by trade."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from marketdata.alerts.crossing import Path, Watched, watch
from matching.orders.by_sequence import PublicTradeRow

PAUSE_US = 20

# Few prices, so that levels are met, left and met again; clocks that stand or go back a little.
prices = st.integers(1, 9)
steps = st.integers(-3, 15)
walks = st.lists(st.tuples(prices, steps), min_size=1, max_size=60)
alerts = st.lists(
    st.tuples(st.booleans(), prices, st.booleans(), st.integers(0, 60)), min_size=1, max_size=12
)
cuts = st.lists(st.integers(1, 20), min_size=1, max_size=6)


def trades_of(walk: list[tuple[int, int]]) -> list[PublicTradeRow]:
    """Return trades one after the other, from these prices and steps of the clock."""
    found, time_us = [], 1_000
    for sequence, (price, step) in enumerate(walk, 1):
        time_us += step
        figure = Decimal(price)
        found.append(PublicTradeRow(sequence, sequence, figure, figure, figure, "buy", time_us))
    return found


def naive(alert: Watched, trades: list[PublicTradeRow]) -> tuple[str, list[int]]:
    """Return an alert's state after all trades, and the sequences at which it was told of."""
    state, told, told_us = alert.state, [], 0
    for trade in trades:
        if trade.sequence <= alert.since:
            continue
        is_there = trade.price >= alert.level if alert.rises else trade.price <= alert.level
        if state == "armed" and is_there:
            told.append(trade.sequence)
            told_us = trade.time_us
            state = "away" if alert.repeats else "told"
        elif state == "away" and not is_there and trade.time_us >= told_us + PAUSE_US:
            state = "armed"
    return state, told


@given(walk=walks, wishes=alerts, sizes=cuts)
def test_however_trades_come_alerts_are_told_of_where_a_reader_of_all_of_them_would(
    walk: list[tuple[int, int]], wishes: list[Any], sizes: list[int]
) -> None:
    trades = trades_of(walk)
    for rises, level, repeats, since in wishes:
        first = Watched(rises, Decimal(level), repeats, "armed", since)
        alert, told = first, []
        start, turn = 0, 0
        while start < len(trades):
            run = trades[start : start + sizes[turn % len(sizes)]]
            path = Path(run)
            after, places = watch(alert, path, pause_us=PAUSE_US)
            told += [run[place].sequence for place in places]
            # To look at the same trades again is to look once.
            assert watch(after, path, pause_us=PAUSE_US) == (after, [])
            alert, start, turn = after, start + len(run), turn + 1
        assert (alert.state, told) == naive(first, trades)


@given(walk=walks, level=prices, start=st.integers(0, 70))
def test_the_next_trade_beyond_a_level_is_found(
    walk: list[tuple[int, int]], level: int, start: int
) -> None:
    trades = trades_of(walk)
    path = Path(trades)
    ahead = [(place, int(t.price)) for place, t in enumerate(trades) if place >= start]
    figure = Decimal(level)
    above = next((place for place, price in ahead if price >= level), None)
    below = next((place for place, price in ahead if price <= level), None)
    assert path.reached(start, figure, rises=True) == above
    assert path.reached(start, figure, rises=False) == below
    under = next((place for place, price in ahead if price < level), None)
    over = next((place for place, price in ahead if price > level), None)
    assert path.gone_back(start, figure, rises=True, from_us=0) == under
    assert path.gone_back(start, figure, rises=False, from_us=0) == over
