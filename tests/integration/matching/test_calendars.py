"""Calendars through the worker and into the tables: sessions, missed ones, halts, and the end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from accounts.models import Account
from matching import wire
from matching.commands.base import WireCommand
from matching.commands.cancel import CancelOrder
from matching.commands.configure import ConfigureMarket, configure_command
from matching.commands.phase import SetMarketPhase
from matching.conditions import Conditions
from matching.engine.changing import CLOSED_MAX
from matching.markets.selectors import get_market_terms
from matching.models import Command, Market, MarketState, Order, Shard, Trade
from matching.worker.offline import OfflineShard
from matching.worker.stream import CommandStream
from tests.actors import SYSTEM
from tests.integration.matching.conditions_setup import assert_replays, buys, sells
from tests.integration.matching.trial_setup import set_rules
from tests.integration.matching.worker_setup import (
    DrivenWorker,
    driven_worker,
    queue_client,
    running_worker,
    until,
)
from zavora.foundation.times import microseconds_of, moment_of

pytestmark = pytest.mark.django_db(transaction=True)

SCHEDULE = """Mon-Fri 08:50 pre_open
Mon-Fri 08:55 auction
Mon-Fri 09:00 continuous
Mon-Fri 17:30 closed
"""
# Whose orders outlast the night.
SESSIONS: dict[str, Any] = {"schedule": SCHEDULE, "cancels_on_close": False}


class SessionClock:
    """The worker's clock, set by hand to times of a Tuesday to come."""

    def __init__(self) -> None:
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self._day = today + timedelta(days=7 + (1 - today.weekday()) % 7)
        self.set("06:00")

    def __call__(self) -> int:
        return self.time_us

    def at(self, text: str, *, days: int = 0) -> int:
        hours, minutes = text.split(":")
        moment = self._day + timedelta(days=days, hours=int(hours))
        return microseconds_of(moment) + round(float(minutes) * 60_000_000)

    def set(self, text: str, *, days: int = 0) -> None:
        self.time_us = self.at(text, days=days)


@pytest.fixture
def clock() -> SessionClock:
    return SessionClock()


@pytest.fixture
def worker(
    market: Market, ann: Account, bob: Account, clock: SessionClock
) -> Iterator[DrivenWorker]:
    with driven_worker(clock_us=clock) as owner:
        set_rules(owner, **SESSIONS)
        owner.settle(SetMarketPhase(market.pk, "closed"))
        yield owner


def phase_of(market: Market) -> str:
    return Market.objects.get(pk=market.pk).phase


def by_calendar() -> list[tuple[str, str]]:
    """Return what was journaled in the calendar's name."""
    rows = Command.objects.filter(actor="system:calendar").order_by("sequence")
    return list(rows.values_list("outcome", "reason"))


def go_to(worker: DrivenWorker, clock: SessionClock, text: str, *, days: int = 0) -> None:
    clock.set(text, days=days)
    worker.fire_due()


def test_a_day_from_before_its_opening_to_its_close(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account, clock: SessionClock
) -> None:
    clock.set("08:49.9999")
    assert worker.shard.pipeline.wait_ms(250) == 6
    worker.fire_due()
    assert phase_of(market) == "closed"
    go_to(worker, clock, "08:50")
    assert phase_of(market) == "pre_open"
    (early,) = worker.settle(sells(ann, market, "9.90", "1"))
    assert early.reason == "market_halted"

    go_to(worker, clock, "08:55")
    assert MarketState.objects.get(market=market).auction_ends_at == moment_of(clock.at("09:00"))
    worker.settle(sells(ann, market, "9.90", "1"), buys(bob, market, "10.10", "2"))
    assert worker.shard.pipeline.wait_ms(250) == 250
    assert not Trade.objects.exists()
    go_to(worker, clock, "09:00")
    assert phase_of(market) == "continuous"
    assert Trade.objects.get().is_auction
    # The line did it, not the auction's own timer.
    assert not Command.objects.filter(kind="due").exists()

    go_to(worker, clock, "17:30")
    assert phase_of(market) == "closed"
    assert Order.objects.filter(status="partially_filled").count() == 1  # it outlasts the night
    assert by_calendar() == [("applied", "")] * 4
    assert_replays(worker)


@pytest.mark.parametrize(
    ("left", "found", "phase"),
    [
        (("09:30", 0), ("17:31", 0), "closed"),
        (("09:30", 0), ("08:56", 1), "auction"),
        (("09:30", 0), ("10:00", 1), "continuous"),
        (("18:00", 0), ("10:00", 6), "continuous"),
        (("18:00", 0), ("03:00", 5), "closed"),
    ],
)
def test_what_a_dead_worker_missed_comes_down_to_the_phase_of_now(
    market: Market, clock: SessionClock, left: Any, found: Any, phase: str
) -> None:
    with driven_worker(clock_us=clock) as worker:
        set_rules(worker, **SESSIONS)
        go_to(worker, clock, left[0], days=left[1])
    before = len(by_calendar())
    clock.set(found[0], days=found[1])
    with driven_worker(clock_us=clock) as worker:
        worker.fire_due()
        assert phase_of(market) == phase
        assert len(by_calendar()) - before <= 1
        assert_replays(worker)


def test_no_batch_goes_over_a_change_that_was_not_taken_yet(
    market: Market, ann: Account, clock: SessionClock
) -> None:
    with driven_worker(clock_us=clock) as worker:
        set_rules(worker, **SESSIONS)
        clock.set("17:29")
        worker.fire_due()
        # The worker was about to decide this as the clock went on, and died after it.
        clock.set("17:31")
        worker.settle(sells(ann, market, "10.00", "1"))
        assert phase_of(market) == "continuous"
    assert microseconds_of(Shard.objects.get().last_batch_at) == clock.at("17:30") - 1
    with driven_worker(clock_us=clock) as worker:
        worker.fire_due()
        assert phase_of(market) == "closed"
        (late,) = worker.settle(sells(ann, market, "10.00", "1"))
        assert late.reason == "market_halted"
        assert microseconds_of(Shard.objects.get().last_batch_at) == clock.at("17:31")
        assert_replays(worker)


def test_a_halt_outlasts_the_calendar_and_who_resumes_says_into_what(
    worker: DrivenWorker, market: Market, clock: SessionClock
) -> None:
    go_to(worker, clock, "10:00")
    worker.settle(SetMarketPhase(market.pk, "halted"))
    journaled = len(by_calendar())
    go_to(worker, clock, "17:30")
    go_to(worker, clock, "08:56", days=1)
    assert phase_of(market) == "halted"
    assert len(by_calendar()) == journaled

    worker.settle(SetMarketPhase(market.pk, "continuous"))
    go_to(worker, clock, "08:57", days=1)
    assert phase_of(market) == "continuous"
    go_to(worker, clock, "17:30", days=1)
    assert phase_of(market) == "closed"
    assert_replays(worker)


def test_a_schedule_that_goes_leaves_the_market_to_its_auctions_own_end(
    worker: DrivenWorker, market: Market, clock: SessionClock
) -> None:
    go_to(worker, clock, "08:55")
    set_rules(worker, schedule="")
    go_to(worker, clock, "09:00")

    assert phase_of(market) == "continuous"
    assert Command.objects.filter(kind="due", outcome="applied").count() == 1
    assert_replays(worker)


def test_an_auction_that_is_held_already_lasts_until_the_next_line(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account, clock: SessionClock
) -> None:
    go_to(worker, clock, "08:50")
    worker.settle(SetMarketPhase(market.pk, "auction", auction_s=360))
    worker.settle(sells(ann, market, "9.90", "1"), buys(bob, market, "10.10", "1"))
    go_to(worker, clock, "08:55")
    go_to(worker, clock, "08:56")  # when it would have ended

    assert phase_of(market) == "auction"
    assert MarketState.objects.get(market=market).auction_ends_at == moment_of(clock.at("09:00"))
    assert not Trade.objects.exists()
    assert_replays(worker)


def test_an_order_that_ends_with_the_auction_does_not_trade_in_it(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account, clock: SessionClock
) -> None:
    go_to(worker, clock, "08:55")
    until_nine = msgspec.structs.replace(
        sells(ann, market, "9.90", "1"),
        time_in_force="gtd",
        conditions=Conditions(expires_us=clock.at("09:00")),
    )
    worker.settle(until_nine, buys(bob, market, "10.10", "1"))
    go_to(worker, clock, "09:00")

    assert Order.objects.get(account=ann).status == "expired"
    assert not Trade.objects.exists()
    assert_replays(worker)


def test_commands_without_a_worker_find_the_market_as_its_calendar_says(
    market: Market, ann: Account, clock: SessionClock
) -> None:
    with OfflineShard(0) as shard:
        terms = get_market_terms("BTC/USD")
        rules = msgspec.structs.replace(terms.rules, **SESSIONS)
        changed = msgspec.structs.replace(terms, rules=rules)
        shard.apply_or_raise(configure_command(by=SYSTEM, terms=changed), time_us=clock.at("10:00"))
        (refused,) = shard.apply([sells(ann, market, "10.00", "1")], time_us=clock.at("18:00"))
    assert refused.reason == "market_halted"
    assert phase_of(market) == "closed"


@pytest.mark.parametrize(
    ("phase", "cause", "outcome"),
    [("continuous", "clock", None), ("halted", "system", None), ("halted", "operator", "halted")],
)
def test_nobody_who_can_write_to_the_stream_is_the_clock(
    phase: str, cause: Any, outcome: str | None
) -> None:
    command = SetMarketPhase(1, phase, cause=cause)
    queue, stream = queue_client(), CommandStream(0)
    try:
        queue.xadd(wire.stream_name(0), {wire.FIELD_BODY: wire.encode(command)})
        (found,) = stream.read("0-0", count_max=10)
        assert found.command == (None if outcome is None else command)
    finally:
        queue.delete(wire.stream_name(0))
        stream.close()
        queue.close()


# --- the end of a market --------------------------------------------------------------------------


def ends(worker: DrivenWorker, at_us: int | None) -> None:
    set_rules(worker, delists_at=None if at_us is None else moment_of(at_us))


def test_a_market_ends_for_good_at_its_time(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account, clock: SessionClock
) -> None:
    go_to(worker, clock, "10:00")
    worker.settle(sells(ann, market, "10.00", "1"), buys(bob, market, "10.00", "0.4"))
    worker.settle(*(sells(ann, market, "11.00", "0.001") for _ in range(CLOSED_MAX + 3)))
    ends(worker, clock.at("12:00"))
    clock.set("11:59.9999")
    assert worker.shard.pipeline.wait_ms(250) == 6
    worker.events.clear()
    go_to(worker, clock, "12:00")

    assert phase_of(market) == "delisted"
    assert wire.decode_event(worker.events[0][1]).phase == "delisted"
    assert Order.objects.filter(status="cancelled", reason="market_closed").count() == CLOSED_MAX
    worker.fire_due()
    assert not Order.objects.exclude(status__in=("cancelled", "filled")).exists()
    assert not Order.objects.filter(hold__gt=0).exists()
    assert Trade.objects.count() == 1
    assert_replays(worker)

    for command, reason in (
        (buys(bob, market, "10.00", "1"), "market_delisted"),
        (SetMarketPhase(market.pk, "continuous"), "market_delisted"),
        (SetMarketPhase(market.pk, "halted", cause="system"), "market_delisted"),
        (SetMarketPhase(market.pk, "delisted"), "phase_not_possible"),
        (CancelOrder(ann.pk, market.pk, Order.objects.latest("pk").pk), "order_not_open"),
        (_configure(delists_at=None), "market_delisted"),
        (_configure(taker_fee_ppm=5), "market_delisted"),
    ):
        assert _reason(worker, command) == reason, command
    go_to(worker, clock, "08:55", days=1)
    go_to(worker, clock, "09:00", days=1)
    assert phase_of(market) == "delisted"
    assert_replays(worker)


def _configure(**changes: Any) -> ConfigureMarket:
    terms = get_market_terms("BTC/USD")
    rules = msgspec.structs.replace(terms.rules, **changes)
    return configure_command(
        by=SYSTEM, terms=msgspec.structs.replace(terms, rules=rules), keeps_phase=True
    )


def _reason(worker: DrivenWorker, command: WireCommand) -> str:
    (reply,) = worker.settle(command)
    return reply.reason


def test_an_end_is_announced_put_off_and_called_off(
    worker: DrivenWorker, market: Market, clock: SessionClock
) -> None:
    go_to(worker, clock, "10:00")
    ends(worker, clock.at("12:00"))
    ends(worker, clock.at("13:00"))
    go_to(worker, clock, "12:30")
    assert phase_of(market) == "continuous"
    ends(worker, None)
    go_to(worker, clock, "13:30")
    assert phase_of(market) == "continuous"

    past = _configure(delists_at=moment_of(clock.at("13:30")))
    (refused,) = worker.settle(past)
    assert (refused.code, refused.message) == (
        "validation_error",
        "delists_at: expected a time to come, or nothing",
    )
    assert _reason(worker, SetMarketPhase(market.pk, "delisted", cause="clock")) == (
        "phase_not_possible"
    )
    assert_replays(worker)


def test_an_end_that_was_missed_comes_as_soon_as_somebody_looks(
    market: Market, ann: Account, clock: SessionClock
) -> None:
    with driven_worker(clock_us=clock) as worker:
        set_rules(worker, **SESSIONS)
        worker.settle(sells(ann, market, "10.00", "1"), SetMarketPhase(market.pk, "halted"))
        ends(worker, clock.at("09:00"))
    clock.set("12:00", days=3)
    with driven_worker(clock_us=clock) as worker:
        worker.fire_due()
        assert phase_of(market) == "delisted"
        assert Order.objects.get().reason == "market_closed"
        assert_replays(worker)


def test_a_worker_that_waits_for_commands_follows_the_clock_by_itself(market: Market) -> None:
    with driven_worker() as worker:
        ends(worker, microseconds_of(datetime.now(UTC)) + 700_000)
    with running_worker():
        until(lambda: phase_of(market) == "delisted", what="the end of the market")
