"""A market goes from one shard to another: nothing is lost, nothing doubled, and both can tell."""

import itertools

import pytest

from accounts.models import Account
from matching.commands.move import AdoptMarket, ReleaseMarket
from matching.models import Handover, Market
from matching.worker.connection import connect
from matching.worker.replay import verify_shard
from matching.worker.verified import Verified
from tests.integration.matching.worker_setup import (
    DrivenWorker,
    assert_sound,
    driven_worker,
    make_account,
    make_market,
    place,
    rebuilt_hash,
)

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
    """Let a market go; return the handover's id."""
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
    from matching.wire import decode_event

    decoded = [decode_event(body) for of, body in events if of == market_id]
    return [(e.prev_sequence, e.sequence) for e in decoded if e.sequence > e.prev_sequence]
