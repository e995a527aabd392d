"""A market goes from one shard to another: nothing is lost, nothing doubled, and both can tell."""

import itertools
from typing import Any

import msgspec
import pytest

from accounts.models import Account
from matching.commands.configure import configure_command
from matching.commands.move import AdoptMarket, ReleaseMarket
from matching.commands.switch import SetTimer
from matching.markets.selectors import get_market_terms
from matching.models import Checkpoint, Handover, Market, PreventedMatch, Shard, Switch
from matching.wire import decode_event
from matching.worker.checkpoints import LATEST, make_checkpoint
from matching.worker.connection import connect
from matching.worker.replay import verify_shard
from matching.worker.verified import Verified
from tests.actors import SYSTEM
from tests.integration.matching.checkpoint_setup import LATER_US, settle_every_kind
from tests.integration.matching.conditions_setup import asking, buys, sells
from tests.integration.matching.worker_setup import (
    Clock,
    DrivenWorker,
    assert_sound,
    driven_worker,
    make_account,
    make_market,
    now_us,
    place,
    rebuilt_hash,
)
from zavora.foundation.times import moment_of

pytestmark = pytest.mark.django_db(transaction=True)

_handovers = itertools.count(1_000)


def verified(shard_id: int, start: int | str | None = None) -> Verified:
    """Replay a shard's journal."""
    with connect(shard_id=shard_id, owner="verify") as connection:
        return verify_shard(connection, shard_id, start=start)


def assert_followed(*workers: DrivenWorker) -> None:
    """What workers remember is what the tables and their journals say."""
    for worker in workers:
        shard_id = worker.memory.context.shard_id
        assert worker.state_hash() == rebuilt_hash(shard_id)
        found = verified(shard_id)
        assert found.differences == []
        assert found.state_hash == worker.state_hash()
        assert_sound(shard_id)


def release(worker: DrivenWorker, market: Market, to_shard: int) -> int:
    """Let a market go, to a shard that a worker ran for; return the handover's id."""
    Shard.objects.get_or_create(pk=to_shard)
    handover_id = next(_handovers)
    (reply,) = worker.settle(ReleaseMarket(market.pk, to_shard, handover_id, "system:test"))
    assert reply.code == "", reply
    return handover_id


def move(market: Market, one: DrivenWorker, other: DrivenWorker) -> None:
    """Let one worker's market go, and another's have it."""
    handover_id = release(one, market, other.memory.context.shard_id)
    (reply,) = other.settle(AdoptMarket(market.pk, handover_id, "system:test"))
    assert reply.code == "", reply


@pytest.fixture
def other_market(transactional_db: None) -> Market:
    return make_market("ETH", "USD", shard_id=1)


def test_orders_keep_their_places_and_trade_where_the_market_is(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    cyd = make_account("cyd", USD="1000")
    first, second, _ = worker.settle(
        place(ann, market, "buy", "10.00", "1"),
        place(cyd, market, "buy", "10.00", "1"),
        place(bob, market, "sell", "12.00", "1"),
    )
    worker.settle(place(bob, market, "sell", "10.00", "0.4"))
    before = worker.memory.context.engine.market(market.pk).snapshot()
    with driven_worker(1) as other:
        move(market, worker, other)

        assert other.memory.context.engine.market(market.pk).snapshot() == before
        (wrong,) = worker.settle(place(bob, market, "sell", "10.00", "0.1", key="k"))
        assert wrong.code == "wrong_shard"
        (right,) = other.settle(place(bob, market, "sell", "10.00", "0.7", key="k"))
        assert [trade.maker_order_id for trade in right.trades] == [
            first.orders[0].id,
            second.orders[0].id,
        ]
        assert [trade.sequence for trade in right.trades] == [2, 3]
        assert_followed(worker, other)

    row = Market.objects.get(pk=market.pk)
    assert (row.shard_id, row.handover_id) == (1, None)
    handover = Handover.objects.get()
    assert (handover.from_shard, handover.to_shard, handover.open_orders) == (0, 1, 3)


def test_ids_go_on_growing_and_events_have_no_gap(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    ids, events = [], worker.events
    with driven_worker(1) as other:
        shards = itertools.cycle([worker, other])
        here = next(shards)
        for number in range(6):
            (reply,) = here.settle(place(ann, market, "buy", f"{5 + number}.00", "0.1"))
            ids.append(reply.orders[0].id)
            there = next(shards)
            move(market, here, there)
            here = there
        told = [*events, *other.events]
        assert_followed(worker, other)
    assert ids == sorted(set(ids))
    sequences = sorted(_sequences(told, market.pk))
    assert len(sequences) == 12  # an order and a move each
    assert all(one[1] == two[0] for one, two in itertools.pairwise(sequences))


def _sequences(events: list[tuple[int, bytes]], market_id: int) -> list[tuple[int, int]]:
    decoded = [decode_event(body) for of, body in events if of == market_id]
    return [(e.prev_sequence, e.sequence) for e in decoded if e.sequence > e.prev_sequence]


# --- what else there is of a market ---------------------------------------------------------------


def test_everything_that_is_remembered_of_a_market_goes_with_it(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    """Stops, trails, icebergs, lists, expiries, protections: as the worker goes on with them."""
    later_us = now_us() + LATER_US
    settle_every_kind(worker, market, ann, bob, later_us)
    with driven_worker(1) as other:
        move(market, worker, other)
        assert_followed(worker, other)
        # Stops fire, a trail moves, slices and times run out, owners meet themselves.
        other.settle(buys(bob, market, "9.00", "0.3"), sells(bob, market, "9.00", "1.5"))
        other.settle(asking(buys(bob, market, "12.00", "0.5"), self_trade="decrement"))
        move(market, other, worker)
        worker.settle(sells(bob, market, "7.50", "0.3"), buys(bob, market, "9.50", "0.2"))
        assert_followed(worker, other)
    assert PreventedMatch.objects.exists()


def test_checkpoints_of_before_and_after_lead_to_the_same(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    worker.settle(place(ann, market, "buy", "10.00", "1"))
    make_checkpoint(0)
    with driven_worker(1) as other:
        handover_id = release(worker, market, 1)
        for shard_id in (0, 1):  # while it is nobody's
            make_checkpoint(shard_id)
            assert verified(shard_id).differences == []
        other.settle(AdoptMarket(market.pk, handover_id))
        other.settle(place(ann, market, "buy", "11.00", "1"))
        make_checkpoint(1)
        other.settle(place(ann, market, "buy", "12.00", "1"))
        for shard_id, passed in ((0, 2), (1, 2)):
            assert verified(shard_id).passed == passed
            assert verified(shard_id, LATEST).differences == []
        first = Checkpoint.objects.filter(shard_id=0).order_by("pk")[0]
        assert verified(0, first.pk).differences == []
        assert_followed(worker, other)


def test_what_was_sent_counts_where_the_market_is(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    """Also for a worker that takes over in the same window."""
    terms = get_market_terms("BTC/USD")
    rules = msgspec.structs.replace(terms.rules, max_messages=3)
    worker.settle(
        configure_command(
            by=SYSTEM, terms=msgspec.structs.replace(terms, rules=rules), is_change=True
        )
    )
    clock = Clock()
    clock.time_us -= clock.time_us % 10_000_000 - 20_000_000  # a window begins
    worker.leave()
    with driven_worker(0, clock_us=clock) as one, driven_worker(1, clock_us=clock) as other:
        one.settle(place(ann, market, "buy", "1.00", "1"), place(ann, market, "buy", "1.00", "1"))
        move(market, one, other)
        with_room, too_many = other.settle(
            place(ann, market, "buy", "1.00", "1"), place(ann, market, "buy", "1.00", "1")
        )
        assert (with_room.code, too_many.reason) == ("", "too_many_messages")
        other.leave()
        with driven_worker(1, clock_us=clock) as successor:
            (reply,) = successor.settle(place(ann, market, "buy", "1.00", "1"))
            assert reply.reason == "too_many_messages"


# --- switches -------------------------------------------------------------------------------------


def switches(shard_id: int) -> list[tuple[int, int]]:
    rows = Switch.objects.filter(shard_id=shard_id).order_by("pk")
    return [(row.account_id, row.key_id) for row in rows]


def test_switches_go_with_the_last_market_to_a_shard_that_had_none(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    worker.settle(SetTimer(ann.pk, 7, 60_000), place(ann, market, "buy", "10.00", "1"))
    due = Switch.objects.get().due_at
    with driven_worker(1) as other:
        move(market, worker, other)
        assert switches(0) == []
        assert switches(1) == [(ann.pk, 7)]
        assert Switch.objects.get().due_at == due
        move(market, other, worker)
        assert (switches(0), switches(1)) == ([(ann.pk, 7)], [])
        assert_followed(worker, other)


def test_a_shard_that_has_markets_keeps_to_what_it_was_told(
    worker: DrivenWorker, market: Market, other_market: Market, ann: Account, bob: Account
) -> None:
    """It is told of every switch, as the former shard was: what it does not know was called off."""
    worker.settle(SetTimer(ann.pk, 7, 60_000), SetTimer(bob.pk, 0, 60_000))
    with driven_worker(1) as other:
        other.settle(SetTimer(bob.pk, 0, 90_000))
        due = Switch.objects.get(shard_id=1).due_at
        move(market, worker, other)
        assert switches(1) == [(bob.pk, 0)]
        assert Switch.objects.get(shard_id=1).due_at == due
        assert_followed(worker, other)


# --- commands that come beside --------------------------------------------------------------------


def test_what_is_settled_together_with_a_move_is_settled_before_or_after_it(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    Shard.objects.create(pk=1)
    gone = ReleaseMarket(market.pk, 1, next(_handovers))
    before, moved, after = worker.settle(
        place(ann, market, "buy", "10.00", "1"), gone, place(ann, market, "buy", "10.00", "1")
    )
    assert (before.code, moved.code, after.code) == ("", "", "wrong_shard")
    assert Handover.objects.get().open_orders == 1
    assert worker.settlement.kinds[-3:] == ["Committed"] * 3


def test_rules_of_a_market_that_went_do_not_make_it_anew(
    worker: DrivenWorker, market: Market
) -> None:
    """Also where who asks is of the version before, which does not say that it is there."""
    terms = get_market_terms("BTC/USD")
    with driven_worker(1) as other:
        handover_id = release(worker, market, 1)
        for is_change, code in ((True, "wrong_shard"), (False, "internal_error")):
            change = configure_command(by=SYSTEM, terms=terms, is_change=is_change)
            for each in (worker, other):
                (reply,) = each.settle(change)
                assert reply.code == code
        other.settle(AdoptMarket(market.pk, handover_id))
        (reply,) = worker.settle(configure_command(by=SYSTEM, terms=terms))
        assert reply.code == "internal_error"
        assert_followed(worker, other)
    assert Market.objects.get(pk=market.pk).shard_id == 1


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (lambda market: ReleaseMarket(market.pk, 0, 1), "validation_error"),
        (lambda market: ReleaseMarket(market.pk + 999, 1, 1), "wrong_shard"),
        (lambda market: ReleaseMarket(market.pk, 9, 1), "void"),  # nobody made that shard
        (lambda market: AdoptMarket(market.pk, 1), "wrong_shard"),
    ],
)
def test_what_makes_no_sense_changes_nothing(
    worker: DrivenWorker, market: Market, command: Any, reason: str
) -> None:
    before = worker.state_hash()
    (reply,) = worker.settle(command(market))
    assert reply.reason == reason
    assert worker.state_hash() == before == rebuilt_hash()
    assert not Handover.objects.exists()
    assert verified(0).differences == []


def test_a_market_is_adopted_once(worker: DrivenWorker, market: Market) -> None:
    with driven_worker(1) as other:
        handover_id = release(worker, market, 1)
        first, second = other.settle(
            AdoptMarket(market.pk, handover_id), AdoptMarket(market.pk, handover_id)
        )
        assert (first.code, second.code) == ("", "wrong_shard")
        assert_followed(worker, other)


def test_a_market_is_not_let_go_right_before_its_calendar_changes_it(
    worker: DrivenWorker, market: Market
) -> None:
    terms = get_market_terms("BTC/USD")
    ends = moment_of(now_us() + 5_000_000)
    rules = msgspec.structs.replace(terms.rules, delists_at=ends)
    worker.settle(
        configure_command(
            by=SYSTEM, terms=msgspec.structs.replace(terms, rules=rules), is_change=True
        )
    )
    (reply,) = worker.settle(ReleaseMarket(market.pk, 1, 1))
    assert (reply.code, reply.reason) == ("conflict", "conflict")
