"""Markets are moved between running workers while clients trade in them, through the queue."""

import asyncio
import itertools
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.access.actor import Actor
from accounts.models import AuditRecord
from matching.commands.cancel import CancelOrder
from matching.gateway.client import Gateway, open_gateway, submit_sync
from matching.models import Command, Handover, Market, Order, Shard
from matching.moving import move_market
from tests.actors import SYSTEM
from tests.integration.matching.test_moving import verified
from tests.integration.matching.worker_setup import (
    assert_sound,
    make_account,
    make_market,
    place,
    rebuilt_hash,
    running_worker,
    until,
)
from zavora.foundation.errors import (
    Conflict,
    EngineUnavailable,
    Forbidden,
    MarketNotFound,
    ValidationFailed,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def workers() -> Iterator[None]:
    make_market("BTC", "USD")
    make_market("ETH", "USD", shard_id=1)
    with running_worker(0), running_worker(1):
        yield


def market_of(symbol: str = "BTC/USD") -> Market:
    return Market.objects.get(symbol=symbol)


def assert_all_sound() -> None:
    """Each journal leads to what the tables hold, and to the same engine."""
    for shard_id in (0, 1):
        found = verified(shard_id)
        assert found.differences == []
        assert found.state_hash == rebuilt_hash(shard_id)
        assert_sound(shard_id)


def test_a_market_is_moved_there_and_back_with_a_record_of_it(workers: None) -> None:
    market = market_of()
    ann = make_account("ann", USD="1000", BTC="10")
    reply = submit_sync(place(ann, market, "buy", "10.00", "1", key="first"), request_id="r")

    moved = move_market(by=SYSTEM, symbol="btc/usd", to_shard=1)

    assert moved[:3] == ("BTC/USD", 0, 1)
    assert market_of().shard_id == 1
    again = submit_sync(place(ann, market, "buy", "10.00", "1", key="first"), request_id="r")
    assert again == reply
    cancel = CancelOrder(ann.pk, market.pk, reply.orders[0].id)
    assert submit_sync(cancel, request_id="r").orders[0].status == "cancelled"
    assert move_market(by=SYSTEM, symbol="BTC/USD", to_shard=0)[1:3] == (1, 0)
    records = AuditRecord.objects.filter(act="market.move").order_by("pk")
    assert [row.details["outcome"] for row in records] == ["asked", "done"] * 2
    commands = Command.objects.filter(kind__in=("release", "adopt")).order_by("pk")
    assert [(row.shard_id, row.kind, row.outcome) for row in commands] == [
        (0, "release", "applied"),
        (1, "adopt", "applied"),
        (1, "release", "applied"),
        (0, "adopt", "applied"),
    ]
    assert {row.actor for row in commands} == {SYSTEM.text}
    assert_all_sound()


def test_what_cannot_be_moved_is_refused_before_anything_happens(workers: None) -> None:
    Shard.objects.create(pk=5)
    nobody = Actor.operator(user_id=1, name="nobody", permissions=(), is_superuser=False)
    for by, symbol, to_shard, error, said in (
        (nobody, "BTC/USD", 1, Forbidden, "permission"),
        (SYSTEM, "BTC/USD", 0, Conflict, "matched by shard 0 already"),
        (SYSTEM, "BTC/USD", 7, ValidationFailed, "no shard 7"),
        (SYSTEM, "BTC/USD", 5, EngineUnavailable, "shard 5 has no running worker"),
        (SYSTEM, "XRP/USD", 1, MarketNotFound, "XRP/USD"),
    ):
        with pytest.raises(error, match=said):
            move_market(by=by, symbol=symbol, to_shard=to_shard)
    assert not Handover.objects.exists()
    assert not AuditRecord.objects.filter(act="market.move").exists()


@pytest.mark.parametrize("phase", ["halted", "closed", "auction", "cancel_only"])
def test_a_market_that_does_not_trade_is_moved_as_it_is(workers: None, phase: str) -> None:
    from matching.services import set_market_phase

    set_market_phase(by=SYSTEM, symbol="BTC/USD", phase=phase)
    move_market(by=SYSTEM, symbol="BTC/USD", to_shard=1)
    assert market_of().phase == phase
    set_market_phase(by=SYSTEM, symbol="BTC/USD", phase="continuous")
    assert (market_of().phase, market_of().shard_id) == ("continuous", 1)
    assert_all_sound()


async def _trade(
    gateway: Gateway, account: int, market: Market, ends: Any, told: list[Any]
) -> None:
    """Place and cancel, one after the other, and note each answer."""
    for number in itertools.count():
        if ends.is_set():
            return
        side, price = ("buy", "10.00") if number % 2 else ("sell", "10.00")
        key = f"{account}-{number}"
        command = place(account, market, side, price, "0.01", key=key)
        reply = await gateway.submit(command, request_id=key)
        told.append((key, reply.orders[0].id))
        if number % 3 == 0 and reply.orders[0].status == "new":
            cancel = CancelOrder(account, market.pk, reply.orders[0].id)
            answer = await gateway.ask(cancel, await gateway.shard_of(market.pk), "c")
            if answer.code == "wrong_shard":
                await gateway.ask_again(cancel, 0, "c")


def test_nothing_is_lost_or_doubled_under_load(workers: None) -> None:
    market = market_of()
    accounts = [make_account(f"p{n}", USD="100000", BTC="1000") for n in range(4)]
    ends, told, failures = threading.Event(), [], []

    def load() -> None:
        async def run() -> None:
            async with open_gateway() as gateway:
                await asyncio.gather(
                    *(_trade(gateway, one.pk, market, ends, told) for one in accounts)
                )

        try:
            asyncio.run(run())
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=load)
    thread.start()
    try:
        for number in range(10):
            before = len(told)
            until(lambda: failures or len(told) > before + 5, what="answers")  # noqa: B023
            move_market(by=SYSTEM, symbol="BTC/USD", to_shard=1 - number % 2)
    finally:
        ends.set()
        thread.join(timeout=30)
    assert failures == []
    placed = dict(Order.objects.values_list("client_order_id", "pk"))
    assert placed == dict(told)
    assert Order.objects.count() == len(told)
    assert_all_sound()
