"""Markets are moved between running workers while clients trade in them, through the queue."""

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.access.actor import Actor
from accounts.models import Account, AuditRecord
from matching.commands.cancel import CancelOrder
from matching.commands.cancel_all import CancelAllOrders
from matching.gateway.client import Gateway, open_gateway, submit_sync
from matching.models import Command, Handover, Market, Order, Shard
from matching.moving import move_market
from matching.services import cancel_orders, set_market_phase
from matching.wire import heartbeat_name, stream_name
from tests.actors import SYSTEM
from tests.integration.matching.test_moving import verified
from tests.integration.matching.test_shards import database_url
from tests.integration.matching.worker_setup import (
    assert_sound,
    make_account,
    make_market,
    place,
    queue_client,
    rebuilt_hash,
    running_worker,
    until,
)
from zavora.foundation.errors import (
    Conflict,
    EngineUnavailable,
    Forbidden,
    MarketNotFound,
    OutcomeUnknown,
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


# --- what concerns every shard --------------------------------------------------------------------


def _closing(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """Call something in a thread that ends with it."""
    try:
        return call(*arguments, **named)
    finally:
        connection.close()


def _cancel_in_each(account: Account) -> None:
    """Ask every shard, and leave it at that."""
    for shard_id in (0, 1):
        submit_sync(CancelAllOrders(account.pk, None, None), shard_id=shard_id, request_id="r")


def _cancel_as_operator(account: Account) -> None:
    cancel_orders(by=SYSTEM, account_id=account.public_id)


@pytest.mark.parametrize(
    ("cancel", "status"),
    # The first is the control: the race is real.
    [(_cancel_in_each, "new"), (_cancel_as_operator, "cancelled")],
)
def test_cancelling_everything_does_not_miss_a_market_on_its_way(
    workers: None, cancel: Callable[[Account], None], status: str
) -> None:
    """The one shard is asked before the market comes, the other one after it went."""
    ann = make_account("ann", USD="1000", BTC="10")
    submit_sync(place(ann, market_of("ETH/USD"), "buy", "10.00", "1"), request_id="r")
    queue = queue_client()
    with ThreadPoolExecutor(2) as threads, psycopg.connect(database_url()) as holding:
        holding.execute("SELECT 1 FROM matching_shard WHERE id = 1 FOR UPDATE")
        moved = threads.submit(_closing, move_market, by=SYSTEM, symbol="ETH/USD", to_shard=0)
        until(lambda: queue.xlen(stream_name(1)) == 1, what="the release in the queue")
        cancelled = threads.submit(_closing, cancel, ann)
        until(lambda: queue.xlen(stream_name(1)) == 2, what="the cancel behind it")
        assert Command.objects.filter(shard_id=0, kind="cancel_all", outcome="applied").exists()
        holding.rollback()
        assert moved.result(timeout=20).to_shard == 0
        cancelled.result(timeout=20)
    queue.close()
    assert Order.objects.get().status == status
    assert_all_sound()


def test_a_market_whose_new_worker_died_is_adopted_by_the_next_one(transactional_db: None) -> None:
    """Commands for it wait meanwhile, and the move can be asked for again."""
    make_market("BTC", "USD")
    make_market("ETH", "USD", shard_id=1)
    ann = make_account("ann", USD="1000")
    market = market_of()
    queue = queue_client()
    with running_worker(0):
        queue.set(heartbeat_name(1), "who is dead by now")
        with pytest.raises(OutcomeUnknown, match="left shard 0"):
            move_market(by=SYSTEM, symbol="BTC/USD", to_shard=1)
        assert market_of().handover_id is not None
        with pytest.raises(Conflict, match="on its way to shard 1"):
            move_market(by=SYSTEM, symbol="BTC/USD", to_shard=0)
        with ThreadPoolExecutor(1) as threads:
            placing = threads.submit(
                submit_sync, place(ann, market, "buy", "10.00", "1"), request_id="r"
            )
            with running_worker(1):
                assert placing.result(timeout=20).orders[0].status == "new"
                with pytest.raises(Conflict, match="by shard 1 already"):
                    move_market(by=SYSTEM, symbol="BTC/USD", to_shard=1)
                assert move_market(by=SYSTEM, symbol="BTC/USD", to_shard=0).from_shard == 1
    queue.close()
    assert_all_sound()


def test_whole_shards_are_moved_by_command(workers: None, capsys: Any) -> None:
    call_command("move_market", "--all-from", "0", "--to", "1")
    assert "1/1 BTC/USD: shard 0 to 1, away for" in capsys.readouterr().out
    call_command("move_market", "BTC/USD", "eth/usd", "--to", "0")
    assert set(Market.objects.values_list("shard_id", flat=True)) == {0}
    for arguments, said in (
        (("--to", "1"), "expected symbols, or --all-from"),
        (("BTC/USD", "--all-from", "0", "--to", "1"), "expected symbols, or --all-from"),
        (("--all-from", "1", "--to", "1"), "another shard"),
        (("BTC/USD", "--to", "0"), "matched by shard 0 already"),
    ):
        with pytest.raises(CommandError, match=said):
            call_command("move_market", *arguments)
    assert_all_sound()
