"""The watch of alerts on real tables: told once, whatever is killed, raced or was down."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trials
from hypothesis import strategies as st

from tests.actors import customer
from tests.integration.accounts.test_member_races import results_of, start_in_turn
from tests.integration.marketdata.alerts import row_of, set_one, terms_of, wish, write_trades
from tests.integration.marketdata.conftest import Bench
from zavora.foundation.errors import ValidationFailed

pytestmark = pytest.mark.django_db(transaction=True)

STEP_STATEMENTS_MAX = 8


class Killed(Exception):
    """The process is gone."""


@contextmanager
def killed_before_statement(number: int) -> Iterator[None]:
    """End what runs before its statement of this number; 0: never."""
    from django.db import connection

    seen = 0

    def count(execute: Callable[..., Any], *arguments: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == number:
            raise Killed
        return execute(*arguments)

    with connection.execute_wrapper(count):
        yield


def forget() -> None:
    from marketdata.models import AlertProgress, PriceAlert
    from matching.models import Trade

    for model in (PriceAlert, AlertProgress, Trade):
        model.objects.all().delete()


def naive(rises: bool, level: int, repeats: bool, prices: list[int], pause: int) -> tuple[str, int]:
    """Return an alert's state and how often it is told of, by trades a second apart."""
    state, count, told_at = "armed", 0, 0
    for at, price in enumerate(prices, 1):
        is_there = price >= level if rises else price <= level
        if state == "armed" and is_there:
            state, count, told_at = ("away" if repeats else "told"), count + 1, at
        elif state == "away" and not is_there and at >= told_at + pause:
            state = "armed"
    return state, count


@trials(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    prices=st.lists(st.integers(1, 9), min_size=1, max_size=40),
    kills=st.lists(st.integers(0, STEP_STATEMENTS_MAX), max_size=8),
    sizes=st.lists(st.integers(1, 15), min_size=1, max_size=4),
)
def test_each_alert_is_told_of_as_often_as_its_trades_say_wherever_the_watch_is_killed(
    bench: Bench, settings: Any, prices: list[int], kills: list[int], sizes: list[int]
) -> None:
    from marketdata.alerts.selectors import list_watched
    from marketdata.alerts.watching import watch_trades
    from matching.markets.selectors import list_market_terms

    settings.ZAVORA_ALERT_PAUSE_S = pause = 3
    known = list_market_terms()
    market = known[0].market_id if known else bench.market()
    forget()
    owner = bench.accounts[0].owner
    wanted = [
        (rises, level, repeats)
        for rises in (True, False)
        for level in (3, 7)
        for repeats in (True, False)
    ]
    alerts = [
        set_one(owner, "rises_to" if rises else "falls_to", level, repeats=repeats)
        for rises, level, repeats in wanted
    ]
    write_trades(market, prices)

    told: list[tuple[int, int]] = []
    turn = 0
    while list_watched().get(market, len(prices)) < len(prices):
        number = kills[turn] if turn < len(kills) else 0
        turn += 1
        try:
            with killed_before_statement(number):
                seen = watch_trades(terms_of(market), trades_max=sizes[turn % len(sizes)])
        except Killed:
            continue
        told += [(one.alert_id, one.told_count) for one in seen.told]

    for alert, (rises, level, repeats) in zip(alerts, wanted, strict=True):
        row = row_of(alert)
        assert (row.state, row.told_count) == naive(rises, level, repeats, prices, pause)
        counts = [count for told_id, count in told if told_id == alert.alert_id]
        assert counts == sorted(set(counts))
        assert (counts[-1:] or [0])[0] == row.told_count


def test_marks_move_with_what_they_stand_for(bench: Bench) -> None:
    """The control of the kills: a mark that moved alone would lose an alert, one behind none."""
    from marketdata.alerts.watching import watch_trades
    from marketdata.models import AlertProgress

    market = bench.market()
    write_trades(market, [100])
    owner = bench.accounts[0].owner
    alert, repeats = (set_one(owner, "rises_to", 110, repeats=one) for one in (False, True))
    mark = AlertProgress.objects.filter(pk=market)
    write_trades(market, [120], after=1)
    mark.update(last_trade_sequence=2)
    assert watch_trades(terms_of(market)).told == []
    assert row_of(alert).state == "armed"

    mark.update(last_trade_sequence=1)
    assert len(watch_trades(terms_of(market)).told) == 2
    # What alerts became is there, and the mark is not: they know themselves what they have seen.
    mark.update(last_trade_sequence=1)
    assert watch_trades(terms_of(market)).told == []
    assert (row_of(alert).told_count, row_of(repeats).told_count) == (1, 1)


def test_a_price_that_is_touched_and_left_within_one_run_counts(bench: Bench) -> None:
    from marketdata.alerts.watching import watch_trades

    market = bench.market()
    write_trades(market, [100])
    alert = set_one(bench.accounts[0].owner, "rises_to", 110, note="high")
    write_trades(market, [101, 111, 99], after=1)
    seen = watch_trades(terms_of(market))

    (told,) = seen.told
    assert (told.alert_id, told.told_price, told.state, told.note, seen.sequence) == (
        alert.alert_id, "111.00", "told", "high", 4,
    )  # fmt: skip
    assert row_of(alert).told_sequence == 3
    assert watch_trades(terms_of(market)).told == []


def test_trades_from_before_it_was_set_are_none_of_an_alerts(bench: Bench) -> None:
    from marketdata.alerts.watching import watch_trades

    market = bench.market()
    owner = bench.accounts[0].owner
    first = set_one(owner, "rises_to", 500)
    # Not looked at yet, as while the service is down.
    write_trades(market, [100, 130, 100])
    second = set_one(owner, "rises_to", 120)
    watch_trades(terms_of(market))
    assert (row_of(first).state, row_of(second).state) == ("armed", "armed")

    write_trades(market, [119, 120], after=3)
    assert [one.alert_id for one in watch_trades(terms_of(market)).told] == [second.alert_id]


def test_an_alert_that_is_set_while_a_step_commits_misses_no_trade(bench: Bench) -> None:
    from django.db import transaction

    from marketdata.alerts.services import set_alert
    from marketdata.alerts.watching import watch_trades
    from marketdata.models import AlertProgress, PriceAlert

    market = bench.market()
    owner, other = bench.accounts[0].owner, bench.accounts[1].owner
    write_trades(market, [100, 101, 102])
    set_one(other, "rises_to", 500)

    def set_it() -> Any:
        return set_alert(by=customer(owner), market="BTC/USD", terms=wish("rises_to", 105))

    with transaction.atomic():
        progress = AlertProgress.objects.select_for_update().get(pk=market)
        threads = start_in_turn(set_it)
        # What the step has looked at already when the alert is there.
        write_trades(market, [110], after=3)
        progress.last_trade_sequence = 4
        progress.save()
    assert results_of(threads) == [ValidationFailed]
    assert not PriceAlert.objects.filter(user=owner).exists()

    # The control: without the lock it would begin after the third trade, and wait for ever.
    missed = PriceAlert.objects.create(
        user=owner, market_id=market, condition="rises_to", price=Decimal(105), since_sequence=3
    )
    watch_trades(terms_of(market))
    missed.refresh_from_db()
    assert missed.state == "armed"


def test_of_two_watches_at_once_one_tells(bench: Bench) -> None:
    from django.db import transaction

    from marketdata.alerts.watching import watch_trades
    from marketdata.models import AlertProgress

    market = bench.market()
    write_trades(market, [100])
    alert = set_one(bench.accounts[0].owner, "falls_to", 90)
    write_trades(market, [80], after=1)
    terms = terms_of(market)

    with transaction.atomic():
        AlertProgress.objects.select_for_update().get(pk=market)
        # The control: both have read the same progress, and wait with that.
        threads = start_in_turn(lambda: watch_trades(terms), lambda: watch_trades(terms))
    assert sorted(one.__name__ for one in results_of(threads)) == ["Seen", "WatchedElsewhere"]
    assert row_of(alert).told_count == 1


def test_ten_thousand_alerts_cost_a_trade_that_reaches_none_a_few_statements(bench: Bench) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from marketdata.alerts.watching import ALERTS_PER_STEP_MAX, watch_trades
    from marketdata.models import PriceAlert

    market = bench.market()
    owner = bench.accounts[0].owner
    write_trades(market, [100])
    set_one(owner, "rises_to", 200)
    PriceAlert.objects.bulk_create(
        PriceAlert(
            user=owner, market_id=market, condition="rises_to", price=Decimal(101 + n % 500),
            since_sequence=1,
        )
        for n in range(10_000)
    )  # fmt: skip
    write_trades(market, [100], after=1)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert watch_trades(terms_of(market)).told == []
    assert len(queries) <= STEP_STATEMENTS_MAX
    assert PriceAlert.objects.filter(since_sequence=1).count() == 10_001

    # All at once: step after step, each of a bounded size, and each alert once.
    write_trades(market, [1_000], after=2)
    told: list[int] = []
    while (seen := watch_trades(terms_of(market))).sequence < 3:
        assert len(seen.told) <= ALERTS_PER_STEP_MAX
        told += [one.alert_id for one in seen.told]
    told += [one.alert_id for one in seen.told]
    assert len(told) == len(set(told)) == 10_001
