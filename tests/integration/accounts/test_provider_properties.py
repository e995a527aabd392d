"""A provider that fails, repeats itself and is spoken for by others: no money is made or lost."""

import contextlib
from collections import Counter
from datetime import timedelta
from decimal import Decimal

from django.db import connection
from django.test import Client, override_settings
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.models import (
    HELD_STATES,
    AuditRecord,
    Balance,
    Deposit,
    Payout,
    ProviderEvent,
    Withdrawal,
)
from accounts.money.payout_rows import OPEN_STATES
from accounts.money.payouts import ASK_AGAIN, LEASE
from accounts.money.reconcile import find_breaks
from accounts.money.selectors import get_balance
from accounts.money.sending import send_due
from accounts.services import (
    cancel_own_withdrawal,
    cancel_withdrawal,
    create_asset,
    deposit,
    ensure_user,
    fail_withdrawal,
    give_up_payout,
    request_withdrawal,
    retry_payout,
    set_account_status,
    settle_withdrawal,
)
from tests.actors import SYSTEM, customer
from tests.approving import approve_by_two, approve_up_to
from tests.providers import (
    NAME,
    PROVIDER,
    SETTINGS,
    Killed,
    PlannedProvider,
    deposit_of,
    event_of,
    post,
)
from zavora.foundation.errors import Conflict, ZavoraError

GIVEN = 300
PLANS = (
    "answer", "answer", "pay at once", "refuse", "down", "error", "answer lost", "killed before",
    "killed after",
)  # fmt: skip
account = st.integers(0, 1)
index = st.integers(0, 30)
amount = st.integers(1, 60)
ask = st.tuples(st.just("ask"), account, amount)
send = st.tuples(st.just("send"), st.sampled_from(PLANS))
pass_time = st.tuples(st.just("pass_time"), st.integers(1, 90))
told = st.tuples(st.just("tell"), index, st.sampled_from(["right"] * 4 + ["forged", "altered"]))
step = st.one_of(
    *[ask, send, pass_time, told] * 3,
    st.tuples(st.just("end"), index, st.booleans()),
    st.tuples(st.just("end"), index, st.booleans()),
    st.tuples(st.just("decide"), index),
    st.tuples(st.just("lie"), index),
    st.tuples(st.just("late"), index),
    st.tuples(st.just("by_hand"), st.sampled_from(["settle", "cancel", "own", "fail"]), index),
    st.tuples(st.just("retry"), index),
    st.tuples(st.just("give_up"), index, st.booleans()),
    st.tuples(
        st.just("deposit"), st.sampled_from(["seen", "confirmed", "confirmed", "rejected"]),
        st.integers(0, 4), st.booleans(),
    ),
    st.tuples(st.just("freeze"), account, st.booleans()),
)  # fmt: skip


class Money:
    """Carries steps out at a time of its own; the planned provider has its own truth."""

    def __init__(self):
        create_asset(by=SYSTEM, code="USD", name="US dollar", scale=2)
        approve_up_to(40)
        self.users = [ensure_user(by=SYSTEM, email=f"{n}@example.com") for n in ("ann", "bob")]
        self.accounts = [user.accounts.get() for user in self.users]
        for one in self.accounts:
            deposit(
                by=SYSTEM, account_id=one.public_id, asset="USD", amount=Decimal(GIVEN),
                source="wire",
            )  # fmt: skip
        self.now = timezone.now()
        self.provider = PlannedProvider()
        self.browser = Client()
        # What each reference of a deposit is of, by the first that was told, and its state.
        self.deposits = {}

    def row(self, model, index):
        rows = list(model.objects.order_by("pk"))
        return rows[index % len(rows)] if rows else None

    # --- what happens ---

    def ask(self, account, amount):
        request_withdrawal(
            by=customer(self.users[account]), account_id=self.accounts[account].public_id,
            asset="USD", amount=Decimal(amount), address="far", now=self.now,
        )  # fmt: skip

    def decide(self, index):
        waiting = Withdrawal.objects.filter(state="pending").order_by("pk")
        if waiting:
            approve_by_two(waiting[index % len(waiting)])

    def send(self, plan):
        self.provider.plan = plan
        with contextlib.suppress(Killed):
            _, failed = send_due(PROVIDER, NAME, self.provider.send, lambda: self.now)
            assert failed == 0

    def pass_time(self, minutes):
        self.now += timedelta(minutes=minutes)

    def end(self, index, is_paid):
        if known := sorted(self.provider.known):
            self.provider.end(known[index % len(known)], is_paid=is_paid)

    def tell(self, index, how):
        """Send any webhook that was ever written: first, again, in any order, or not quite."""
        if self.provider.told:
            event = self.provider.told[index % len(self.provider.told)]
            before = figures()
            answer = post(self.browser, event, how=how)
            assert answer.status_code == (200 if how == "right" else 401)
            if how != "right":
                assert figures() == before

    def late(self, index):
        self.tell(index, "late")

    def lie(self, index):
        """Sign what contradicts the record: it is kept for operators and moves nothing."""
        payout = self.row(Payout, index)
        if payout is None:
            return
        of = Withdrawal.objects.get(pk=payout.withdrawal_id).amount
        is_open = payout.state in OPEN_STATES and payout.attempts
        kind = "failed" if payout.state == "paid" else "paid"
        event = event_of(f"withdrawal.{kind}", payout.public_id, of + 1 if is_open else of)
        before = figures()
        answer = post(self.browser, event)
        assert answer.json()["data"]["outcome"] == "contradicts"
        assert figures() == before

    def by_hand(self, how, index):
        row = self.row(Withdrawal, index)
        if row is None:
            return
        payout = Payout.objects.filter(withdrawal=row).first()
        is_on_its_way = payout is not None and payout.state in OPEN_STATES and payout.attempts
        by_whom = {"by": SYSTEM, "withdrawal_id": row.pk, "now": self.now}
        if how == "own":
            by_whom |= {"by": customer(row.account.owner), "account_id": row.account.public_id}
            cancel_own_withdrawal(**by_whom)
        elif how == "fail":
            fail_withdrawal(reason="came back", **by_whom)
        else:
            (settle_withdrawal if how == "settle" else cancel_withdrawal)(**by_whom)
        assert not is_on_its_way

    def retry(self, index):
        if payout := self.row(Payout, index):
            retry_payout(by=SYSTEM, payout_id=payout.pk, now=self.now)

    def give_up(self, index, asks_first):
        payout = self.row(Payout, index)
        if payout is None:
            return
        is_void = asks_first and self.provider.void(str(payout.public_id))
        try:
            given_up = give_up_payout(
                by=SYSTEM, payout_id=payout.pk, reason="no use", is_void=is_void, now=self.now
            )
        except Conflict:
            return
        assert given_up.state == "given up"
        assert self.provider.known.get(str(payout.public_id)) not in ("accepted", "paid")

    def deposit(self, kind, number, is_right):
        """Tell of one of five deposits, which have an account and an amount; or of another one."""
        reference = f"in-{number}"
        mine = (number % 2, 10 + number if is_right else 99)
        first, state = self.deposits.get(reference, (mine, "nothing"))
        answer = post(self.browser, deposit_of(kind, reference, self.accounts[mine[0]], mine[1]))
        outcome = answer.json()["data"]["outcome"]
        ends = {("credited", "rejected"), ("rejected", "confirmed")}
        if first != mine or (state, kind) in ends:
            assert outcome == "contradicts"
            return
        becomes = {"seen": "pending", "confirmed": "credited", "rejected": "rejected"}[kind]
        if kind == "seen" and state != "nothing":
            becomes = state
        assert outcome == ("nothing" if becomes == state else "applied")
        self.deposits[reference] = (first, becomes)

    def freeze(self, account, is_frozen):
        status = "frozen" if is_frozen else "active"
        set_account_status(by=SYSTEM, account_id=self.accounts[account].public_id, status=status)

    # --- what must be true ---

    def check(self):
        with connection.cursor() as cursor:
            assert find_breaks(cursor, []) == []
        for number, one in enumerate(self.accounts):
            held = sum(row.amount for row in one.withdrawals.filter(state__in=HELD_STATES))
            left = sum(row.amount for row in one.withdrawals.filter(state="settled"))
            came = [
                amount for (to, amount), state in self.deposits.values()
                if to == number and state == "credited"
            ]  # fmt: skip
            balance = get_balance(one.public_id, "USD")
            assert balance.locked == held
            assert balance.available == GIVEN + sum(came) - left - held
        for payout in Payout.objects.select_related("withdrawal"):
            self.check_payout(payout)

    def check_payout(self, payout):
        state = payout.withdrawal.state
        there = self.provider.known.get(str(payout.public_id))
        assert (state == "approved") == (payout.state in OPEN_STATES)
        if payout.state == "paid":
            assert (state, there) == ("settled", "paid")
        if payout.state in ("failed", "given up"):
            assert state == "failed"
            assert there not in ("paid", "accepted")
        if payout.state == "cancelled":
            assert there in (None, "void")

    def end_everything(self):
        """Let the provider be well again, and operators work off what is dead."""
        for one in self.accounts:
            set_account_status(by=SYSTEM, account_id=one.public_id, status="active")
        for row in Withdrawal.objects.filter(state="pending"):
            cancel_withdrawal(by=SYSTEM, withdrawal_id=row.pk, now=self.now)
        for _ in range(3):
            for payout in Payout.objects.filter(state="dead"):
                if self.provider.void(str(payout.public_id)):
                    give_up_payout(
                        by=SYSTEM, payout_id=payout.pk, reason="void", is_void=True, now=self.now
                    )
                else:
                    retry_payout(by=SYSTEM, payout_id=payout.pk, now=self.now)
            self.now += ASK_AGAIN + LEASE
            self.send("answer")
            for reference in list(self.provider.known):
                self.provider.end(reference, is_paid=True)
        for event in self.provider.told:
            assert post(self.browser, event).status_code == 200


def figures():
    """Return all that money is."""
    return [
        *Balance.objects.order_by("pk").values_list("available", "locked", "version"),
        *Withdrawal.objects.order_by("pk").values_list("state"),
        *Deposit.objects.order_by("pk").values_list("state"),
        *Payout.objects.order_by("pk").values_list("state", "attempts"),
    ]


class RandomProvider(TestCase):
    """A class, because Hypothesis then begins every example with the database as it was."""

    @settings(max_examples=5, deadline=None)
    @given(steps=st.lists(step, min_size=20, max_size=40))
    def test_no_money_is_made_or_lost_and_nothing_stays_held(self, steps):
        with override_settings(**SETTINGS):
            money = Money()
            for name, *arguments in steps:
                with contextlib.suppress(ZavoraError):
                    getattr(money, name)(*arguments)
            money.check()
            money.end_everything()
            money.check()

        assert not Payout.objects.filter(state__in=OPEN_STATES).exists()
        paid = {
            str(one)
            for one in Payout.objects.filter(state="paid").values_list("public_id", flat=True)
        }
        assert paid == {ref for ref, status in money.provider.known.items() if status == "paid"}
        for one in money.accounts:
            assert get_balance(one.public_id, "USD").locked == 0
        acts = Counter(AuditRecord.objects.values_list("act", flat=True))
        ends = Counter(Withdrawal.objects.values_list("state", flat=True))
        assert acts["withdrawal.settle"] == ends["settled"]
        assert acts["withdrawal.fail"] == ends["failed"]
        assert not ProviderEvent.objects.filter(outcome="waiting").exists()
