"""Random withdrawals by every path, with approvals, cancels and the clock: nothing stays held."""

import contextlib
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

from django.db import connection
from django.test import override_settings
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.access.actor import Permission
from accounts.models import HELD_STATES, Account, Approval, AuditRecord, Withdrawal
from accounts.money.reconcile import find_breaks
from accounts.money.selectors import get_balance
from accounts.services import (
    add_address,
    approve,
    cancel_own_withdrawal,
    cancel_withdrawal,
    create_asset,
    deposit,
    ensure_user,
    expire_approval,
    fail_withdrawal,
    refuse,
    remove_address,
    request_withdrawal,
    set_account_status,
    set_allow_list,
    set_verification_level,
    set_withdrawal_limit,
    settle_withdrawal,
    submit_adjustment,
    submit_threshold,
)
from tests.actors import SYSTEM, customer, operator
from zavora.foundation.errors import Forbidden, ZavoraError

GIVEN = 300
# Everything that was asked for is over by then.
LATER = timedelta(days=40)

account = st.integers(0, 1)
index = st.integers(0, 30)
# Owners are operators with every permission, too: they are persons 0 and 1.
person = st.integers(0, 4)
amount = st.integers(1, 120)
hours = st.integers(0, 60)
where = st.sampled_from(["far", "home"])
ask = st.tuples(st.just("ask"), account, amount, where)
decide = st.tuples(st.just("decide"), person, index, st.sampled_from([True, True, True, False]))
end = st.tuples(st.just("end"), st.sampled_from(["settle", "cancel", "own", "fail"]), index)
# What withdrawals go through comes more often than what stands around them.
step = st.one_of(
    *[ask, decide, end] * 4,
    st.tuples(st.just("expire"), index),
    st.tuples(st.just("pass_time"), hours),
    st.tuples(st.just("adjust"), person, account, st.integers(-60, 60)),
    st.tuples(st.just("threshold"), person, amount),
    st.tuples(st.just("limit"), st.one_of(st.none(), amount), account, st.booleans()),
    st.tuples(st.just("level"), account, st.integers(0, 1)),
    st.tuples(st.just("book"), account, st.booleans(), where),
    st.tuples(st.just("freeze"), account, st.booleans()),
)


class Money:
    """Carries steps out at a time of its own, and keeps in mind what must be true of them."""

    def __init__(self):
        create_asset(by=SYSTEM, code="USD", name="US dollar", scale=2)
        submit_threshold(by=SYSTEM, code="USD", amount=Decimal(20), reason="for the test")
        emails = [f"{uuid4()}@example.com" for _ in range(5)]
        self.users = [ensure_user(by=SYSTEM, email=email) for email in emails]
        self.accounts = [user.accounts.get() for user in self.users[:2]]
        self.people = [operator(*Permission, user_id=user.pk) for user in self.users]
        for one in self.accounts:
            deposit(
                by=SYSTEM, account_id=one.public_id, asset="USD", amount=Decimal(GIVEN),
                source="bank",
            )  # fmt: skip
        self.now = timezone.now()

    def row(self, model, index):
        rows = list(model.objects.order_by("pk"))
        return rows[index % len(rows)] if rows else None

    def ask(self, account, amount, where):
        one = self.accounts[account]
        request_withdrawal(
            by=customer(self.users[account]), account_id=one.public_id, asset="USD",
            amount=Decimal(amount), address=where, now=self.now,
        )  # fmt: skip

    def decide(self, person, index, is_approved):
        row = self.row(Approval, index)
        if row is None:
            return
        decide = approve if is_approved else refuse
        by = self.people[person]
        is_theirs = by.user_id in (row.requester_id, row.about_id)
        try:
            decide(by=by, approval_id=row.pk, reason="seen", now=self.now)
        except Forbidden:
            assert is_theirs or by.user_id == row.first_approver_id
            raise
        assert not is_theirs

    def end(self, how, index):
        row = self.row(Withdrawal, index)
        if row is None:
            return
        if how == "own":
            owner = customer(row.account.owner)
            cancel_own_withdrawal(
                by=owner, account_id=row.account.public_id, withdrawal_id=row.pk, now=self.now
            )
        elif how == "fail":
            fail_withdrawal(by=SYSTEM, withdrawal_id=row.pk, reason="came back", now=self.now)
        else:
            end = settle_withdrawal if how == "settle" else cancel_withdrawal
            end(by=SYSTEM, withdrawal_id=row.pk, now=self.now)

    def expire(self, index):
        if row := self.row(Approval, index):
            expire_approval(by=SYSTEM, approval_id=row.pk, now=self.now)

    def pass_time(self, hours):
        self.now += timedelta(hours=hours)

    def adjust(self, person, account, amount):
        submit_adjustment(
            by=self.people[person], account_id=self.accounts[account].public_id, asset="USD",
            amount=Decimal(amount), reason="miscounted", now=self.now,
        )  # fmt: skip

    def threshold(self, person, amount):
        submit_threshold(
            by=self.people[person], code="USD", amount=Decimal(amount), reason="so be it",
            now=self.now,
        )  # fmt: skip

    def limit(self, amount, account, is_own):
        of = {"account_id": self.accounts[account].public_id} if is_own else {"level": account}
        per_day = None if amount is None else Decimal(amount)
        set_withdrawal_limit(by=SYSTEM, asset="USD", per_day=per_day, reason="so be it", **of)

    def level(self, account, level):
        user = self.users[account]
        set_verification_level(by=SYSTEM, user_id=user.pk, level=level, reason="seen")

    def book(self, account, is_on, where):
        by, one = customer(self.users[account]), self.accounts[account].public_id
        if is_on:
            add_address(by=by, account_id=one, asset="USD", address=where, now=self.now)
        elif entry := self.accounts[account].addresses.filter(removed_at=None).first():
            remove_address(by=by, account_id=one, address_id=entry.pk, now=self.now)
        set_allow_list(by=by, account_id=one, is_on=is_on, now=self.now)

    def freeze(self, account, is_frozen):
        status = "frozen" if is_frozen else "active"
        set_account_status(by=SYSTEM, account_id=self.accounts[account].public_id, status=status)

    # --- what must be true ---

    def check(self):
        with connection.cursor() as cursor:
            assert find_breaks(cursor, []) == []
        for one in self.accounts:
            held = sum(row.amount for row in one.withdrawals.filter(state__in=HELD_STATES))
            balance = get_balance(one.public_id, "USD")
            assert balance.locked == held
            assert balance.available >= 0
        for row in Withdrawal.objects.select_related("approval", "account"):
            self.check_withdrawal(row)

    def check_withdrawal(self, row):
        approval = row.approval
        if approval is None:
            assert row.state != "pending"
            return
        assert (approval.state == "requested") == (row.state == "pending")
        people = {approval.first_approver_id, approval.second_approver_id} - {None}
        assert row.account.owner_id not in people
        if row.state in ("approved", "settled", "failed"):
            assert len(people) == 2

    def end_everything(self):
        """Let everything come to its end, frozen or not."""
        self.now += LATER
        for row in Approval.objects.filter(state="requested"):
            expire_approval(by=SYSTEM, approval_id=row.pk, now=self.now)
        for row in Withdrawal.objects.filter(state__in=HELD_STATES):
            cancel_withdrawal(by=SYSTEM, withdrawal_id=row.pk, now=self.now)


class RandomWithdrawals(TestCase):
    """A class, because Hypothesis then begins every example with the database as it was."""

    @settings(max_examples=8, deadline=None)
    @given(steps=st.lists(step, min_size=20, max_size=40))
    def test_nothing_is_lost_and_nothing_stays_held(self, steps):
        limits = {
            "ZAVORA_FAUCET": False, "ZAVORA_ADJUST_ALONE_MAX": Decimal(10),
            "ZAVORA_ADDRESS_COOLING_HOURS": 24,
        }  # fmt: skip
        with override_settings(**limits):
            money = Money()
            for name, *arguments in steps:
                with contextlib.suppress(ZavoraError):  # that a refusal wrote nothing shows below
                    getattr(money, name)(*arguments)
            money.check()
            money.end_everything()
            money.check()

        ends = Counter(Withdrawal.objects.values_list("state", flat=True))
        acts = Counter(AuditRecord.objects.values_list("act", flat=True))
        for state, act in (
            ("settled", "settle"), ("cancelled", "cancel"), ("refused", "refuse"),
            ("failed", "fail"),
        ):  # fmt: skip
            assert acts[f"withdrawal.{act}"] == ends[state]
        assert acts["withdrawal.request"] == ends.total()
        left = sum(row.amount for row in Withdrawal.objects.filter(state="settled"))
        moved = AuditRecord.objects.filter(act="balance.adjust")
        moved = sum(Decimal(row.details["amount"]) for row in moved)
        has = sum(get_balance(one.public_id, "USD").available for one in money.accounts)
        assert has == 2 * GIVEN - left + moved
        assert all(Account.objects.get(pk=one.pk) for one in money.accounts)
