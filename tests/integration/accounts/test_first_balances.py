"""First balances that a worker makes while a transfer makes one of them: nobody deadlocks."""

import threading
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import Balance
from accounts.money.balances import BalanceChange
from accounts.money.ledger import lock_balances, write_balances
from accounts.money.selectors import get_balance
from accounts.services import create_account, deposit, ensure_user, transfer
from tests.actors import SYSTEM
from tests.exchange import wait_until
from tests.integration.accounts.test_races import WAIT_S, Thread, count_blocked
from zavora.foundation.rows import RowCounts

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pair(usd):
    """Two accounts of one owner without anything; the one with the lower id is to receive."""
    receiver = ensure_user(by=SYSTEM, email="ann@example.com").accounts.get()
    return create_account(by=SYSTEM, owner_id=receiver.owner_id), receiver


class Meeting:
    """A batch that credits both accounts for the first time, and the owner, who comes between."""

    def __init__(self, pair, usd):
        self.payer, self.receiver = pair
        self.changes = {(one.pk, usd.pk): BalanceChange(100) for one in pair}
        self.scales = {usd.pk: 8}
        self.batch_has_locks, self.transfer_inserts, self.go = (threading.Event() for _ in range(3))
        self.batch = Thread(self.credit_both)
        self.owner = Thread(self.deposit_and_transfer)

    def credit_both(self):
        with transaction.atomic(), connection.cursor() as wrapper:
            cursor, counts = wrapper.cursor, RowCounts()
            locked = lock_balances(cursor, self.changes, self.scales, set())
            self.batch_has_locks.set()
            assert self.go.wait(WAIT_S)
            write_balances(
                cursor, self.changes, locked, self.scales,
                time_text=timezone.now().isoformat(), time_us=0, counts=counts,
            )  # fmt: skip
            counts.check()

    def deposit_and_transfer(self):
        assert self.batch_has_locks.wait(WAIT_S)
        deposit(
            by=SYSTEM, account_id=self.payer.public_id, asset="USD", amount=Decimal(5),
            source="bank",
        )  # fmt: skip
        with connection.execute_wrapper(self.pause_before_insert):
            transfer(
                by=SYSTEM, from_account=self.payer.public_id, to_account=self.receiver.public_id,
                asset="USD", amount=Decimal(5),
            )  # fmt: skip

    def pause_before_insert(self, execute, sql, params, many, context):
        """Let the batch come as far as it can before the receiver's row is made."""
        if sql.startswith('INSERT INTO "accounts_balance"'):
            self.transfer_inserts.set()
            wait_until(
                lambda: not self.batch.is_alive() or count_blocked(),
                timeout_s=WAIT_S, what="the batch",
            )  # fmt: skip
        return execute(sql, params, many, context)


def test_a_worker_that_makes_two_first_balances_and_a_transfer_do_not_deadlock(pair, usd):
    meeting = Meeting(pair, usd)
    for thread in (meeting.batch, meeting.owner):
        thread.start()
    # The deposit waits for the row that the batch has made, or the transfer is under way.
    wait_until(
        lambda: meeting.transfer_inserts.is_set() or count_blocked(),
        timeout_s=WAIT_S, what="the owner",
    )  # fmt: skip
    meeting.go.set()
    for thread in (meeting.batch, meeting.owner):
        thread.join(WAIT_S)

    assert [thread.error for thread in (meeting.batch, meeting.owner)] == [None, None]
    # What the batch credits is 100 of the smallest units.
    found = [get_balance(one.public_id, "USD").available for one in pair]
    assert found == [Decimal("0.000001"), Decimal("5.000001")]
    versions = dict(Balance.objects.values_list("account_id", "version"))
    assert versions == {meeting.payer.pk: 3, meeting.receiver.pk: 2}


def test_a_batch_that_makes_rows_holds_no_lock_meanwhile(pair, usd):
    """It waits for the row that a deposit is making, and whoever wants the other row goes on."""
    payer, receiver = pair
    deposit(by=SYSTEM, account_id=payer.public_id, asset="USD", amount=Decimal(5), source="bank")
    meeting = Meeting(pair, usd)
    meeting.go.set()
    with transaction.atomic():
        Balance.objects.bulk_create([Balance(account=receiver, asset=usd)])
        meeting.batch.start()
        wait_until(count_blocked, timeout_s=WAIT_S, what="the batch")
        free = Balance.objects.select_for_update(nowait=True)
        assert free.get(account=payer).available == 5
    meeting.batch.join(WAIT_S)

    assert meeting.batch.error is None
    assert get_balance(receiver.public_id, "USD").available == Decimal("0.000001")
