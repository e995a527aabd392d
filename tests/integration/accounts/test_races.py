"""Two requests at once: money is not spent twice, and without the locks it would be."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test import override_settings

from accounts.models import Account, AuditRecord, Balance, Deposit, Withdrawal
from accounts.money.selectors import get_balance
from accounts.people.locks import lock_account
from accounts.services import (
    cancel_own_withdrawal,
    deposit,
    ensure_user,
    request_withdrawal,
    set_account_status,
    settle_withdrawal,
)
from matching.reconcile import reconcile
from tests.actors import SYSTEM
from tests.approving import approve_up_to
from zavora.foundation.errors import AccountFrozen, Conflict, InsufficientBalance

pytestmark = pytest.mark.django_db(transaction=True)

WAIT_S = 20.0


class Thread(threading.Thread):
    """Runs a call on a database connection of its own and keeps its result or error."""

    def __init__(self, call: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self.call = call
        self.result: object = None
        self.error: BaseException | None = None

    def run(self):
        try:
            self.result = self.call()
        except BaseException as error:
            self.error = error
        finally:
            connection.close()


def run_together(*calls):
    threads = [Thread(call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()
    return threads


def count_blocked():
    """Return how many sessions of this database wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return cursor.fetchone()[0]


def wait_until_blocked(count=1):
    """Return once ``count`` sessions of this database wait for a lock."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        if count_blocked() >= count:
            return
    pytest.fail("nobody waited for the lock")


def records(about="withdrawal"):
    """Return how often each act is on record."""
    return Counter(AuditRecord.objects.filter(act__startswith=about).values_list("act", flat=True))


def withdraw(account, amount, **more):
    return lambda: request_withdrawal(
        by=SYSTEM, account_id=account.public_id, asset="USD", amount=Decimal(amount), **more
    )


def test_without_locks_the_same_money_leaves_twice(funded, usd):
    """The control: check, then write, as a careless service would; both pass the check."""
    both_have_checked = threading.Barrier(2, timeout=WAIT_S)

    def careless():
        with transaction.atomic():
            balance = Balance.objects.get(account=funded, asset=usd)
            assert balance.available >= 60
            both_have_checked.wait()
            balance.available -= 60
            balance.save(update_fields=["available"])
            return Withdrawal.objects.create(account=funded, asset=usd, amount=60, state="settled")

    threads = run_together(careless, careless)

    assert [thread.error for thread in threads] == [None, None]
    assert Withdrawal.objects.count() == 2  # 120 left an account of 100
    assert get_balance(funded.public_id, "USD").available == 40
    assert {found.check for found in reconcile()} >= {"withdrawal is in the ledger"}


def test_one_of_two_withdrawals_at_once_gets_the_money(funded):
    with transaction.atomic():
        lock_account(funded.public_id)  # both stand before the lock, so both come at once
        threads = [Thread(withdraw(funded, 60)) for _ in range(2)]
        for thread in threads:
            thread.start()
        wait_until_blocked(2)
    for thread in threads:
        thread.join(WAIT_S)

    errors = [thread.error for thread in threads]
    assert sorted(type(error) for error in errors if error) == [InsufficientBalance]
    assert Withdrawal.objects.count() == 1
    assert get_balance(funded.public_id, "USD").available == 40
    assert reconcile() == []


def ask_for(account, amount):
    approve_up_to(1_000)
    with override_settings(ZAVORA_FAUCET=False):
        return request_withdrawal(
            by=SYSTEM,
            account_id=account.public_id,
            asset="USD",
            amount=Decimal(amount),
            address="somewhere",
        )


def test_without_locks_a_withdrawal_is_paid_out_and_given_back(funded, usd):
    """The control: both see it pending, both act; the account keeps what it was paid."""
    record = ask_for(funded, 60)
    both_have_checked = threading.Barrier(2, timeout=WAIT_S)

    def careless(state, back):
        with transaction.atomic():
            found = Withdrawal.objects.get(pk=record.pk)
            assert found.state == "approved"
            both_have_checked.wait()
            Balance.objects.filter(account=funded, asset=usd).update(
                available=F("available") + back, locked=F("locked") - (60 if back else 0)
            )
            Withdrawal.objects.filter(pk=record.pk).update(state=state)

    threads = run_together(lambda: careless("settled", 0), lambda: careless("cancelled", 60))

    assert [thread.error for thread in threads] == [None, None]  # both won


def test_of_a_pay_out_and_a_cancel_at_once_exactly_one_wins(funded):
    outcomes = Counter()
    left = Decimal(100)
    for turn in range(50):
        record = ask_for(funded, 1)
        calls = [
            lambda pk=record.pk: settle_withdrawal(by=SYSTEM, withdrawal_id=pk),
            lambda pk=record.pk: cancel_own_withdrawal(
                by=SYSTEM, account_id=funded.public_id, withdrawal_id=pk
            ),
        ]
        with transaction.atomic():
            lock_account(funded.public_id)  # both stand before the lock; who comes first changes
            threads = [Thread(call) for call in (calls if turn % 2 else calls[::-1])]
            for count, thread in enumerate(threads, start=1):
                thread.start()
                wait_until_blocked(count)
        for thread in threads:
            thread.join(WAIT_S)

        errors = [type(thread.error) for thread in threads if thread.error]
        assert errors == [Conflict], turn
        state = Withdrawal.objects.get(pk=record.pk).state
        outcomes[state] += 1
        left -= 1 if state == "settled" else 0
        balance = get_balance(funded.public_id, "USD")
        assert (balance.available, balance.locked) == (left, 0), turn

    assert outcomes == {"settled": 25, "cancelled": 25}
    # Whoever lost left no record of it.
    assert records() == {
        "withdrawal.request": 50, "withdrawal.settle": 25, "withdrawal.cancel": 25,
    }  # fmt: skip
    assert reconcile() == []


def test_many_withdrawals_at_once_take_what_there_is_and_no_more(funded):
    threads = run_together(*[withdraw(funded, 15) for _ in range(10)])

    assert [type(t.error) for t in threads if t.error] == [InsufficientBalance] * 4
    assert records() == {"withdrawal.request": 6}
    assert get_balance(funded.public_id, "USD").available == 10
    assert reconcile() == []


def test_a_key_used_twice_at_once_is_one_withdrawal(funded):
    threads = run_together(*[withdraw(funded, 30, key="k") for _ in range(6)])

    assert [thread.error for thread in threads] == [None] * 6
    assert len({thread.result.pk for thread in threads}) == 1
    assert records() == {"withdrawal.request": 1}
    assert get_balance(funded.public_id, "USD").available == 70
    assert reconcile() == []


def test_first_deposits_at_once_make_one_balance(account, usd):
    def give(key):
        return lambda: deposit(
            by=SYSTEM,
            account_id=account.public_id,
            asset="USD",
            amount=Decimal(5),
            source="bank",
            key=key,
        )

    threads = run_together(*[give(key) for key in ("a", "b", "c", "a", "b", "c")])

    assert [thread.error for thread in threads] == [None] * 6
    assert Deposit.objects.count() == 3
    assert records("deposit") == {"deposit.gateway": 3}
    balance = Balance.objects.get()
    assert (balance.available, balance.version) == (15, 3)
    assert reconcile() == []


def test_a_reference_at_two_accounts_at_once_is_credited_to_one(account, usd):
    other: Account = ensure_user(by=SYSTEM, email="bob@example.com").accounts.get()

    def give(to):
        return lambda: deposit(
            by=SYSTEM,
            account_id=to.public_id,
            asset="USD",
            amount=Decimal(5),
            source="bank",
            external_reference="wire-1",
        )

    for _ in range(5):
        Deposit.objects.filter(external_reference="wire-1").update(external_reference=None)
        before = Deposit.objects.count()
        threads = run_together(give(account), give(other))
        assert [type(t.error) for t in threads if t.error] == [Conflict]
        assert Deposit.objects.count() == before + 1
    assert reconcile() == []


def test_no_withdrawal_passes_a_freeze_that_has_committed(funded):
    with transaction.atomic():
        lock_account(funded.public_id)
        freeze = Thread(
            lambda: set_account_status(by=SYSTEM, account_id=funded.public_id, status="frozen")
        )
        freeze.start()
        wait_until_blocked(1)  # the freeze is first in the queue
        late = Thread(withdraw(funded, 1))
        late.start()
        wait_until_blocked(2)
    freeze.join(WAIT_S)
    late.join(WAIT_S)

    assert freeze.error is None
    assert isinstance(late.error, AccountFrozen)
    assert Withdrawal.objects.count() == 0
