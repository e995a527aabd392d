"""Whatever ends or fails while a market is between two shards: it arrives once, and whole."""

from typing import Any

import psycopg
import pytest
from django.db import connection
from django.db.models import F

from accounts.models import Account
from matching.commands.move import AdoptMarket
from matching.engine import EngineError
from matching.models import Handover, Market, Order
from matching.worker.lease import LeaseLost
from tests.integration.matching.test_moving import assert_followed, move, release, verified
from tests.integration.matching.worker_setup import (
    DrivenWorker,
    driven_worker,
    expire_lease,
    journal,
    place,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_worker_adopts_by_itself_what_nobody_asks_it_to(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    """Whoever moved it died, and so did the worker that it went to."""
    worker.settle(place(ann, market, "buy", "10.00", "1"))
    release(worker, market, 1)
    with driven_worker(1) as successor:
        assert not successor.memory.context.engine.has_market(market.pk)
        successor.shard.adopt_waiting()
        assert successor.memory.context.engine.has_market(market.pk)
        assert_followed(worker, successor)
    assert journal(1)[-1] == ("adopt", "applied", "")


def test_a_release_in_doubt_happened_or_did_not(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    def lose(after_it: bool) -> Any:
        def around(commit: Any, connection: Any) -> None:
            worker.settlement.around_commit = None
            if after_it:
                commit()
            connection.close()
            raise psycopg.OperationalError("lost")

        return around

    with driven_worker(1) as other:
        for after_it in (True, False):
            worker.settlement.around_commit = lose(after_it)
            handover_id = release(worker, market, 1)
            assert "InDoubt" in worker.settlement.kinds
            assert Market.objects.get(pk=market.pk).handover_id == handover_id
            assert not worker.memory.context.engine.has_market(market.pk)
            other.shard.adopt_waiting()
            if not other.memory.context.engine.has_market(market.pk):
                other.settle(AdoptMarket(market.pk, handover_id))
            other.settlement.around_commit = None
            assert_followed(worker, other)
            move(market, other, worker)
    assert Handover.objects.count() == 4


def test_an_adoption_that_fails_is_taken_back_whole(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    worker.settle(place(ann, market, "buy", "10.00", "1"))
    with driven_worker(1) as other:
        handover_id = release(worker, market, 1)
        before = other.state_hash()

        def fail(write: Any, connection: Any) -> Any:
            write()
            other.settlement.around_write = None
            raise psycopg.errors.SerializationFailure("not now")

        other.settlement.around_write = fail
        (reply,) = other.settle(AdoptMarket(market.pk, handover_id))
        assert reply.code == ""
        assert other.state_hash() != before
        assert_followed(worker, other)


def test_a_market_that_is_not_what_was_let_go_is_not_adopted(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    """The control: a wrong move is noticed. It is told of, and goes on once it is put right."""
    worker.settle(place(ann, market, "buy", "10.00", "1"))
    release(worker, market, 1)
    orders = Order.objects.filter(market=market)
    orders.update(priority=F("priority") + 1)
    with driven_worker(1) as other:
        other.shard.adopt_waiting()
        assert list(other.memory.context.set_aside.values()) == ["BTC/USD"]
        assert journal(1)[-1][:2] == ("adopt", "void")
        orders.update(priority=F("priority") - 1)
        (reply,) = other.settle(AdoptMarket(market.pk, Handover.objects.get().pk))
        assert reply.code == ""
        assert other.memory.context.set_aside == {}
        assert_followed(worker, other)


def test_a_handover_that_was_tampered_with_is_found_in_both_journals(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    worker.settle(place(ann, market, "buy", "10.00", "1"))
    with driven_worker(1) as other:
        move(market, worker, other)
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE matching_handover DISABLE TRIGGER ALL")
            cursor.execute("UPDATE matching_handover SET state_hash = repeat('0', 64)")
            cursor.execute("ALTER TABLE matching_handover ENABLE TRIGGER ALL")
        assert any("handover" in one for one in verified(0).differences)
        with pytest.raises(EngineError, match="not what was let go"):
            verified(1)


def test_two_adoptions_of_one_market_would_be_two_writers(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    """The control: a worker that was replaced cannot adopt, and its successor has."""
    release(worker, market, 1)
    with driven_worker(1) as former:
        expire_lease(1)
        with driven_worker(1) as successor:
            successor.shard.adopt_waiting()
            with pytest.raises(LeaseLost):
                former.settle(AdoptMarket(market.pk, Handover.objects.get().pk))
            assert_followed(worker, successor)
