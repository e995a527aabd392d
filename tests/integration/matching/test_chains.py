"""A long chain of stops holds nobody up: one command of it, then one of each who waits.

How long that takes is measured by ``python -m benchmarks --only h``; here it is counted.
"""

from collections import Counter
from itertools import groupby

import pytest

from accounts.models import Account
from matching import wire
from matching.commands import encode
from matching.commands.base import WireCommand
from matching.engine.firing import CHAIN_MAX
from matching.models import Command, Market, Order, OrderConditions, Trade
from matching.worker.connection import connect
from matching.worker.due import GO_ON_MAX
from matching.worker.replay import verify_shard
from tests.integration.matching.conditions_setup import asking, buys, sells
from tests.integration.matching.worker_setup import (
    assert_sound,
    driven_worker,
    make_account,
    make_market,
    queue_client,
    rebuilt_hash,
    running_worker,
    until,
)

pytestmark = pytest.mark.django_db(transaction=True)

STOPS = 1_000
OF_AN_ACCOUNT = 100  # as many as one may have that wait
HIGHEST = 20_000
OTHERS = 30
BATCH = 500


def _price(index: int) -> str:
    return f"{(HIGHEST - index) / 100:.2f}"


def _chain(market: Market, buyer: Account, sellers: list[Account]) -> list[WireCommand]:
    """Return bids, and stops of which each brings the price to where the next one's turn comes."""
    first = sellers[0]
    bids = [buys(buyer, market, _price(index), "0.001") for index in range(-1, STOPS + 1)]
    begin = sells(first, market, _price(-1), "0.001")
    stops = [
        asking(
            sells(sellers[index // OF_AN_ACCOUNT], market, None, "0.001"),
            trigger="stop",
            trigger_price=_price(index),
        )
        for index in range(STOPS)
    ]
    return [*bids, begin, *stops]


def test_another_markets_commands_come_between_those_of_a_chain(
    market: Market, bob: Account
) -> None:
    """Each waits for one command of the chain at most, which is of 16 orders at most."""
    other = make_market("ETH", "EUR")
    rich = make_account("rich", USD="100000", EUR="1000")
    sellers = [
        make_account(f"seller-{number}", BTC="1") for number in range(STOPS // OF_AN_ACCOUNT)
    ]
    with driven_worker() as worker:
        commands = _chain(market, rich, sellers)
        for start in range(0, len(commands), BATCH):
            replies = worker.settle(*commands[start : start + BATCH])
            assert {reply.code for reply in replies} == {""}
        worker.settle(sells(sellers[0], market, _price(0), "0.001"))
        assert Trade.objects.count() == 2 + CHAIN_MAX
    before = Command.objects.count()
    queue = queue_client()
    for _ in range(OTHERS):
        command = buys(rich, other, "1.00", "0.001")
        queue.xadd(wire.stream_name(0), {wire.FIELD_BODY: encode(command)})
    queue.close()

    with running_worker(batch_max=1):  # so that what waits does not come in one batch
        until(lambda: Trade.objects.count() == 2 + STOPS, timeout_s=60, what="the chain's end")
        until(lambda: Order.objects.filter(market=other).count() == OTHERS, what="the others")

    rows = Command.objects.filter(sequence__gt=before).order_by("sequence")
    kinds = list(rows.values_list("kind", flat=True))
    parts = -(-(STOPS - CHAIN_MAX) // GO_ON_MAX)
    assert kinds == ["due", "place"] * OTHERS + ["due"] * (parts - OTHERS)
    batches = Counter(Trade.objects.values_list("created_at", flat=True))
    assert batches.most_common(2)[0][1] == CHAIN_MAX + 1  # what the first one set off
    assert batches.most_common(2)[1][1] == GO_ON_MAX
    _assert_in_order(market)
    assert_sound()
    with connect(shard_id=0, owner="verify") as session:
        found = verify_shard(session, 0)
    assert found.differences == []
    assert found.state_hash == rebuilt_hash()


def _assert_in_order(market: Market) -> None:
    """The next one's turn comes with each trade: the highest trigger price first."""
    takers = list(
        Trade.objects.filter(market=market)
        .order_by("sequence")
        .values_list("taker_order", flat=True)
    )
    stops = OrderConditions.objects.filter(trigger="stop").order_by("-trigger_price")
    assert takers[2:] == list(stops.values_list("order", flat=True))
    assert [len(list(same)) for _, same in groupby(takers)] == [1] * (STOPS + 2)
