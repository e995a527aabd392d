"""Auctions, collars, the close and protections through the worker and into the tables."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from accounts.models import Account
from matching import wire
from matching.commands.configure import configure_command
from matching.commands.phase import SetMarketPhase
from matching.commands.protect import ResetProtection, SetProtection
from matching.engine.changing import CLOSED_MAX
from matching.markets.selectors import get_market_terms
from matching.models import Command, Market, MarketState, Order, Protection, Trade
from matching.orders.by_sequence import get_book_snapshot, list_trades_after
from matching.orders.protections import find_protection
from matching.rows.protections import state_of_row
from matching.rows.trades import trade_state
from tests.actors import SYSTEM
from tests.integration.matching.conditions_setup import (
    asking,
    assert_replays,
    buys,
    sells,
)
from tests.integration.matching.trial_setup import set_rules
from tests.integration.matching.worker_setup import (
    Clock,
    DrivenWorker,
    driven_worker,
    journal,
    running_worker,
    until,
)

pytestmark = pytest.mark.django_db(transaction=True)

SECOND_US = 1_000_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def worker(market: Market, ann: Account, bob: Account, clock: Clock) -> Iterator[DrivenWorker]:
    with driven_worker(clock_us=clock) as owner:
        yield owner


def told(worker: DrivenWorker) -> list[wire.MarketEvent]:
    events, worker.events = worker.events, []
    return [wire.decode_event(payload) for _, payload in events]


def phase_of(market: Market) -> str:
    return Market.objects.get(pk=market.pk).phase


def test_an_auction_gathers_tells_how_it_would_end_and_ends_by_itself(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account, clock: Clock
) -> None:
    set_rules(worker, auction_fee_ppm=2_000)
    worker.settle(SetMarketPhase(market.pk, "auction", auction_s=5))
    ends_us = clock.time_us + 5 * SECOND_US
    assert told(worker)[-1].auction == wire.AuctionState(None, "0.000", "0.000", ends_us)
    hidden = asking(sells(ann, market, "9.90", "3"), display_quantity="0.500")
    worker.settle(buys(bob, market, "10.10", "2"), hidden)

    would_end = wire.AuctionState("9.90", "2.000", "-1.000", ends_us)
    assert told(worker)[-1].auction == would_end
    snapshot = get_book_snapshot(get_market_terms("BTC/USD"), trades_max=1)
    assert snapshot is not None
    assert snapshot.auction == would_end
    assert set(snapshot.levels) == {("buy", "10.10", "2.000"), ("sell", "9.90", "0.500")}
    assert not Trade.objects.exists()

    clock.pass_ms(4_999)
    worker.fire_due()
    assert phase_of(market) == "auction"
    assert worker.shard.pipeline.wait_ms(250) == 1
    clock.pass_ms(1)
    worker.fire_due()

    assert phase_of(market) == "continuous"
    (event,) = told(worker)
    assert (event.phase, event.auction) == ("continuous", None)
    assert {trade.is_auction for trade in event.trades} == {True}
    assert {trade.price for trade in event.trades} == {"9.90"}
    rows = list(Trade.objects.order_by("sequence"))
    assert [trade_state(row, get_market_terms("BTC/USD")) for row in rows] == event.trades
    assert all(row.is_auction for row in list_trades_after(market.pk, after=0, limit=9))
    # Both pay the market's rate, in what they receive; the younger order is called the taker.
    assert sum(row.taker_fee for row in rows) == Decimal("0.0396")
    assert sum(row.maker_fee for row in rows) == Decimal("0.004")
    state = MarketState.objects.get(market=market)
    assert (state.static_price, state.auction_ends_at) == (Decimal("9.90"), None)
    assert journal()[-1] == ("due", "applied", "")
    assert_replays(worker)


def test_a_collar_leads_into_an_auction_that_the_row_knows_and_a_worker_ends_it(
    market: Market, ann: Account, bob: Account
) -> None:
    with driven_worker() as worker:
        set_rules(worker, dynamic_collar_ppm=50_000, interruption_s=1)
        worker.settle(buys(bob, market, "10.00", "0.1"), sells(ann, market, "10.00", "0.1"))
        worker.settle(sells(ann, market, "10.60", "1"))
        (stopped,) = worker.settle(buys(bob, market, "11.00", "1"))
        assert stopped.orders[0].status == "new"
        assert phase_of(market) == "auction"
        assert worker.memory.context.terms[market.pk].rules.phase == "auction"
        assert told(worker)[-1].phase == "auction"
        assert_replays(worker)
        (refused,) = worker.settle(buys(bob, market, None, "1"))
        assert (refused.code, refused.reason) == ("market_halted", "market_auction")
    with running_worker():
        until(lambda: phase_of(market) == "continuous", what="the end of the auction")
    assert Trade.objects.filter(is_auction=True, price=Decimal("10.60")).count() == 1


def test_rules_that_change_leave_an_auction_as_it_is(worker: DrivenWorker, market: Market) -> None:
    before = get_market_terms("BTC/USD")  # read while trading went on
    worker.settle(SetMarketPhase(market.pk, "auction"))
    worker.settle(configure_command(by=SYSTEM, terms=before, keeps_phase=True))

    assert phase_of(market) == "auction"
    assert worker.memory.context.terms[market.pk].rules.phase == "auction"
    assert_replays(worker)


def test_a_market_that_closes_ends_its_orders_by_several_commands(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    set_rules(worker, cancels_on_close=True)
    worker.settle(*(sells(ann, market, "11.00", "0.001") for _ in range(CLOSED_MAX + 3)))
    worker.settle(SetMarketPhase(market.pk, "closed"))
    assert Order.objects.filter(status="new").count() == 3
    assert worker.shard.pipeline.wait_ms(250) == 0
    worker.fire_due()

    ended = Order.objects.filter(status="cancelled", reason="market_closed", hold=0)
    assert ended.count() == CLOSED_MAX + 3
    worker.fire_due()
    assert Command.objects.filter(kind="due").count() == 1
    assert_replays(worker)


def test_only_who_may_changes_a_phase(worker: DrivenWorker, market: Market) -> None:
    worker.settle(SetMarketPhase(market.pk, "halted"))
    by_clock, with_time, by_operator = worker.settle(
        SetMarketPhase(market.pk, "continuous", cause="clock"),
        SetMarketPhase(market.pk, "continuous", auction_s=3),
        SetMarketPhase(market.pk, "continuous"),
    )

    assert by_clock.reason == "phase_not_possible"
    assert with_time.reason == "validation_error"
    assert by_operator.code == ""
    assert phase_of(market) == "continuous"


def test_a_protection_ends_quotes_and_a_reset_lets_them_go_on(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    (guarded,) = worker.settle(SetProtection(ann.pk, market.pk, 2, "5", 60_000))
    assert guarded.protection == wire.ProtectionState(2, "5.000", 60_000, False)
    worker.settle(sells(ann, market, "10.00", "1"), sells(ann, market, "10.10", "1"))
    worker.settle(buys(bob, market, "10.00", "0.5"))
    counted = Protection.objects.get()
    assert (counted.fills, counted.quantity, counted.is_tripped) == (1, Decimal("0.5"), False)
    (met,) = worker.settle(buys(bob, market, "10.00", "0.5"))

    assert met.protection is None  # it is none of bob's
    found = find_protection(ann.pk, market.pk)
    assert found is not None
    assert state_of_row(found, get_market_terms("BTC/USD")).is_tripped
    assert Order.objects.filter(account=ann, reason="protection").count() == 1
    (refused,) = worker.settle(sells(ann, market, "10.00", "1"))
    assert refused.reason == "protection"
    assert_replays(worker)

    reset, taken = worker.settle(
        ResetProtection(ann.pk, market.pk), sells(ann, market, "10.00", "1")
    )
    assert reset.protection == wire.ProtectionState(2, "5.000", 60_000, False)
    assert taken.code == ""
    (gone,) = worker.settle(SetProtection(ann.pk, market.pk, None, None, 1_000))
    assert gone.protection is None
    assert find_protection(ann.pk, market.pk) is None
    assert_replays(worker)
