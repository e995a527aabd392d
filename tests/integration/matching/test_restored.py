"""A shard whose record was brought back: no worker of before writes, and none takes it yet."""

from typing import Any

import pytest

from accounts.models import User
from accounts.services import ensure_user
from matching.models import MarketState, Shard
from matching.reconcile import reconcile
from matching.worker.lease import LeaseLost
from matching.worker.offline import OfflineShard
from matching.worker.restored import EPOCH_STEP, EVENT_STEP
from tests.actors import SYSTEM
from tests.integration.matching.conftest import Bench
from zavora.backup.holding import SEQUENCE_STEP, hold_exchange, release_exchange
from zavora.foundation.errors import Conflict, EngineUnavailable

pytestmark = pytest.mark.django_db(transaction=True)


def trade(bench: Bench, market: int) -> Any:
    """Let the two trade; return the number of the younger order."""
    replies = bench.apply(
        bench.order(0, market, "sell 1 @ 100"), bench.order(1, market, "buy 1 @ 100")
    )
    assert [reply.code for reply in replies] == ["", ""]
    return MarketState.objects.get(market_id=market)


def test_a_worker_of_before_writes_nothing_and_the_next_goes_on(accounts: list[Any]) -> None:
    with OfflineShard(0) as former:
        bench = Bench(former, accounts)
        market = bench.market()
        before = trade(bench, market)
        last_user = User.objects.latest("pk").pk
        first = Shard.objects.get(pk=0)

        assert hold_exchange(by=SYSTEM, target="0/3000148") == 1

        with pytest.raises(LeaseLost):
            trade(bench, market)
    held = Shard.objects.get(pk=0)
    assert held.epoch == first.epoch + EPOCH_STEP
    assert held.journal_sequence == first.journal_sequence
    assert int(held.last_stream_id.partition("-")[0]) > 0
    # Giving its lease up has not freed the shard: it was not its own any more.
    with pytest.raises(EngineUnavailable), OfflineShard(0):
        pass

    assert release_exchange(by=SYSTEM, reason="all posted") == 1

    with OfflineShard(0) as next_one:
        after = trade(Bench(next_one, accounts), market)
    assert after.event_sequence > before.event_sequence + EVENT_STEP
    # What proofs stand on has no gap.
    assert after.trade_sequence == before.trade_sequence + 1
    assert reconcile() == []
    assert ensure_user(by=SYSTEM, email="late@example.com").pk > last_user + SEQUENCE_STEP - 9
    with pytest.raises(Conflict, match="nothing is held"):
        release_exchange(by=SYSTEM, reason="once more")


def test_without_the_hold_the_same_worker_goes_on(accounts: list[Any]) -> None:
    with OfflineShard(0) as former:
        bench = Bench(former, accounts)
        market = bench.market()
        before = trade(bench, market)

        after = trade(bench, market)

    assert after.event_sequence == before.event_sequence + 1
