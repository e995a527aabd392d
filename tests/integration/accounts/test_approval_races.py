"""Decisions at once, on real connections: one is first, and nobody's counts twice."""

import threading
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from django.test import Client
from django.utils import timezone

from accounts.access.actor import Permission
from accounts.models import Approval, AuditRecord, Balance, LedgerTransaction, Withdrawal
from accounts.money.selectors import get_balance
from accounts.people.locks import lock_account
from accounts.services import (
    approve,
    cancel_own_withdrawal,
    create_account,
    deposit,
    ensure_user,
    expire_approval,
    refuse,
    request_withdrawal,
    set_withdrawal_limit,
    submit_adjustment,
)
from accounts.tasks import expire_approvals
from matching.reconcile import reconcile
from tests.actors import SYSTEM, customer
from tests.approving import approver
from tests.integration.accounts.test_races import WAIT_S, Thread, run_together, wait_until_blocked
from zavora.foundation.errors import Conflict, Forbidden, ValidationFailed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def no_faucet(settings):
    settings.ZAVORA_FAUCET = False


def ask(account, amount=60):
    return request_withdrawal(
        by=customer(account.owner), account_id=account.public_id, asset="USD",
        amount=Decimal(amount), address="somewhere",
    )  # fmt: skip


def deciding(decide, record, by):
    return lambda: decide(by=by, approval_id=record.approval_id, reason="seen")


def at_once(account, *calls):
    """Run calls that all stand before the account's lock, in this order, when it opens."""
    with transaction.atomic():
        lock_account(account.public_id)
        threads = [Thread(call) for call in calls]
        for count, thread in enumerate(threads, start=1):
            thread.start()
            wait_until_blocked(count)
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()
    return threads


def errors_of(threads):
    return [type(thread.error) for thread in threads if thread.error]


def test_without_the_lock_one_person_at_two_browsers_is_two(funded):
    """The control: look, then write, as a careless service would. The table alone refuses it."""
    record, by = ask(funded), approver("first")
    both_have_looked = threading.Barrier(2, timeout=WAIT_S)

    def careless():
        with transaction.atomic():
            found = Approval.objects.get(pk=record.approval_id)
            assert found.first_approver_id is None  # so each believes to be the first
            both_have_looked.wait()
            Approval.objects.filter(pk=found.pk).update(first_approver=by.user_id)
            return found.approvers_given + 1

    threads = run_together(careless, careless)
    assert [(thread.error, thread.result) for thread in threads] == [(None, 1), (None, 1)]


def test_one_person_at_two_browsers_approves_once(funded):
    record = ask(funded)
    by = approver("first")
    threads = at_once(funded, *[deciding(approve, record, by)] * 2)
    assert errors_of(threads) == [Forbidden]
    assert Approval.objects.get().approvers_given == 1
    assert Withdrawal.objects.get().state == "pending"


def test_one_person_at_two_browsers_of_the_pages_approves_once(funded):
    record = ask(funded)
    rights = {"is_staff": True, "is_superuser": True}
    user = ensure_user(by=SYSTEM, email="boss@desk.example", **rights)
    browsers = [Client(), Client()]
    for browser in browsers:
        browser.force_login(user)
    body = {"action": "approve", "_selected_action": [record.pk], "answered": "yes"}

    def press(browser):
        return lambda: browser.post("/admin/accounts/withdrawal/", body | {"reason": "seen"})

    threads = at_once(funded, *map(press, browsers))
    assert [thread.result.status_code for thread in threads] == [302, 302]
    assert Approval.objects.get().approvers_given == 1
    assert AuditRecord.objects.filter(act="approval.approve").count() == 1
    assert Withdrawal.objects.get().state == "pending"


LISTS = {"/admin/accounts/withdrawal/": "pk", "/admin/accounts/approval/": "approval_id"}


def pressing_both(user, record):
    """Return what has somebody approve at two browsers, each at another list of the desk."""

    def press(path, row_id):
        browser = Client()
        browser.force_login(user)
        body = {"action": "approve", "_selected_action": [row_id], "answered": "yes"}
        return lambda: browser.post(path, body | {"reason": "seen"})

    return [press(path, getattr(record, name)) for path, name in LISTS.items()]


def test_one_person_at_two_lists_of_the_desk_at_once_is_one(funded):
    """In either order, as the first approver and where only the second one is missing."""
    user = ensure_user(by=SYSTEM, email="boss@desk.example", is_staff=True, is_superuser=True)
    for turn in range(4):
        record = ask(funded, 1)
        presses = pressing_both(user, record)
        threads = at_once(funded, *(presses if turn % 2 else presses[::-1]))
        assert [thread.result.status_code for thread in threads] == [302, 302]
        approval = Approval.objects.get(pk=record.approval_id)
        assert (approval.approvers_given, approval.first_approver) == (1, user)
        for press in presses:
            press()
        record.refresh_from_db()
        assert record.state == "pending", turn
        # Whoever comes now is the second, and then it is over for the first one, too.
        approve(by=approver("other"), approval_id=record.approval_id, reason="seen")
        record.refresh_from_db()
        assert record.state == "approved", turn
        before = Approval.objects.filter(pk=record.approval_id).values().get()
        for press in presses:
            press()
        assert Approval.objects.filter(pk=record.approval_id).values().get() == before


def test_who_asked_is_nobody_at_two_lists_of_the_desk_at_once(funded):
    """A superuser whose own withdrawal waits for one more person; another one's press counts."""
    asker, record = funded.owner, ask(funded)
    approve(by=approver("first"), approval_id=record.approval_id, reason="seen")
    type(asker).objects.filter(pk=asker.pk).update(is_staff=True, is_superuser=True)
    presses = pressing_both(asker, record)
    with transaction.atomic():
        lock_account(funded.public_id)
        threads = [Thread(press) for press in presses]
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()
        assert thread.error is None
    record.refresh_from_db()
    assert (record.state, Approval.objects.get().approvers_given) == ("pending", 1)

    boss = ensure_user(by=SYSTEM, email="boss@desk.example", is_staff=True, is_superuser=True)
    assert pressing_both(boss, record)[0]().status_code == 302  # the control
    record.refresh_from_db()
    assert record.state == "approved"


def test_of_three_persons_at_once_two_approve_and_it_is_done_once(funded):
    record = ask(funded)
    threads = at_once(
        funded, *[deciding(approve, record, approver(name)) for name in ("a", "b", "c")]
    )
    assert errors_of(threads) == [Conflict]
    assert Withdrawal.objects.get().state == "approved"
    acts = Counter(AuditRecord.objects.values_list("act", flat=True))
    assert (acts["approval.approve"], acts["withdrawal.approve"]) == (2, 1)
    assert reconcile() == []


def test_two_second_persons_at_once_adjust_once(funded, settings):
    settings.ZAVORA_ADJUST_ALONE_MAX = Decimal(0)
    waits = submit_adjustment(
        by=approver("asker", Permission.ADJUST_BALANCE), account_id=funded.public_id, asset="USD",
        amount=Decimal(9), reason="typo",
    )  # fmt: skip
    calls = [
        lambda by=by: approve(by=by, approval_id=waits.pk, reason="seen")
        for by in (approver("a"), approver("b"))
    ]
    threads = at_once(funded, *calls)
    assert errors_of(threads) == [Conflict]
    assert LedgerTransaction.objects.filter(kind="adjustment").count() == 1
    assert get_balance(funded.public_id, "USD").available == 109
    assert reconcile() == []


def test_of_the_last_approval_a_refusal_a_cancel_and_the_clock_one_wins(funded):
    """Each comes first once; the others find it decided, and the hold is given back once.

    A cancel is in time even after the last approval, as nothing has left.
    """
    outcomes = Counter()
    for turn in range(4):
        record = ask(funded, 1)
        approve(by=approver("first"), approval_id=record.approval_id, reason="seen")
        second = approver("second")
        over = record.created_at + timedelta(days=30)
        calls = [
            deciding(approve, record, second),
            deciding(refuse, record, second),
            lambda pk=record.pk: cancel_own_withdrawal(
                by=customer(funded.owner), account_id=funded.public_id, withdrawal_id=pk
            ),
            lambda pk=record.approval_id, over=over: expire_approval(
                by=SYSTEM, approval_id=pk, now=over
            ),
        ]
        threads = at_once(funded, *calls[turn:], *calls[:turn])
        state = Withdrawal.objects.get(pk=record.pk).state
        outcomes[state] += 1
        assert set(errors_of(threads)) <= {Conflict}
        balance = get_balance(funded.public_id, "USD")
        assert (balance.available, balance.locked) == (100, 0), turn
    assert outcomes == {"cancelled": 2, "refused": 2}
    assert reconcile() == []


def test_what_stood_before_the_lock_until_the_time_was_over_is_too_late(funded):
    """The clock is asked under the lock: who came in time and had to wait is too late."""
    record = ask(funded)
    approve(by=approver("first"), approval_id=record.approval_id, reason="seen")
    late = Thread(deciding(approve, record, approver("second")))
    with transaction.atomic():
        lock_account(funded.public_id)
        late.start()
        wait_until_blocked()
        Approval.objects.filter(pk=record.approval_id).update(expires_at=timezone.now())
    late.join(WAIT_S)
    assert isinstance(late.error, Conflict)
    assert str(late.error) == "its time is over"
    assert Withdrawal.objects.get().state == "pending"
    expire_approvals()
    assert (Withdrawal.objects.get().state, Approval.objects.get().state) == ("refused", "expired")
    balance = get_balance(funded.public_id, "USD")
    assert (balance.available, balance.locked) == (100, 0)


# --- the limit of a day ---------------------------------------------------------------------------


def limit_to(amount, account):
    set_withdrawal_limit(
        by=SYSTEM, account_id=account.public_id, asset="USD", per_day=Decimal(amount), reason="new"
    )


def test_without_the_lock_a_days_limit_is_passed(funded, usd):
    """The control: both sum the day up before either has written."""
    limit_to(60, funded)
    both_have_summed = threading.Barrier(2, timeout=WAIT_S)

    def careless():
        with transaction.atomic():
            assert not Withdrawal.objects.filter(account=funded).exists()
            both_have_summed.wait()
            return Withdrawal.objects.create(account=funded, asset=usd, amount=40)

    run_together(careless, careless)
    assert sum(row.amount for row in Withdrawal.objects.all()) == 80


def test_fifty_at_once_keep_the_limit_of_a_day(funded):
    limit_to(12, funded)
    threads = run_together(*[lambda: ask(funded, 1)] * 50)
    assert Counter(errors_of(threads)) == {ValidationFailed: 38}
    assert Withdrawal.objects.count() == 12
    assert get_balance(funded.public_id, "USD").locked == 12
    assert reconcile() == []


def test_the_limit_of_a_level_holds_over_all_accounts_of_a_person_at_once(funded):
    """Each stands before its own balance, so without the owner's lock both would have summed."""
    second = create_account(by=SYSTEM, owner_id=funded.owner_id, label="Second")
    deposit(by=SYSTEM, account_id=second.public_id, asset="USD", amount=Decimal(9), source="bank")
    set_withdrawal_limit(by=SYSTEM, level=0, asset="USD", per_day=Decimal(5), reason="new")
    threads = [Thread(lambda account=account: ask(account, 4)) for account in (funded, second)]
    with transaction.atomic():
        assert len(Balance.objects.select_for_update().filter(account__owner=funded.owner)) == 2
        for count, thread in enumerate(threads, start=1):
            thread.start()
            wait_until_blocked(count)
    for thread in threads:
        thread.join(WAIT_S)
    assert errors_of(threads) == [ValidationFailed]
    assert Withdrawal.objects.get().account == funded
    assert reconcile() == []
