"""A batch is decided while the one before is being settled, and falls with it where that fails."""

import itertools
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from accounts.models import Account, Balance
from accounts.services import create_asset, deposit, request_withdrawal
from matching import wire
from matching.commands.base import WireCommand
from matching.commands.cancel import CancelOrder
from matching.commands.switch import SetTimer
from matching.engine import Engine
from matching.models import Market, Order, Switch, Trade
from matching.worker.decide import Decision
from matching.worker.entries import Entry
from matching.worker.transaction import Settled
from tests.actors import SYSTEM
from tests.fakes.settlement import AroundWrite
from tests.integration.matching.worker_setup import (
    DrivenWorker,
    assert_sound,
    driven_worker,
    failing_switches,
    journal,
    make_market,
    place,
    rebuilt_hash,
)
from zavora.foundation.lasting import WatchedConnection

pytestmark = pytest.mark.django_db(transaction=True)

WAIT_S = 10.0


class Flights:
    """Sends batches through a worker so that each is decided while the one before is written."""

    def __init__(self, worker: DrivenWorker) -> None:
        self.worker = worker
        self._correlations = itertools.count(1)
        self._last_id = int(worker.memory.position.last_stream_id.split("-")[0]) + 1
        self._decided = threading.Event()
        # Of each batch that found one in flight: whether it could be decided on top of that.
        self.decided_ahead: list[bool] = []
        # Stands around the writing of a batch, when it is in its turn to be written.
        self.write: AroundWrite = _write
        worker.settlement.around_write = self._held

    def __call__(self, *batches: list[WireCommand]) -> list[wire.Reply]:
        """Settle the batches; return the replies of all commands in order."""
        self.worker.replies = {}
        pipeline = self.worker.shard.pipeline
        count = 0
        for batch in batches:
            entries = [self._entry(command) for command in batch]
            count += len(entries)
            assert pipeline.can_fly(entries)
            pipeline.process(entries)
        self._decided.set()
        pipeline.land()
        first = next(self._correlations) - count
        self._correlations = itertools.count(first + count)
        return [self.worker.replies[first + index] for index in range(count)]

    def _entry(self, command: WireCommand) -> Entry:
        self._last_id += 1
        body = wire.encode(command)
        return Entry(f"{self._last_id}-0", body, "", "test", next(self._correlations), command)

    def note(self, *, is_decided: bool) -> None:
        """Note that a batch was decided on top of the one in flight, or could not be."""
        self.decided_ahead.append(is_decided)
        self._decided.set()

    def _held(self, really: Callable[[], Settled], connection: WatchedConnection) -> Settled:
        """Let what is in flight wait until the batch after it is decided."""
        if threading.current_thread() is not threading.main_thread():
            assert self._decided.wait(WAIT_S)
            self._decided.clear()
        return self.write(really, connection)


def _write(really: Callable[[], Settled], _: object) -> Settled:
    return really()


@pytest.fixture
def market(transactional_db: None) -> Market:
    return make_market("BTC", "USD", fee_ppm=0)


@pytest.fixture
def worker(market: Market, ann: Account, bob: Account) -> Iterator[DrivenWorker]:
    with driven_worker(flight_min=1) as owner:
        yield owner


@pytest.fixture
def flights(worker: DrivenWorker, monkeypatch: pytest.MonkeyPatch) -> Flights:
    found = Flights(worker)
    decide = worker.memory.decide

    def decide_and_note(entries: Any, figures: Any, after: Decision | None = None) -> Any:
        decided = decide(entries, figures, after)
        if after is not None:
            found.note(is_decided=isinstance(decided, Decision))
        return decided

    monkeypatch.setattr(worker.memory, "decide", decide_and_note)
    return found


def available(account: Account, asset: str = "USD") -> Decimal:
    return Balance.objects.get(account=account, asset__code=asset).available


def codes(replies: list[wire.Reply]) -> list[str]:
    return [reply.code for reply in replies]


def assert_memory_is_the_tables(worker: DrivenWorker) -> None:
    assert worker.state_hash() == rebuilt_hash()
    assert_sound()


def test_a_batch_stands_on_the_one_in_flight(
    flights: Flights, worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    replies = flights(
        [place(ann, market, "sell", "100.00", "4", key="a")],
        # Bob spends all he has on what is about to rest, ann what she is about to get for it.
        [place(bob, market, "buy", "100.00", "10", key="b")],
        [place(ann, market, "buy", "90.00", "15.5"), place(ann, market, "buy", "1.00", "5.001")],
    )

    assert flights.decided_ahead == [True, True]
    assert codes(replies) == ["", "", "", "insufficient_balance"]
    assert [trade.quantity for trade in replies[1].trades] == ["4.000"]
    assert available(bob) == 0
    assert available(ann) == Decimal("5")
    assert_memory_is_the_tables(worker)


def test_a_repeat_in_the_next_batch_has_the_first_result(
    flights: Flights, worker: DrivenWorker, market: Market, ann: Account
) -> None:
    order = place(ann, market, "buy", "100.00", "1", key="again")
    replies = flights(
        [order],
        [order, place(ann, market, "buy", "100.00", "2", key="again")],
        [CancelOrder(ann.pk, market.pk, None, "again")],
    )

    assert codes(replies) == ["", "", "conflict", ""]
    assert replies[1] == replies[0]
    assert [outcome for _, outcome, _ in journal()] == [
        "applied",
        "duplicate",
        "rejected",
        "applied",
    ]
    assert available(ann) == Decimal("1000")
    assert_memory_is_the_tables(worker)


@pytest.mark.parametrize("failures", [0, 1])
def test_switches_fly_and_fall_with_their_batch(
    flights: Flights,
    worker: DrivenWorker,
    market: Market,
    ann: Account,
    bob: Account,
    failures: int,
) -> None:
    """Where the first batch cannot be written, the switch put off on top of it falls with it."""
    with failing_switches("INSERT", failures, "40001"):
        replies = flights(
            [place(ann, market, "buy", "1.00", "1"), SetTimer(ann.pk, 0, 5_000)],
            [SetTimer(ann.pk, 0, 9_000), SetTimer(bob.pk, 0, 5_000)],
            [SetTimer(bob.pk, 0, 0)],
        )

    assert flights.decided_ahead == [True] * (2 - failures)
    assert codes(replies) == [""] * 5
    ((account_id, due_at),) = Switch.objects.values_list("account_id", "due_at")
    assert (account_id, round(due_at.timestamp() * 1_000_000)) == (ann.pk, replies[2].due_us)
    assert_memory_is_the_tables(worker)


def test_where_funds_moved_both_batches_are_decided_anew(
    flights: Flights,
    worker: DrivenWorker,
    market: Market,
    ann: Account,
    bob: Account,
) -> None:
    def write(really: Callable[[], Settled], _: object) -> Settled:
        flights.write = _write
        request_withdrawal(by=SYSTEM, account_id=ann.public_id, asset="USD", amount=Decimal(950))
        return really()

    flights.write = write
    replies = flights(
        [place(ann, market, "buy", "100.00", "1")],
        [place(bob, market, "sell", "100.00", "1")],
    )

    assert worker.settlement.kinds[0] == "Moved"
    assert flights.decided_ahead == [True]
    assert codes(replies) == ["insufficient_balance", ""]
    # Bob's was decided to trade with an order that then was refused.
    assert replies[1].trades == []
    assert Trade.objects.count() == 0
    assert_memory_is_the_tables(worker)


@pytest.mark.parametrize("has_committed", [True, False])
def test_a_commit_in_doubt_doubles_nothing(
    flights: Flights,
    worker: DrivenWorker,
    market: Market,
    ann: Account,
    bob: Account,
    has_committed: bool,
) -> None:
    def cut(really: Callable[[], None], connection: WatchedConnection) -> None:
        worker.settlement.around_commit = None
        if has_committed:
            really()
        connection.close()
        raise psycopg.OperationalError("the connection was lost during COMMIT")

    worker.settlement.around_commit = cut
    replies = flights(
        [place(ann, market, "buy", "100.00", "1", key="a")],
        [place(bob, market, "sell", "100.00", "3", key="b")],
        [place(ann, market, "buy", "100.00", "1", key="c")],
    )

    assert codes(replies) == ["", "", ""]
    assert [len(reply.trades) for reply in replies] == [0, 1, 1]
    assert Order.objects.count() == 3
    assert Trade.objects.count() == 2
    assert worker.settlement.kinds[0] == "InDoubt"
    assert [event[0] for event in worker.events] == [market.pk] * 3
    sequences = [wire.decode_event(payload).sequence for _, payload in worker.events]
    assert sequences == [2, 3, 4]  # the first is of the market's set-up
    assert_memory_is_the_tables(worker)


def test_a_command_that_fails_inside_hurts_only_itself(
    flights: Flights,
    worker: DrivenWorker,
    market: Market,
    ann: Account,
    bob: Account,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = Engine.apply

    def apply(engine: Engine, command: Any) -> Any:
        events = original(engine, command)
        if getattr(command, "price_ticks", None) == 66600:
            raise ArithmeticError("for the test")
        return events

    monkeypatch.setattr(Engine, "apply", apply)
    replies = flights(
        [place(ann, market, "buy", "100.00", "1")],
        [place(bob, market, "buy", "10.00", "1"), place(bob, market, "buy", "666.00", "1")],
        [place(bob, market, "sell", "100.00", "1")],
    )

    assert flights.decided_ahead == [False]  # and then nothing was in flight any more
    assert codes(replies) == ["", "", "internal_error", ""]
    assert len(replies[3].trades) == 1
    assert [outcome for _, outcome, _ in journal()] == ["applied", "applied", "void", "applied"]
    assert_memory_is_the_tables(worker)


def test_money_in_an_asset_that_is_new_here_stops_nobody(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    create_asset(by=SYSTEM, code="NEW", name="new", scale=3)
    deposit(by=SYSTEM, account_id=ann.public_id, asset="NEW", amount=Decimal("1.5"), source="bank")
    (reply,) = worker.settle(place(ann, market, "buy", "100.00", "1"))
    assert reply.code == ""
