"""What goes wrong in a batch hurts only what is wrong, and memory is never ahead of the tables."""

import itertools
import random
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from django.db import connection

from accounts.models import Account, Balance
from accounts.services import create_account, request_withdrawal
from matching.commands.amend import AmendOrder
from matching.commands.base import WireCommand
from matching.commands.cancel import CancelOrder
from matching.commands.cancel_all import CancelAllOrders
from matching.engine import Engine
from matching.models import Command, Market, Order, OrderKey, Trade
from matching.worker import transaction
from matching.worker.results import Moved
from matching.worker.transaction import FundsMoved, Settled
from tests.actors import SYSTEM
from tests.integration.matching.worker_setup import (
    DrivenWorker,
    assert_sound,
    driven_worker,
    journal,
    make_account,
    make_market,
    place,
    rebuilt_hash,
)
from zavora.foundation.lasting import WatchedConnection

pytestmark = pytest.mark.django_db(transaction=True)


def available(account: Account, asset: str = "USD") -> Decimal:
    return Balance.objects.get(account=account, asset__code=asset).available


# --- money that moves meanwhile -------------------------------------------------------------------


def _withdraw_before_the_lock(worker: DrivenWorker, account: Account, amount: str) -> None:
    """Let a withdrawal commit once between the batch's reading and its locking of balances."""

    def write(really: Callable[[], Settled], _: object) -> Settled:
        worker.settlement.around_write = None
        thread = threading.Thread(target=_withdraw, args=(account, amount))
        thread.start()
        thread.join()
        return really()

    worker.settlement.around_write = write


def _withdraw(account: Account, amount: str) -> None:
    request_withdrawal(by=SYSTEM, account_id=account.public_id, asset="USD", amount=Decimal(amount))
    connection.close()


def test_a_withdrawal_between_read_and_lock_makes_the_batch_decide_anew(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    _withdraw_before_the_lock(worker, ann, "600")
    first, second = worker.settle(
        place(ann, market, "buy", "10.00", "30"), place(ann, market, "buy", "10.00", "60")
    )
    assert worker.settlement.kinds == ["Moved", "Committed"]
    assert (first.code, second.code) == ("", "insufficient_balance")
    assert available(ann) == 100
    assert worker.state_hash() == rebuilt_hash()
    assert_sound()


def test_a_withdrawal_that_leaves_enough_needs_no_second_decision(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    """The control: it is the missing money that makes the batch decide anew, nothing else."""
    _withdraw_before_the_lock(worker, ann, "600")
    (reply,) = worker.settle(place(ann, market, "buy", "10.00", "30"))
    assert worker.settlement.kinds == ["Committed"]
    assert (reply.code, available(ann)) == ("", 100)
    assert_sound()


def test_without_the_check_under_the_lock_the_constraint_would_void_the_order(
    monkeypatch: pytest.MonkeyPatch, worker: DrivenWorker, market: Market, ann: Account
) -> None:
    """The control: without the check the race makes an honest order an internal error."""
    _withdraw_before_the_lock(worker, ann, "600")
    plenty = {"lock_balances": transaction.lock_balances}

    def optimistic(*given: Any) -> Any:
        locked = plenty["lock_balances"](*given)
        for balance in locked.values():
            balance.available_units += 10**15
        return locked

    monkeypatch.setattr(transaction, "lock_balances", optimistic)
    (reply,) = worker.settle(place(ann, market, "buy", "10.00", "60"))
    assert reply.code == "internal_error"
    assert available(ann) == 400
    assert worker.state_hash() == rebuilt_hash()


# --- keys -----------------------------------------------------------------------------------------


def test_a_repeated_key_gets_the_first_result_whatever_it_was(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    placed = place(ann, market, "buy", "10.00", "1", key="a")
    refused = place(ann, market, "buy", "10.00", "1000", key="b")
    first = worker.settle(placed, refused)
    assert [reply.code for reply in first] == ["", "insufficient_balance"]
    worker.settle(CancelOrder(ann.pk, market.pk, first[0].orders[0].id))
    make_account("ann", USD="100000")  # what was refused would pass now
    assert worker.settle(placed, refused) == first
    later = msgspec.structs.replace(placed, deadline_ms=2**42)
    assert worker.settle(later) == first[:1]
    assert Order.objects.count() == 1
    assert [outcome for _, outcome, _ in journal()] == [
        "applied", "rejected", "applied", "duplicate", "duplicate", "duplicate",
    ]  # fmt: skip
    assert_sound()


def test_a_key_with_other_content_is_a_conflict_also_within_a_batch(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    replies = worker.settle(
        place(ann, market, "buy", "10.00", "1", key="a"),
        place(ann, market, "buy", "10.00", "1", key="a"),
        place(ann, market, "buy", "10.00", "2", key="a"),
    )
    assert replies[0] == replies[1]
    assert [reply.code for reply in replies] == ["", "", "conflict"]
    (again,) = worker.settle(place(ann, market, "sell", "10.00", "1", key="a"))
    assert again.code == "conflict"
    assert Order.objects.count() == 1


def test_a_key_belongs_to_its_account(
    worker: DrivenWorker, market: Market, ann: Account, bob: Account
) -> None:
    replies = worker.settle(
        place(ann, market, "buy", "10.00", "1", key="a"),
        place(bob, market, "buy", "10.00", "1", key="a"),
    )
    assert [reply.code for reply in replies] == ["", ""]
    assert OrderKey.objects.count() == Order.objects.count() == 2


def test_an_expired_command_binds_no_key(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    (expired,) = worker.settle(place(ann, market, "buy", "10.00", "1", key="a", deadline_ms=1))
    assert expired.code == "expired"
    (placed,) = worker.settle(place(ann, market, "buy", "10.00", "1", key="a"))
    assert placed.code == ""
    assert journal() == [("place", "expired", "expired"), ("place", "applied", "")]


def test_a_key_that_another_shard_bound_meanwhile_is_decided_anew(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    other = make_market("ETH", "USD", shard_id=1)
    with driven_worker(1) as second:

        def write(really: Callable[[], Settled], _: object) -> Settled:
            worker.settlement.around_write = None
            (reply,) = second.settle(place(ann, other, "buy", "10.00", "1", key="a"))
            assert reply.code == ""
            return really()

        worker.settlement.around_write = write
        (reply,) = worker.settle(place(ann, market, "buy", "10.00", "1", key="a"))
    assert worker.settlement.results[0] == Moved("KeysTaken()")
    assert worker.settlement.kinds == ["Moved", "Committed"]
    assert reply.code == "conflict"
    assert list(Order.objects.values_list("market_id", flat=True)) == [other.pk]
    assert worker.state_hash() == rebuilt_hash(0)
    assert_sound(1)


# --- commands that cannot be read, applied or stored ----------------------------------------------


def test_a_body_that_cannot_be_read_is_journaled_and_answered_and_stops_nobody(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    replies = worker.settle(
        place(ann, market, "buy", "10.00", "1"),
        b"\xc1nonsense",
        place(ann, market, "buy", "11.00", "1"),
    )
    assert [reply.code for reply in replies] == ["", "internal_error", ""]
    assert journal()[1] == ("unreadable", "rejected", "bad_command")
    assert bytes(Command.objects.get(kind="unreadable").body) == b"\xc1nonsense"
    assert Order.objects.count() == 2


def _fail_on(monkeypatch: pytest.MonkeyPatch, *prices: int) -> None:
    """Let the engine raise for orders at these prices in ticks."""
    original = Engine.apply

    def apply(self: Engine, command: Any) -> Any:
        if getattr(command, "price_ticks", None) in prices:
            raise ZeroDivisionError("a bug in the engine")
        return original(self, command)

    monkeypatch.setattr(Engine, "apply", apply)


def test_a_command_that_the_engine_cannot_apply_is_void_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch,
    worker: DrivenWorker,
    market: Market,
    ann: Account,
    bob: Account,
) -> None:
    _fail_on(monkeypatch, 1300)
    replies = worker.settle(
        place(ann, market, "sell", "12.00", "1"),
        place(ann, market, "sell", "13.00", "1", key="a"),
        place(bob, market, "buy", "12.00", "1"),
    )
    assert [reply.code for reply in replies] == ["", "internal_error", ""]
    assert [trade.quantity for trade in replies[2].trades] == ["1.000"]
    assert [row[1:] for row in journal()] == [
        ("applied", ""), ("void", "ZeroDivisionError"), ("applied", ""),
    ]  # fmt: skip
    assert not OrderKey.objects.exists()  # it may be tried again
    assert worker.state_hash() == rebuilt_hash()
    assert_sound()


def test_a_row_that_postgresql_refuses_is_void_and_the_rest_goes_on(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    """The one order is found by halves, wherever it stands in the batch."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE matching_order ADD CONSTRAINT no_13 CHECK (price <> 13)")
    try:
        replies = worker.settle(
            *[place(ann, market, "buy", f"{price}.00", "1") for price in range(10, 17)]
        )
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE matching_order DROP CONSTRAINT no_13")
    assert [reply.code for reply in replies] == ["", "", "", "internal_error", "", "", ""]
    assert [outcome for _, outcome, _ in journal()].index("void") == 3
    assert worker.state_hash() == rebuilt_hash()
    assert_sound()


@pytest.mark.parametrize("good_first", [0, 1], ids=["alone", "after a good one"])
def test_three_void_commands_in_a_row_halt_the_market(
    monkeypatch: pytest.MonkeyPatch,
    worker: DrivenWorker,
    market: Market,
    ann: Account,
    good_first: int,
) -> None:
    _fail_on(monkeypatch, 1300)
    bad = place(ann, market, "buy", "13.00", "1")
    good = place(ann, market, "buy", "10.00", "1")
    replies = worker.settle(*[good] * good_first, bad, bad, bad, good)
    assert [reply.code for reply in replies[good_first:]] == [
        "internal_error", "internal_error", "internal_error", "market_halted",
    ]  # fmt: skip
    market.refresh_from_db()
    assert market.phase == "halted"
    assert worker.state_hash() == rebuilt_hash()
    assert_sound()


def test_two_void_commands_and_one_that_is_none_do_not_halt_it(
    monkeypatch: pytest.MonkeyPatch, worker: DrivenWorker, market: Market, ann: Account
) -> None:
    _fail_on(monkeypatch, 1300)
    bad = place(ann, market, "buy", "13.00", "1")
    good = place(ann, market, "buy", "10.00", "1")
    for _ in range(2):
        worker.settle(bad, bad, good, bad)
        worker.settle(good)
    market.refresh_from_db()
    assert market.phase == "continuous"
    assert Order.objects.count() == 4


def test_a_passing_failure_of_postgresql_is_waited_out_and_nobody_is_blamed(
    worker: DrivenWorker, market: Market, ann: Account
) -> None:
    def write(really: Callable[[], Settled], connection: WatchedConnection) -> Settled:
        settled = really()
        if len(worker.settlement.results) < 2:
            connection.execute("DO $$ BEGIN RAISE EXCEPTION 'disk' USING ERRCODE = '53100'; END $$")
        return settled

    worker.settlement.around_write = write
    (reply,) = worker.settle(place(ann, market, "buy", "10.00", "1"))
    assert worker.settlement.kinds == ["Passing", "Passing", "Committed"]
    assert reply.code == ""
    assert Order.objects.count() == 1
    assert worker.state_hash() == rebuilt_hash()


# --- random batches -------------------------------------------------------------------------------


def test_memory_equals_the_tables_after_random_batches_with_failures(
    worker: DrivenWorker,
    market: Market,
    ann: Account,
    bob: Account,
) -> None:
    """Every third batch fails once after writing and is decided again."""
    draw = random.Random(20250101)
    accounts = [ann, bob, create_account(by=SYSTEM, owner_id=ann.owner_id)]
    writings = itertools.count(1)

    def write(really: Callable[[], Settled], _: object) -> Settled:
        settled = really()
        if next(writings) % 3 == 0:
            raise FundsMoved("for the test")
        return settled

    worker.settlement.around_write = write
    open_ids: list[tuple[int, int]] = []
    for _ in range(40):
        replies = worker.settle(*[_random(draw, accounts, market, open_ids) for _ in range(12)])
        open_ids += [(order.account_id, order.id) for reply in replies for order in reply.orders]
        assert worker.state_hash() == rebuilt_hash()
    assert worker.settlement.kinds.count("Moved") >= 15
    assert Trade.objects.count() > 50
    assert_sound()


def _random(
    draw: random.Random,
    accounts: list[Account],
    market: Market,
    open_ids: list[tuple[int, int]],
) -> WireCommand:
    kind = draw.random()
    if open_ids and kind < 0.2:
        account_id, order_id = draw.choice(open_ids)
        return CancelOrder(account_id, market.pk, order_id)
    if open_ids and kind < 0.3:
        account_id, order_id = draw.choice(open_ids)
        price = f"{draw.randint(950, 1050) / 100:.2f}"
        return AmendOrder(account_id, market.pk, order_id, price, None, None, 2**42)
    if kind < 0.32:
        return CancelAllOrders(draw.choice(accounts).pk, None, None)
    side = draw.choice(("buy", "sell"))
    quantity = f"0.{draw.randint(1, 999):03d}"
    if kind < 0.4:
        return place(draw.choice(accounts), market, side, None, quantity)
    price = f"{draw.randint(950, 1050) / 100:.2f}"
    tif = draw.choice(("gtc", "gtc", "gtc", "ioc", "fok"))
    return place(draw.choice(accounts), market, side, price, quantity, time_in_force=tif)
