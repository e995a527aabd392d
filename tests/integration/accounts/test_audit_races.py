"""The chain's lock is the last that a transaction waits for, so it never deadlocks with others.

The controls take it earlier, each in one of the two ways that come to mind first, and deadlock.
"""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction

from accounts.audit import record_act
from accounts.models import Account, Asset, AuditLink, AuditRecord, Balance, Deposit
from accounts.services import create_asset, deposit, ensure_user
from tests.actors import SYSTEM
from tests.integration.accounts.audit_trail import act, positions, verify
from tests.integration.accounts.test_races import WAIT_S, Thread, run_together, wait_until_blocked

pytestmark = pytest.mark.django_db(transaction=True)

THREADS = 8
TURNS = 25
TAKE_LOCK = """
CREATE FUNCTION test_take_chain_lock() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_advisory_xact_lock(20100, 1); RETURN NEW; END $$;
CREATE {trigger} ON accounts_auditrecord {when} FOR EACH ROW EXECUTE FUNCTION test_take_chain_lock()
"""
WHEN_INSERTED = TAKE_LOCK.format(trigger="TRIGGER test_early BEFORE INSERT", when="")
IN_THE_FIRST_ROUND = TAKE_LOCK.format(
    trigger="CONSTRAINT TRIGGER test_early AFTER INSERT", when="DEFERRABLE INITIALLY DEFERRED"
)


@contextmanager
def chain_lock_taken(when: str | None) -> Iterator[None]:
    """Take the chain's lock early, where ``when`` says how."""
    with connection.cursor() as cursor:
        if when is not None:
            cursor.execute(when)
        try:
            yield
        finally:
            cursor.execute("DROP FUNCTION IF EXISTS test_take_chain_lock() CASCADE")


@contextmanager
def short_patience() -> Iterator[None]:
    """Begin a transaction in which a deadlock is noticed soon."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL deadlock_timeout = '20ms'")
        yield


def record(name: str) -> AuditRecord:
    return record_act(SYSTEM, "asset.open", f"asset:{name}")


def lock_row(model: type, **name: object) -> None:
    model.objects.select_for_update().get(**name)


def errors_of(threads: list[Thread]) -> list[str]:
    return [str(one.error).splitlines()[0] for one in threads if one.error is not None]


def assert_chained(count: int) -> None:
    assert positions() == list(range(1, count + 1))
    assert AuditRecord.objects.filter(link__isnull=True).count() == 0
    assert verify()[0] == 0


@pytest.mark.parametrize("when", [None, WHEN_INSERTED], ids=["at commit", "when inserted"])
def test_who_records_first_and_who_locks_first_do_not_wait_for_each_other(funded, usd, when):
    balance = {"account": funded, "asset": usd}
    both = threading.Barrier(2, timeout=WAIT_S)
    before = AuditLink.objects.count()

    def record_then_lock() -> None:
        with short_patience():
            record("A")
            both.wait()
            lock_row(Balance, **balance)

    def lock_then_record() -> None:
        with short_patience():
            lock_row(Balance, **balance)
            both.wait()
            record("B")

    with chain_lock_taken(when):
        threads = run_together(record_then_lock, lock_then_record)

    if when is None:
        assert errors_of(threads) == []
        assert_chained(before + 2)
    else:
        assert errors_of(threads) == ["deadlock detected"]
        assert_chained(before + 1)


@pytest.mark.parametrize("when", [None, IN_THE_FIRST_ROUND], ids=["second round", "first round"])
def test_a_foreign_key_that_is_checked_at_commit_comes_before_the_chain(funded, usd, when):
    """It waits for the row that it refers to, whose holder is about to commit a record, too."""
    before = AuditLink.objects.count()

    def record_then_refer() -> None:
        with short_patience():
            record("A")
            Deposit.objects.create(account=funded, asset=usd, amount=1, state="credited")

    def hold_then_record(is_held: threading.Event, go: threading.Event) -> None:
        with short_patience():
            lock_row(Asset, pk=usd.pk)
            record("B")
            is_held.set()
            assert go.wait(WAIT_S)

    is_held, go = threading.Event(), threading.Event()
    with chain_lock_taken(when):
        holder = Thread(lambda: hold_then_record(is_held, go))
        holder.start()
        assert is_held.wait(WAIT_S)
        referring = Thread(record_then_refer)
        referring.start()
        wait_until_blocked(1)  # at its commit, by the check
        go.set()
        for thread in (holder, referring):
            thread.join(WAIT_S)
            assert not thread.is_alive()

    if when is None:
        assert errors_of([holder, referring]) == []
        assert_chained(before + 2)
    else:
        assert errors_of([holder, referring]) == ["deadlock detected"]
        assert_chained(before + 1)


@pytest.fixture
def balances(db: None) -> list[Balance]:
    """Four accounts with two assets each."""
    codes = ("EUR", "USD")
    for code in codes:
        create_asset(by=SYSTEM, code=code, name=code, scale=8)
    for name in ("ann", "bob", "cat", "dan"):
        account = ensure_user(by=SYSTEM, email=f"{name}@example.com").accounts.get()
        for code in codes:
            deposit(
                by=SYSTEM, account_id=account.public_id, asset=code, amount=Decimal(1),
                source="bank",
            )  # fmt: skip
    return list(Balance.objects.select_related("account", "asset").order_by("pk"))


def a_transaction(random_: random.Random, balances: list[Balance]) -> list[Callable[[], object]]:
    """Return steps that lock rows in their order, and record acts before, between or after them."""
    asset = random_.choice(balances).asset
    steps: list[Callable[[], object]]
    if random_.random() < 0.25:
        steps = [lambda: lock_row(Asset, pk=asset.pk)]
    else:
        wanted = sorted(random_.sample(balances, k=random_.randint(1, 3)), key=lambda one: one.pk)
        steps = [
            *(lambda one=one: lock_row(Account, pk=one.account_id) for one in wanted),
            *(lambda one=one: lock_row(Balance, pk=one.pk) for one in wanted),
            # Its foreign keys are checked at commit.
            lambda: Deposit.objects.create(
                account=wanted[0].account, asset=asset, amount=1, state="credited"
            ),
        ]
    for _ in range(random_.randint(1, 2)):
        steps.insert(random_.randint(0, len(steps)), lambda: record("R"))
    return steps


def test_whoever_locks_and_records_in_whatever_order_gets_through(balances):
    before = AuditLink.objects.count()
    recorded = [0] * THREADS

    def work(number: int) -> None:
        random_ = random.Random(number)
        for _ in range(TURNS):
            steps = a_transaction(random_, balances)
            with transaction.atomic():
                made = [step() for step in steps]
            recorded[number] += sum(isinstance(one, AuditRecord) for one in made)

    threads = run_together(*(lambda number=number: work(number) for number in range(THREADS)))

    assert errors_of(threads) == []
    assert sum(recorded) >= THREADS * TURNS
    assert_chained(before + sum(recorded))


def test_a_transaction_of_an_older_snapshot_never_forks_the_chain():
    """It is refused instead: what it would continue is not the end of the chain any more."""

    @transaction.atomic
    def record_late() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT count(*) FROM accounts_auditlink")
        run_together(lambda: act("B"))
        record("C")

    act("A")
    with pytest.raises(IntegrityError):
        record_late()
    assert_chained(2)
