"""One balance asked for by a withdrawal and an order at once: one of them has it, never both."""

from collections import Counter
from decimal import Decimal

import pytest
from django.db import connection, transaction

from accounts.models import Balance, Withdrawal
from accounts.services import cancel_own_withdrawal, request_withdrawal
from matching.reconcile import reconcile
from tests.actors import customer
from tests.integration.accounts.test_races import WAIT_S, Thread, wait_until_blocked
from zavora.foundation.errors import InsufficientBalance

ORDER = "buy 3 @ 20000"  # of the 100 000 USD that there are
ALL, FREE, HELD = Decimal(100_000), Decimal(40_000), Decimal(60_000)


@pytest.fixture(autouse=True)
def no_faucet(settings):
    settings.ZAVORA_FAUCET = False


def withdraw(account):
    return request_withdrawal(
        by=customer(account.owner), account_id=account.public_id, asset="USD", amount=HELD,
        address="somewhere",
    )  # fmt: skip


def test_without_the_lock_of_the_balance_both_have_it(bench):
    """The control: the same services, but for the lock, which is left out of the statement."""
    market, left_out = bench.market(), []

    def without_lock(execute, sql, params, many, context):
        if '"accounts_balance"' in sql and sql.endswith(" FOR UPDATE"):
            left_out.append(sql)
            sql = sql.removesuffix(" FOR UPDATE")
        if sql.startswith('UPDATE "accounts_balance"'):  # it has looked, and is about to write
            (reply,) = bench.apply(bench.order(0, market, ORDER))
            assert reply.code == ""
        return execute(sql, params, many, context)

    with connection.execute_wrapper(without_lock):
        withdraw(bench.accounts[0])
    assert left_out
    assert (Withdrawal.objects.count(), len(bench.open_orders(0))) == (1, 1)
    # Both hold 60 000 of 100 000, and the balance knows of one.
    assert bench.balance(0, "USD") == (FREE, HELD)
    wrong = "locked is what open orders and pending withdrawals hold"
    assert [found.check for found in reconcile()] == [wrong]


def test_of_a_withdrawal_and_an_order_at_once_exactly_one_has_the_balance(bench):
    market, account = bench.market(), bench.accounts[0]
    having = Counter()
    for turn in range(50):
        asked = Thread(lambda: withdraw(account))
        ordered = Thread(lambda: bench.apply(bench.order(0, market, ORDER)))
        with transaction.atomic():
            # Both stand before the lock; who comes first changes.
            Balance.objects.select_for_update().get(account=account, asset__code="USD")
            threads = (asked, ordered) if turn % 2 else (ordered, asked)
            for count, thread in enumerate(threads, start=1):
                thread.start()
                wait_until_blocked(count)
        for thread in threads:
            thread.join(WAIT_S)
            assert not thread.is_alive()

        assert bench.balance(0, "USD") == (FREE, HELD), turn
        (reply,) = ordered.result
        if asked.error is None:
            having["withdrawal"] += 1
            assert (reply.code, bench.open_orders(0)) == ("insufficient_balance", [])
            cancel_own_withdrawal(
                by=customer(account.owner), account_id=account.public_id,
                withdrawal_id=asked.result.pk,
            )  # fmt: skip
        else:
            having["order"] += 1
            assert isinstance(asked.error, InsufficientBalance)
            (order,) = bench.open_orders(0)
            bench.apply(bench.cancel(0, market, order.pk))
        assert bench.balance(0, "USD") == (ALL, 0), turn
    assert having == {"withdrawal": 25, "order": 25}
    assert reconcile() == []
