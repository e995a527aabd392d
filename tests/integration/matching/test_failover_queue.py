"""The queue may lose everything: what was not committed was not acknowledged, the rest goes on."""

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, connections

from accounts.models import Account
from matching import wire
from matching.commands.amend import AmendOrder
from matching.commands.base import WireCommand
from matching.commands.cancel import CancelOrder
from matching.gateway import client as gateway
from matching.gateway import look_ups
from matching.models import Command, Market, Order, Shard
from matching.rows.keys import find_key_results
from matching.worker.session import Session
from matching.worker.stream import CommandStream
from matching.worker.transaction import Settled
from tests.fakes.settlement import WatchedSettlement
from tests.integration.matching.worker_setup import (
    assert_sound,
    driven_worker,
    expire_lease,
    journal,
    make_account,
    make_market,
    now_us,
    place,
    queue_client,
    rebuilt_hash,
    running_worker,
    until,
)
from zavora.foundation.errors import Conflict, EngineUnavailable, OutcomeUnknown, Overloaded

pytestmark = pytest.mark.django_db(transaction=True)

STREAM = wire.stream_name(0)
HOUR_MS = 3_600_000


@pytest.fixture
def queue(settings: Any) -> Iterator[Any]:
    settings.ZAVORA_EDGE_WAIT_MS = 3_000
    client = queue_client()
    client.flushall()
    yield client
    client.flushall()
    client.close()


@pytest.fixture
def market(queue: Any, transactional_db: None) -> Market:
    return make_market("BTC", "USD")


@pytest.fixture
def ann(market: Market) -> Account:
    return make_account("ann", USD="100000", BTC="10")


def submit(command: WireCommand) -> wire.Reply:
    return gateway.submit_sync(command, shard_id=0, request_id=str(uuid.uuid4()))


def milliseconds(stream_id: str) -> int:
    return int(stream_id.partition("-")[0])


def test_a_submitted_order_is_answered_after_its_commit(
    queue: Any, market: Market, ann: Account
) -> None:
    with running_worker():
        reply = submit(place(ann, market, "buy", "10.00", "1", key="a"))
        assert Order.objects.get(pk=reply.orders[0].id).status == "new"
        with pytest.raises(Conflict):
            submit(place(ann, market, "buy", "11.00", "1", key="a"))
        until(lambda: queue.xlen(STREAM) == 0, what="a trimmed stream")
    assert_sound()


# --- the queue's data and its clock ---------------------------------------------------------------


def _settle_in_the_future(queue: Any, market: Market, ann: Account) -> int:
    """Settle a command whose stream id a fast clock gave; return that clock's milliseconds."""
    future_ms = now_us() // 1000 + HOUR_MS
    command = place(ann, market, "buy", "10.00", "1", key="future")
    queue.xadd(
        STREAM, {"b": wire.encode(command), "r": "r", "a": "", "c": "0"}, id=f"{future_ms}-5"
    )
    until(lambda: find_key_results([(ann.pk, "future")]), what="the order's commit")
    return future_ms


def test_after_a_loss_of_the_queue_ids_go_on_above_the_stored_position(
    queue: Any, market: Market, ann: Account
) -> None:
    with running_worker():
        future_ms = _settle_in_the_future(queue, market, ann)
        queue.flushall()
        queue.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        until(lambda: queue.exists(STREAM), what="the fence")
        reply = submit(place(ann, market, "buy", "11.00", "1", key="after"))
        assert reply.code == ""
    assert milliseconds(Shard.objects.get(pk=0).last_stream_id) >= future_ms
    assert [kind for kind, _, _ in journal()] == ["place", "place"]
    assert_sound()


def test_a_loss_of_the_queue_while_the_worker_settles_is_seen_too(
    queue: Any, market: Market, ann: Account
) -> None:
    """The client library connects again in silence: no command of the worker ever fails."""
    made: list[WatchedSettlement] = []

    def settlement(session: Session, epoch: int) -> WatchedSettlement:
        made.append(WatchedSettlement(session, epoch))
        return made[-1]

    def write(really: Callable[[], Settled], _: object) -> Settled:
        made[0].around_write = None
        queue.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        queue.flushall()
        return really()

    with running_worker(settlement=settlement):
        made[0].around_write = write
        _settle_in_the_future(queue, market, ann)
        until(lambda: queue.exists(STREAM), what="the fence")
        assert submit(place(ann, market, "buy", "11.00", "1", key="after")).code == ""


def test_without_the_fence_commands_would_be_passed_over(
    queue: Any, market: Market, ann: Account, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """The control: the loss is real, and what is passed over is never said to be accepted."""
    settings.ZAVORA_EDGE_WAIT_MS = 500
    with running_worker():
        _settle_in_the_future(queue, market, ann)
        monkeypatch.setattr(CommandStream, "fence", lambda self, position: None)
        queue.flushall()
        queue.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        until(lambda: queue.exists(wire.heartbeat_name(0)), what="a live worker")
        with pytest.raises(OutcomeUnknown):
            submit(place(ann, market, "buy", "11.00", "1", key="after"))
    assert Order.objects.count() == 1


def test_taking_the_lease_fences_a_queue_that_lost_its_data(
    queue: Any, market: Market, ann: Account
) -> None:
    with running_worker():
        future_ms = _settle_in_the_future(queue, market, ann)
    queue.flushall()
    with running_worker():
        submit(place(ann, market, "buy", "11.00", "1"))
    assert milliseconds(Shard.objects.get(pk=0).last_stream_id) >= future_ms


def test_what_waits_in_the_queue_survives_the_worker(
    queue: Any, market: Market, ann: Account
) -> None:
    with running_worker():
        pass
    for price in ("10.00", "11.00"):
        body = wire.encode(place(ann, market, "buy", price, "1"))
        queue.xadd(STREAM, {"b": body, "r": "r", "a": "", "c": "0"})
    queue.xadd(STREAM, {"b": b"\xc1 no command", "r": "r", "a": "", "c": "x"})
    with running_worker():
        until(lambda: len(journal()) == 3, what="three commands")
    assert [row[1] for row in journal()] == ["applied", "applied", "rejected"]
    assert_sound()


# --- what is refused before it is queued ----------------------------------------------------------


def test_without_a_live_worker_nothing_is_queued(queue: Any, market: Market, ann: Account) -> None:
    with pytest.raises(EngineUnavailable):
        submit(place(ann, market, "buy", "10.00", "1"))
    assert queue.xlen(STREAM) == 0


def test_a_full_backlog_refuses_orders_and_leaves_room_for_cancels(
    queue: Any, market: Market, ann: Account, settings: Any
) -> None:
    settings.ZAVORA_BACKLOG_MAX = 20
    settings.ZAVORA_EDGE_WAIT_MS = 500
    queue.set(wire.heartbeat_name(0), "stopped", px=60_000)
    for _ in range(20):
        queue.xadd(STREAM, {"fence": "1"})
    with pytest.raises(Overloaded):
        submit(place(ann, market, "buy", "10.00", "1"))
    assert queue.xlen(STREAM) == 20
    for expected in (21, 22):
        with pytest.raises(OutcomeUnknown):
            submit(CancelOrder(ann.pk, market.pk, 1))
        assert queue.xlen(STREAM) == expected
    with pytest.raises(Overloaded):
        submit(CancelOrder(ann.pk, market.pk, 1))
    assert queue.xlen(STREAM) == 22


def test_an_unreachable_queue_is_no_reason_to_wait(
    market: Market, ann: Account, settings: Any
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    began = time.monotonic()
    with pytest.raises(EngineUnavailable):
        submit(place(ann, market, "buy", "10.00", "1"))
    assert time.monotonic() - began < settings.ZAVORA_EDGE_WAIT_MS / 1000


# --- answers that are lost ------------------------------------------------------------------------


def test_an_answer_that_is_lost_is_found_by_its_key(
    queue: Any, market: Market, ann: Account, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ZAVORA_EDGE_WAIT_MS = 700
    monkeypatch.setattr(CommandStream, "tell", lambda *_: None)
    with running_worker():
        reply = submit(place(ann, market, "buy", "10.00", "1", key="a"))
        assert reply.orders[0].client_order_id == "a"
        with pytest.raises(OutcomeUnknown):
            submit(place(ann, market, "buy", "10.00", "1"))
    assert Order.objects.count() == 2


def test_an_answer_that_cannot_be_looked_up_is_unknown_and_the_next_one_is_found(
    queue: Any, market: Market, ann: Account, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look-up's own connection is broken, as by a restart of PostgreSQL."""
    settings.ZAVORA_EDGE_WAIT_MS = 700
    monkeypatch.setattr(CommandStream, "tell", lambda *_: None)
    broken: list[int] = []

    def look_up(names: Any) -> Any:
        found = find_key_results(names)
        if not broken:
            pid = connections["default"].connection.info.backend_pid
            broken.append(pid)
            connection_of_test.execute("SELECT pg_terminate_backend(%s)", (pid,))
            return find_key_results(names)
        return found

    monkeypatch.setattr(look_ups, "find_key_results", look_up)

    async def two() -> list[Any]:
        commands = [
            place(ann, market, "buy", price, "1", key=price) for price in ("10.00", "11.00")
        ]
        async with gateway.open_gateway() as own:
            return [
                await asyncio.gather(
                    own.submit(command, shard_id=0, request_id="r"), return_exceptions=True
                )
                for command in commands
            ]

    with connection.cursor() as connection_of_test, running_worker():
        (first,), (second,) = asyncio.run(two())
    assert broken
    assert isinstance(first, OutcomeUnknown)
    assert isinstance(second, wire.Reply)


# --- deadlines ------------------------------------------------------------------------------------


def test_an_order_that_waited_too_long_never_takes_effect_and_a_cancel_does(
    queue: Any, market: Market, ann: Account
) -> None:
    with driven_worker() as worker:
        (resting,) = worker.settle(place(ann, market, "buy", "10.00", "1"))
    soon_ms = now_us() // 1000 + 150
    late = place(ann, market, "buy", "11.00", "1", key="late", deadline_ms=soon_ms)
    amend = AmendOrder(ann.pk, market.pk, resting.orders[0].id, "12.00", None, None, soon_ms)
    cancel = CancelOrder(ann.pk, market.pk, resting.orders[0].id)
    for command in (late, amend, cancel):
        queue.xadd(STREAM, {"b": wire.encode(command), "r": "r", "a": "", "c": "0"})
    until(lambda: now_us() // 1000 > soon_ms, what="the deadline")
    with running_worker():
        until(lambda: len(journal()) == 4, what="three commands")
    assert journal()[1:] == [
        ("place", "expired", "expired"), ("amend", "expired", "expired"), ("cancel", "applied", ""),
    ]  # fmt: skip
    assert list(Order.objects.values_list("status", flat=True)) == ["cancelled"]
    assert find_key_results([(ann.pk, "late")]) == {}
    assert_sound()


# --- two at once ----------------------------------------------------------------------------------


def test_a_running_standby_takes_over_and_goes_on_where_the_other_ended(
    queue: Any, market: Market, ann: Account
) -> None:
    with driven_worker() as former:
        former.settle(place(ann, market, "buy", "10.00", "1", key="a"))
        started = threading.Event()

        def later() -> None:
            started.wait()
            expire_lease()
            connection.close()

        thread = threading.Thread(target=later)
        thread.start()
        started.set()
        with running_worker():
            again = submit(place(ann, market, "buy", "10.00", "1", key="a"))
            assert again.orders[0].id == Order.objects.get().pk
            submit(place(ann, market, "buy", "11.00", "1", key="b"))
        thread.join()
    assert Command.objects.filter(outcome="duplicate").count() == 1
    with driven_worker() as successor:
        assert successor.state_hash() == rebuilt_hash()
    assert_sound()
