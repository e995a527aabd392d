"""A journal that is older than one of the tables that a replay is held against."""

import pytest

from accounts.models import Account
from matching.models import Market, PreventedMatch, Shard
from matching.worker.connection import connect
from matching.worker.replay import verify_shard
from tests.integration.matching.conditions_setup import asking, assert_replays, buys, sells
from tests.integration.matching.worker_setup import DrivenWorker, driven_worker

pytestmark = pytest.mark.django_db(transaction=True)


def meet(worker: DrivenWorker, market: Market, account: Account) -> None:
    worker.settle(
        sells(account, market, "10.00"), asking(buys(account, market, "10.00"), self_trade="both")
    )


def differences() -> list[str]:
    with connect(shard_id=0, owner="verify") as session:
        return verify_shard(session, 0).differences


def test_matches_prevented_before_they_were_stored_are_not_missed(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    meet(worker, market, ann)
    worker.leave()
    # As a former version left it, whose migration came before its worker ended.
    PreventedMatch.objects.all().delete()
    Shard.objects.update(prevented_since=None)
    assert differences() == []

    with driven_worker() as successor:
        before = Shard.objects.get().journal_sequence
        assert Shard.objects.get().prevented_since == before
        meet(successor, market, ann)
        assert_replays(successor)

    assert PreventedMatch.objects.count() == 1
    PreventedMatch.objects.all().delete()
    (difference,) = differences()
    assert difference.startswith("prevented match: stored None, replayed ")


def test_the_next_owner_does_not_move_where_they_begin(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    began = Shard.objects.get().prevented_since
    meet(worker, market, ann)
    worker.leave()
    with driven_worker() as successor:
        assert Shard.objects.get().prevented_since == began
        meet(successor, market, ann)
        assert_replays(successor)
    assert PreventedMatch.objects.count() == 2
