"""Transfers beside withdrawals, orders and each other: money goes once, and nobody deadlocks."""

import itertools
import threading
from collections import Counter
from decimal import Decimal

import pytest
from django.db import OperationalError, transaction

from accounts.models import AuditRecord, Balance, Transfer, Withdrawal
from accounts.money.selectors import get_balance
from accounts.people.locks import lock_account
from accounts.services import create_account, deposit, request_withdrawal, transfer
from matching.commands.cancel import CancelOrder
from matching.models import Order
from matching.reconcile import reconcile
from tests.actors import SYSTEM, customer
from tests.integration.accounts.test_races import WAIT_S, Thread, run_together, wait_until_blocked
from tests.integration.matching.worker_setup import (
    driven_worker,
    make_account,
    make_market,
    place,
)
from zavora.foundation.errors import InsufficientBalance

pytestmark = pytest.mark.django_db(transaction=True)

ALL = Decimal(60)
TURNS = 50
REFUSED = "insufficient_balance"


class Rivals:
    """An account of 60 USD, and three who want all of it: a withdrawal, a transfer, an order."""

    def __init__(self, worker, market):
        self.worker = worker
        self.market = market
        self.account = make_account("ann", USD=str(ALL))
        self.second = create_account(by=SYSTEM, owner_id=self.account.owner_id)
        self.by = customer(self.account.owner)
        self.calls = {
            "withdrawal": self.withdraw,
            "transfer": lambda: self.transfer(self.account, self.second),
            "order": self.order,
        }

    def withdraw(self):
        return request_withdrawal(
            by=self.by, account_id=self.account.public_id, asset="USD", amount=ALL
        )

    def transfer(self, payer, receiver):
        return transfer(
            by=self.by,
            from_account=payer.public_id,
            to_account=receiver.public_id,
            asset="USD",
            amount=ALL,
        )

    def order(self):
        (reply,) = self.worker.settle(place(self.account, self.market, "buy", "60.00", "1"))
        if reply.code == REFUSED:
            raise InsufficientBalance(reply.code)
        assert reply.code == ""
        return reply

    def undo(self, winner):
        """Let the account have its 60 USD again."""
        if winner == "transfer":
            self.transfer(self.second, self.account)
        elif winner == "withdrawal":
            deposit(
                by=SYSTEM,
                account_id=self.account.public_id,
                asset="USD",
                amount=ALL,
                source="bank",
            )
        else:
            order_id = Order.objects.get(status="new").pk
            cancel = CancelOrder(self.account.pk, self.market.pk, order_id)
            (reply,) = self.worker.settle(cancel)
            assert reply.code == ""

    def figures(self):
        """Return (available, held) of the account, and what the other one has."""
        mine, other = (get_balance(one.public_id, "USD") for one in (self.account, self.second))
        return (mine.available, mine.locked, other.available if other else Decimal(0))


AFTER = {"withdrawal": (0, 0, 0), "transfer": (0, 0, ALL), "order": (0, ALL, 0)}


@pytest.fixture
def rivals(db):
    market = make_market("BTC", "USD")
    with driven_worker() as worker:
        yield Rivals(worker, market)


def test_money_that_three_want_at_once_goes_to_one_of_them(rivals):
    won = Counter()
    orders = itertools.cycle(itertools.permutations(rivals.calls))
    for turn, names in zip(range(TURNS), orders, strict=False):
        # Each has begun before any is done: the worker has read 60 available already.
        with transaction.atomic():
            list(Balance.objects.select_for_update().filter(account=rivals.account))
            threads = {name: Thread(rivals.calls[name]) for name in names}
            for count, thread in enumerate(threads.values(), start=1):
                thread.start()
                wait_until_blocked(count)
        for thread in threads.values():
            thread.join(WAIT_S)
            assert not thread.is_alive()

        (winner,) = [name for name, thread in threads.items() if thread.error is None]
        errors = [type(thread.error) for thread in threads.values() if thread.error]
        assert errors == [InsufficientBalance] * 2, turn
        assert rivals.figures() == AFTER[winner], turn
        won[winner] += 1
        rivals.undo(winner)
        assert rivals.figures() == (ALL, 0, 0), turn

    assert won.total() == TURNS
    assert len(won) == 3, won
    counts = (Withdrawal.objects.count(), AuditRecord.objects.filter(act="transfer").count())
    assert counts == (won["withdrawal"], 2 * won["transfer"])
    assert reconcile() == []


def test_without_the_lock_the_same_money_is_withdrawn_transferred_and_in_an_order(rivals):
    """The control: whoever checks, lets the worker go by, and then writes, spends it again."""
    account, second = rivals.account, rivals.second
    have_checked, may_write = (threading.Barrier(3, timeout=WAIT_S) for _ in range(2))

    def careless(spend):
        with transaction.atomic():
            balance = Balance.objects.get(account=account)
            assert balance.available >= ALL
            have_checked.wait()
            may_write.wait()
            balance.available -= ALL
            balance.save(update_fields=["available"])
            return spend(balance.asset)

    def withdraw(usd):
        Withdrawal.objects.create(account=account, asset=usd, amount=ALL, state="settled")

    def give(usd):
        Balance.objects.create(account=second, asset=usd, available=ALL)

    threads = [Thread(lambda spend=spend: careless(spend)) for spend in (withdraw, give)]
    for thread in threads:
        thread.start()
    have_checked.wait()
    rivals.order()
    may_write.wait()
    for thread in threads:
        thread.join(WAIT_S)

    assert [thread.error for thread in threads] == [None, None]
    assert Withdrawal.objects.filter(state="settled").count() == 1
    assert rivals.figures() == (0, ALL, ALL)  # of 60, withdrawn, transferred and in an order
    assert {found.check for found in reconcile()} >= {
        "withdrawal is in the ledger", "balance is the sum of its entries",
    }  # fmt: skip


# --- each other ----------------------------------------------------------------------------------


@pytest.fixture
def pair(funded):
    """Two accounts of one owner with 100 USD each."""
    second = create_account(by=SYSTEM, owner_id=funded.owner_id)
    deposit(by=SYSTEM, account_id=second.public_id, asset="USD", amount=Decimal(100), source="bank")
    return funded, second


def test_opposite_transfers_at_once_never_deadlock(pair):
    def many(payer, receiver):
        for _ in range(12):
            transfer(
                by=SYSTEM,
                from_account=payer.public_id,
                to_account=receiver.public_id,
                asset="USD",
                amount=Decimal(1),
            )

    one, other = pair
    there, back = (lambda: many(one, other)), (lambda: many(other, one))

    threads = run_together(there, back, there, back)

    assert [thread.error for thread in threads] == [None] * 4
    assert Transfer.objects.count() == 48
    assert [get_balance(account.public_id, "USD").available for account in pair] == [100, 100]
    assert reconcile() == []


def test_locks_taken_in_the_order_of_the_request_deadlock(pair):
    """The control: each locks the account that it takes from first."""
    have_one = threading.Barrier(2, timeout=WAIT_S)

    def careless(payer, receiver):
        with transaction.atomic():
            lock_account(payer.public_id)
            have_one.wait()
            lock_account(receiver.public_id)

    one, other = pair
    threads = run_together(lambda: careless(one, other), lambda: careless(other, one))

    (error,) = [thread.error for thread in threads if thread.error]
    assert isinstance(error, OperationalError)
    assert "deadlock" in str(error)


def test_first_transfers_to_an_account_at_once_make_one_balance(pair):
    third = create_account(by=SYSTEM, owner_id=pair[0].owner_id)

    def give(payer):
        return lambda: transfer(
            by=SYSTEM,
            from_account=payer.public_id,
            to_account=third.public_id,
            asset="USD",
            amount=Decimal(5),
        )

    threads = run_together(*[give(payer) for payer in pair * 3])

    assert [thread.error for thread in threads] == [None] * 6
    balance = Balance.objects.get(account=third)
    assert (balance.available, balance.version) == (30, 6)
    assert reconcile() == []


def test_a_key_used_twice_at_once_is_one_transfer(pair):
    one, other = pair

    def move():
        return transfer(
            by=SYSTEM,
            from_account=one.public_id,
            to_account=other.public_id,
            asset="USD",
            amount=Decimal(30),
            key="k",
        )

    threads = run_together(*[move] * 6)

    assert [thread.error for thread in threads] == [None] * 6
    assert len({thread.result.pk for thread in threads}) == 1
    assert get_balance(one.public_id, "USD").available == 70
    assert reconcile() == []
