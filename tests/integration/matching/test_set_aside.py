"""A market whose rows cannot be read, or contradict themselves: the shard's others are matched."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from matching.commands.cancel_all import CancelAllOrders
from matching.commands.phase import SetMarketPhase
from tests.actors import SYSTEM
from tests.integration.matching.conftest import Bench

pytestmark = pytest.mark.django_db(transaction=True)


def _orders(market: int) -> Any:
    from matching.models import Order

    return Order.objects.filter(market_id=market)


def _price_between_ticks(market: int) -> None:
    _orders(market).update(price=Decimal("20000.001"))


def _hold_too_small(market: int) -> None:
    _orders(market).update(hold=Decimal(1))


def _rules_unreadable(market: int) -> None:
    from matching.models import Market

    Market.objects.filter(pk=market).update(tick_size=Decimal("1e-18"))


@pytest.mark.parametrize("spoil", [_price_between_ticks, _hold_too_small, _rules_unreadable])
def test_a_market_that_cannot_be_loaded_stops_no_other_of_its_shard(
    bench: Bench, accounts: list[Any], spoil: Callable[[int], None]
) -> None:
    from matching.commands.configure import configure_command
    from matching.markets.selectors import get_market_terms
    from matching.models import Market, MarketState
    from matching.worker.offline import OfflineShard

    bad, good = bench.market("BTC/USD"), bench.market("USD/BTC")
    bench.apply(bench.order(0, bad, "buy 1 @ 20000"))
    bench.apply(bench.order(0, good, "buy 0.001 @ 2000"))
    rules, terms = Market.objects.get(pk=bad), get_market_terms("BTC/USD")
    before = MarketState.objects.get(market_id=bad).event_sequence
    bench.shard.__exit__(None, None, None)
    kept = list(_orders(bad))
    spoil(bad)

    with OfflineShard(0) as shard:
        after = Bench(shard, accounts)
        after.time_us = bench.time_us
        refused = after.apply(
            after.order(0, bad, "buy 1 @ 19000"),
            SetMarketPhase(bad, "halted"),
            # No new market, though the engine knows none of that id.
            configure_command(by=SYSTEM, terms=terms),
        )
        assert [reply.reason for reply in refused] == ["wrong_shard"] * 3
        placed, cancelled = after.apply(
            after.order(1, good, "sell 0.001 @ 2000"),
            CancelAllOrders(accounts[0].pk, None, None),
        )
        assert (placed.code, cancelled.code) == ("", "")
        assert placed.orders[0].status == "filled"
    assert MarketState.objects.get(market_id=bad).event_sequence == before
    assert _orders(bad).count() == 1
    with pytest.raises(CommandError, match="differ"):
        call_command("verify_journal")

    rules.save()
    for row in kept:
        row.save()
    with OfflineShard(0) as shard:
        mended = Bench(shard, accounts)
        mended.time_us = after.time_us
        (reply,) = mended.apply(mended.order(0, bad, "buy 1 @ 19000"))
        assert reply.code == ""
