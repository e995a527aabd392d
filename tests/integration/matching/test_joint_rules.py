"""Where replacements, batches, maxima, lists, transfers and a market's end meet."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Account
from matching import wire
from matching.commands.amend import AmendOrder
from matching.commands.phase import SetMarketPhase
from matching.commands.place_batch import PlaceOrders
from matching.commands.protect import SetProtection
from matching.commands.replace import ReplaceOrder
from matching.commands.switch import SetTimer
from matching.engine.changing import CLOSED_MAX
from matching.markets.selectors import get_market_terms
from matching.models import Market, Order, OrderAmendment
from matching.preview.services import Seen, preview_order
from tests.integration.matching.conditions_setup import (
    FOREVER_MS,
    asking,
    assert_replays,
    buys,
    sells,
    the_order,
)
from tests.integration.matching.test_flights import Flights, flights  # noqa: F401
from tests.integration.matching.test_lists import leg, placing
from tests.integration.matching.test_maxima import TOO_LARGE, TOO_MANY, WINDOW_US, reasons
from tests.integration.matching.test_replacing import halves_of, replaces
from tests.integration.matching.trial_setup import set_rules, sibling_of
from tests.integration.matching.worker_setup import (
    Clock,
    DrivenWorker,
    driven_worker,
    entries_of,
    place,
)
from zavora.foundation.times import moment_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.time_us += WINDOW_US - clock.time_us % WINDOW_US  # a window begins
    return clock


@pytest.fixture
def worker(market: Market, ann: Account, bob: Account, clock: Clock) -> Iterator[DrivenWorker]:
    with driven_worker(clock_us=clock, flight_min=1) as owner:
        yield owner


def reasons_of_parts(worker: DrivenWorker, orders: list[Any]) -> list[str]:
    (reply,) = worker.settle(PlaceOrders(orders))
    assert reply.code == "", reply.message
    return [wire.decode_reply(part).reason for part in reply.parts]


def open_ids() -> set[int]:
    return set(
        Order.objects.filter(status__in=("new", "partially_filled")).values_list("pk", flat=True)
    )


# --- position -------------------------------------------------------------------------------------


@pytest.mark.parametrize("goes_on", [False, True])
def test_what_a_replacement_leaves_does_not_count_and_what_stays_does(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account, goes_on: bool
) -> None:
    set_rules(worker, max_position=Decimal("12.5"))
    old = the_order(worker.settle(buys(ann, market, "9.00", "2"))[0])
    before = worker.state_hash()

    (large,) = worker.settle(replaces(old, buys(ann, market, "9.10", "2.501"), goes_on=goes_on))
    assert (large.code, large.reason, large.halves) == ("invalid_order", TOO_LARGE, None)
    assert worker.state_hash() == before

    (fits,) = worker.settle(replaces(old, buys(ann, market, "9.10", "2.5"), goes_on=goes_on))
    assert halves_of(fits) == ("", "", True)
    assert open_ids() == {fits.orders[1].id}
    assert_replays(worker)


def test_an_order_that_its_condition_keeps_counts_beside_the_one_that_was_to_replace_it(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    set_rules(worker, max_position=Decimal("12.5"))
    old = the_order(worker.settle(buys(ann, market, "9.00", "2"))[0])
    keeps: dict[str, Any] = {"cancels_only": "partially_filled"}
    stopped, large = worker.settle(
        replaces(old, buys(ann, market, "9.10", "0.501"), **keeps),
        replaces(old, buys(ann, market, "9.10", "0.501"), goes_on=True, **keeps),
    )
    assert (large.reason, large.halves) == (TOO_LARGE, None)
    assert halves_of(stopped) == ("cancel_restricted", "", False)
    (fits,) = worker.settle(replaces(old, buys(ann, market, "9.10", "0.5"), goes_on=True, **keeps))
    assert halves_of(fits) == ("cancel_restricted", "", True)
    assert open_ids() == {old.id, fits.orders[0].id}
    assert_replays(worker)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("kind", ["oco", "oto"])
def test_a_list_that_ends_with_the_order_that_leaves_does_not_count(
    worker: DrivenWorker, market: Market, ann: Account, kind: str, which: int
) -> None:
    set_rules(worker, max_position=Decimal("12.5"))
    quantity, second = ("2", {"trigger": "stop", "trigger_price": "11.00"})
    legs = leg("buy", "9.00", quantity), leg("buy", "12.00", quantity, **second)
    if kind == "oto":
        legs = leg("buy", "9.00", "1"), leg("buy", "8.00", "1")
    (placed,) = worker.settle(placing(ann, market, kind, *legs))
    (large,) = worker.settle(replaces(placed.orders[which], buys(ann, market, "9.10", "2.501")))
    assert (large.reason, len(open_ids())) == (TOO_LARGE, 2)
    (reply,) = worker.settle(replaces(placed.orders[which], buys(ann, market, "9.10", "2.5")))
    assert halves_of(reply) == ("", "", True)
    assert open_ids() == {reply.orders[-1].id}
    assert_replays(worker)


def test_each_order_of_a_batch_is_judged_after_the_one_before(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    set_rules(worker, max_position=Decimal("12.5"))
    batch = [
        buys(ann, market, "9.00", "2"),
        buys(ann, market, "9.00", "0.6"),
        buys(bob, market, "9.50", "2.5"),
        sells(ann, market, "9.50", "0.1"),
        buys(ann, market, "8.00", "0.5"),
        buys(ann, market, "8.00", "0.1"),
    ]
    assert reasons_of_parts(worker, batch) == ["", TOO_LARGE, "", "", "", ""]
    # Its totals are read after the commit of the one before.
    assert not worker.shard.pipeline.can_fly(entries_of(worker, [PlaceOrders(batch)]))
    sales = PlaceOrders([sells(ann, market, "12.00", "0.1")])
    assert not worker.shard.pipeline.can_fly(entries_of(worker, [sales]))
    assert_replays(worker)


def test_what_comes_by_a_transfer_is_part_of_the_position(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    sibling = sibling_of(ann)
    set_rules(worker, max_position=Decimal("12.5"))

    def transfers(command: Any) -> Any:
        return asking(command, self_trade="transfer")

    assert reasons_of_parts(
        worker,
        [
            transfers(sells(sibling, market, "9.00", "2")),
            transfers(buys(ann, market, "9.00", "2")),
            buys(ann, market, "8.00", "0.501"),
            buys(ann, market, "8.00", "0.5"),
            # What went away makes room.
            buys(sibling, market, "7.00", "4.5"),
            buys(sibling, market, "7.00", "0.001"),
        ],
    ) == ["", "", TOO_LARGE, "", "", TOO_LARGE]
    assert_replays(worker)


def test_an_amount_that_trails_counts_at_the_best_ask_whatever_is_asked_after_it(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    worker.settle(buys(bob, market, "10.00", "0.001"), sells(bob, market, "10.00", "0.001"))
    worker.settle(buys(bob, market, "10.00", "0.001"), sells(ann, market, "10.00", "0.001"))
    worker.settle(sells(bob, market, "20.00", "1"))
    set_rules(worker, max_position=Decimal("12.5"))
    own = {"quantity": None, "quote_quantity": "20.00"}  # one of it at 20, two at 10
    trails = asking(buys(ann, market, None), own=own, trigger="stop", trail_price="5.00")
    order, _ = worker.settle(buys(ann, market, "9.00", "1"), trails)
    assert reasons(worker, buys(ann, market, "9.00", "0.4")) == [""]
    number = the_order(order).id
    amends = [
        AmendOrder(ann.pk, market.pk, number, None, quantity, None, FOREVER_MS)
        for quantity in ("1.102", "1.1")
    ]
    assert reasons(worker, *amends) == [TOO_LARGE, ""]
    assert_replays(worker)


# --- messages -------------------------------------------------------------------------------------


def test_each_order_of_a_batch_is_a_message_and_those_beyond_are_refused_one_by_one(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    set_rules(worker, max_messages=3)
    batch = [buys(ann, market, "9.00", "0.1")] * 2 + [buys(bob, market, "9.00", "0.1")] * 4
    (reply,) = worker.settle(PlaceOrders(batch + [buys(ann, market, "9.00", "0.1")] * 2))
    parts = [wire.decode_reply(part) for part in reply.parts]
    assert [part.reason for part in parts] == ["", "", "", "", "", TOO_MANY, "", TOO_MANY]
    assert [(part.code, part.limit) for part in parts if part.code] == [
        ("rate_limit_exceeded", 3)
    ] * 2
    assert Order.objects.count() == 6
    assert_replays(worker)


def test_a_replacement_is_one_message_and_one_too_many_cancels_nothing(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    set_rules(worker, max_messages=3)
    old = the_order(worker.settle(buys(ann, market, "9.00"))[0])
    (first,) = worker.settle(replaces(old, buys(ann, market, "9.10")))
    new = first.orders[1]
    (second,) = worker.settle(replaces(old, buys(ann, market, "9.20")))  # it is gone
    assert halves_of(second)[0] == "order_not_open"
    (third,) = worker.settle(replaces(new, buys(ann, market, "9.30"), goes_on=True))
    assert (third.code, third.reason, third.limit) == ("rate_limit_exceeded", TOO_MANY, 3)
    assert open_ids() == {new.id}
    assert_replays(worker)


def test_a_successor_counts_batches_and_replacements_as_they_were_counted(
    market: Market, ann: Account, bob: Account, clock: Clock
) -> None:
    keyed = place(ann, market, "buy", "9.00", "0.1", key="k", deadline_ms=FOREVER_MS)
    with driven_worker(clock_us=clock) as worker:
        set_rules(worker, max_messages=6)
        orders = [buys(ann, market, "9.00", "0.1"), keyed, keyed, buys(ann, market, "9", "99999")]
        assert reasons_of_parts(worker, orders) == ["", "", "", "insufficient_balance"]
        old = Order.objects.filter(account=ann).first()
        assert old is not None
        command = ReplaceOrder(buys(ann, market, "9.10", "0.1"), old.pk, None, False)
        assert reasons(worker, command, command) == ["", ""]  # the second finds nothing
        counted = worker.memory.context.messages.count((ann.pk, market.pk))
        assert counted == 5
    with driven_worker(clock_us=clock) as successor:
        assert successor.memory.context.messages.count((ann.pk, market.pk)) == counted
        assert reasons_of_parts(successor, [buys(ann, market, "8.00", "0.1")] * 2) == ["", TOO_MANY]
        assert_replays(successor)


def test_batches_and_replacements_in_flight_are_counted_one_after_the_other(
    worker: DrivenWorker,
    market: Market,
    ann: Account,
    flights: Flights,  # noqa: F811
) -> None:
    set_rules(worker, max_messages=5)
    old = the_order(worker.settle(buys(ann, market, "9.00", "0.1"))[0])
    orders = [PlaceOrders([buys(ann, market, "9.00", "0.1")] * 2)]
    replacing = [replaces(old, buys(ann, market, "9.10", "0.1"))]
    replies = flights(list(orders), list(replacing), list(orders))
    assert flights.decided_ahead == [True, True]
    parts = [wire.decode_reply(part) for reply in replies for part in reply.parts]
    assert [part.reason for part in parts] == ["", "", "", TOO_MANY]
    assert halves_of(replies[1]) == ("", "", True)
    assert_replays(worker)


# --- phases ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["closed", "halted", "cancel_only", "pre_open"])
@pytest.mark.parametrize("goes_on", [False, True])
def test_where_nothing_enters_a_replacement_leaves_the_old_order(
    worker: DrivenWorker, market: Market, ann: Account, phase: str, goes_on: bool
) -> None:
    set_rules(worker, cancels_on_close=False)
    old = the_order(worker.settle(buys(ann, market, "9.00"))[0])
    worker.settle(SetMarketPhase(market.pk, phase))
    (reply,) = worker.settle(replaces(old, buys(ann, market, "9.10"), goes_on=goes_on))
    assert (reply.reason, reply.halves) == ("market_halted", None)
    assert open_ids() == {old.id}
    assert_replays(worker)


def test_at_the_end_of_a_market_nothing_enters_while_its_orders_end(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account, clock: Clock
) -> None:
    worker.settle(buys(bob, market, "5.00", "0.1"), sells(ann, market, "5.00", "0.1"))
    stop = leg("sell", None, "0.1", trigger="stop", trail_price="1.00")
    worker.settle(
        placing(bob, market, "oco", leg("sell", "20.00", "0.1"), stop),
        placing(bob, market, "oto", leg("buy", "3.00", "0.1"), leg("sell", "30.00", "0.1")),
        SetProtection(bob.pk, market.pk, 2, None, 60_000),
        SetTimer(bob.pk, 0, 1_000),
        *[sells(ann, market, "11.00", "0.001")] * CLOSED_MAX,
        sells(ann, market, "12.00", "0.1"),
    )
    last = Order.objects.latest("pk")
    set_rules(worker, delists_at=moment_of(clock.time_us + 500_000))
    clock.pass_ms(500)
    worker.fire_due()
    assert last.pk in open_ids()

    for goes_on in (False, True):
        command = ReplaceOrder(sells(ann, market, "12.00", "0.1"), last.pk, None, goes_on)
        (reply,) = worker.settle(command)
        assert (reply.reason, reply.halves) == ("market_delisted", None)
    assert last.pk in open_ids()
    batch = [buys(bob, market, "4.00", "0.1"), sells(ann, market, "12.00", "0.1")]
    assert reasons_of_parts(worker, batch) == ["market_delisted"] * 2
    assert_replays(worker)
    clock.pass_ms(600)  # the switch is due
    worker.fire_due()
    worker.fire_due()
    assert open_ids() == set()
    assert not Order.objects.filter(hold__gt=0).exists()
    assert_replays(worker)


# --- amendments -----------------------------------------------------------------------------------


def test_only_amendments_are_amendments(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    sibling = sibling_of(ann)
    for mode in ("decrement", "transfer"):
        worker.settle(
            asking(sells(sibling, market, "10.00", "0.5"), self_trade=mode),
            asking(buys(ann, market, "10.00", "0.2"), self_trade=mode),
        )
    old = the_order(worker.settle(buys(ann, market, "9.00"))[0])
    (reply,) = worker.settle(replaces(old, buys(ann, market, "9.00", "0.5")))
    assert not OrderAmendment.objects.exists()
    new = reply.orders[1]
    amend = AmendOrder(ann.pk, market.pk, new.id, None, "0.4", None, FOREVER_MS)
    assert reasons(worker, amend) == [""]
    assert OrderAmendment.objects.get().order_id == new.id
    assert_replays(worker)


def test_an_order_that_lost_some_to_a_transfer_is_amended_from_what_it_asked_for(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    sibling = sibling_of(ann)
    set_rules(worker)
    old, _ = worker.settle(
        asking(sells(sibling, market, "10.00", "0.5"), self_trade="transfer"),
        asking(buys(ann, market, "10.00", "0.2"), self_trade="transfer"),
    )
    order = the_order(old)
    amend = AmendOrder(sibling.pk, market.pk, order.id, None, "0.4", None, FOREVER_MS)
    (reply,) = worker.settle(amend)
    state = the_order(reply)
    assert (state.quantity, state.remaining_quantity, state.prevented_quantity) == (
        "0.400",
        "0.200",
        "0.200",
    )
    row = OrderAmendment.objects.get()
    assert (row.quantity_before, row.quantity) == (Decimal("0.5"), Decimal("0.4"))
    assert_replays(worker)


# --- previews -------------------------------------------------------------------------------------


def test_a_preview_knows_transfers_phases_and_the_end(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    sibling = sibling_of(ann)
    set_rules(worker, max_position=Decimal("12.5"), cancels_on_close=False)
    worker.settle(asking(sells(sibling, market, "10.00", "0.5"), self_trade="transfer"))

    def told(command: Any) -> Any:
        return preview_order(command, Seen(get_market_terms("BTC/USD"), [("10.00", "0.5")], None))

    for quantity, price in (("0.5", "10.00"), ("0.7", "10.00"), ("0.7", None)):
        command = asking(buys(ann, market, price, quantity), self_trade="transfer")
        shown = told(command)
        before = worker.state_hash()
        assert shown.is_accepted, shown
        assert shown.filled_quantity == "0.000"
        assert worker.state_hash() == before
    assert told(asking(buys(ann, market, "10.00", "2.501"), self_trade="transfer")).reason == (
        TOO_LARGE
    )
    for phase, reason in (
        ("pre_open", "market_halted"),
        ("auction", ""),
        ("post_only", "market_post_only"),
        ("closed", "market_halted"),
    ):
        worker.settle(SetMarketPhase(market.pk, phase))
        assert told(buys(ann, market, "9.00")).reason == reason, phase
    Market.objects.filter(pk=market.pk).update(phase="delisted")
    assert told(buys(ann, market, "9.00")).reason == "market_delisted"
