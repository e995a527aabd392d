"""A batch is decided while the one before is being settled, and falls with it where that fails."""

import itertools
import threading
from collections.abc import Callable
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
from matching.worker import ahead, settle
from matching.worker.entries import Entry
from matching.worker.settle import FundsMoved
from tests.actors import SYSTEM
from tests.integration.matching.worker_setup import (
    DrivenWorker,
    assert_sound,
    failing_switches,
    journal,
    make_market,
    place,
    rebuilt_hash,
)

pytestmark = pytest.mark.django_db(transaction=True)

WAIT_S = 10.0


class Flights:
    """Sends batches through a worker so that each is decided while the one before is written."""

    def __init__(self, worker: DrivenWorker, monkeypatch: pytest.MonkeyPatch) -> None:
        self.worker = worker
        self._correlations = itertools.count(1)
        self._last_id = int(worker._owned_position().last_stream_id.split("-")[0]) + 1
        self._decided = threading.Event()
        self.decided_ahead: list[bool] = []
        monkeypatch.setattr(ahead, "FLIGHT_COMMANDS_MIN", 1)
        monkeypatch.setattr(worker, "_decide_ahead", self._deciding(worker._decide_ahead))
        monkeypatch.setattr(settle, "write", self._held(settle.write))

    def __call__(self, *batches: list[WireCommand]) -> list[wire.Reply]:
        """Settle the batches; return the replies of all commands in order."""
        self.worker.replies = {}
        count = 0
        for batch in batches:
            entries = [self._entry(command) for command in batch]
            count += len(entries)
            assert ahead.can_fly(entries)
            self.worker._fly(entries)
        self._decided.set()
        self.worker._land()
        first = next(self._correlations) - count
        self._correlations = itertools.count(first + count)
        return [self.worker.replies[first + index] for index in range(count)]

    def _entry(self, command: WireCommand) -> Entry:
        self._last_id += 1
        body = wire.encode(command)
        return Entry(f"{self._last_id}-0", body, "", "test", next(self._correlations), command)

    def _deciding(self, decide: Callable[..., Any]) -> Callable[..., Any]:
        def decide_ahead(commands: list[Entry]) -> Any:
            flight = self.worker._flight
            decision = decide(commands)
            if flight is not None:
                self.decided_ahead.append(decision is not None)
                self._decided.set()
            return decision

        return decide_ahead

    def _held(self, write: Callable[..., Any]) -> Callable[..., Any]:
        """Let what is in flight wait until the batch after it is decided."""

        def held(*arguments: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():
                assert self._decided.wait(WAIT_S)
                self._decided.clear()
            return write(*arguments)

        return held


@pytest.fixture
def market(transactional_db: None) -> Market:
    return make_market("BTC", "USD", fee_ppm=0)


@pytest.fixture
def flights(worker: DrivenWorker, monkeypatch: pytest.MonkeyPatch) -> Flights:
    return Flights(worker, monkeypatch)


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
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held, raised = settle.write, []

    def write(*arguments: Any) -> Any:
        monkeypatch.setattr(settle, "write", held)
        request_withdrawal(by=SYSTEM, account_id=ann.public_id, asset="USD", amount=Decimal(950))
        try:
            return held(*arguments)
        except FundsMoved:
            raised.append("FundsMoved")
            raise

    monkeypatch.setattr(settle, "write", write)
    replies = flights(
        [place(ann, market, "buy", "100.00", "1")],
        [place(bob, market, "sell", "100.00", "1")],
    )

    assert raised == ["FundsMoved"]
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
    monkeypatch: pytest.MonkeyPatch,
    has_committed: bool,
) -> None:
    original = ahead._settle

    def cut(flight: Any, *rest: Any) -> Any:
        monkeypatch.setattr(ahead, "_settle", original)
        if has_committed:
            original(flight, *rest)
        else:
            with flight.connection.cursor() as cursor:
                settle.begin(flight.connection, *rest)
                flight.written = settle.write(cursor, rest[0], flight.decision, rest[1])
        flight.connection.close()
        raise psycopg.OperationalError("the connection was lost during COMMIT")

    monkeypatch.setattr(ahead, "_settle", cut)
    replies = flights(
        [place(ann, market, "buy", "100.00", "1", key="a")],
        [place(bob, market, "sell", "100.00", "3", key="b")],
        [place(ann, market, "buy", "100.00", "1", key="c")],
    )

    assert codes(replies) == ["", "", ""]
    assert [len(reply.trades) for reply in replies] == [0, 1, 1]
    assert Order.objects.count() == 3
    assert Trade.objects.count() == 2
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
