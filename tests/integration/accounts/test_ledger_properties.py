"""Random movements of money, services and batches interleaved: it always adds up."""

import contextlib
from collections import Counter
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from accounts.access.actor import ActorKind
from accounts.models import AuditRecord, Deposit, LedgerTransaction, Withdrawal
from accounts.money.balances import BalanceChange
from accounts.money.ledger import (
    copy_ledger,
    ensure_fee_account,
    lock_balances,
    read_assets,
    read_fee_account,
    write_balances,
)
from accounts.money.reconcile import Hold, find_breaks
from accounts.services import (
    adjust_balance,
    cancel_own_withdrawal,
    cancel_withdrawal,
    create_asset,
    deposit,
    ensure_user,
    request_withdrawal,
    settle_withdrawal,
)
from tests.actors import SYSTEM, customer
from tests.approving import approve_up_to
from zavora.foundation.errors import Forbidden, NotFound, ZavoraError
from zavora.foundation.rows import RowCounts

ASSETS = (("FINE", 8), ("WHOLE", 0))
ACCOUNTS = 2

account = st.integers(0, ACCOUNTS - 1)
asset = st.integers(0, len(ASSETS) - 1)
# In smallest units: small figures meet each other's limits, large ones the tables'.
units = st.one_of(st.integers(1, 50), st.integers(10**18, 10**28 - 1), st.just(25))
key = st.one_of(st.none(), st.sampled_from(["a", "b"]))
# Who asks for what is a customer's own: half of them may not.
who = st.sampled_from(["system", "owner", "stranger", "reader"])
movement = st.one_of(
    st.tuples(st.just("deposit"), account, asset, units, key),
    st.tuples(st.just("faucet"), account, asset, units, key, who),
    st.tuples(st.just("withdraw"), account, asset, units, key, who),
    st.tuples(st.just("request"), account, asset, units, key, who),
    st.tuples(st.just("adjust"), account, asset, units, st.booleans()),
    st.tuples(st.sampled_from(["settle", "cancel"]), st.integers(0, 9)),
    st.tuples(st.just("cancel_own"), st.integers(0, 9), who),
    st.tuples(st.just("hold"), account, asset, units),
    st.tuples(st.just("release"), st.integers(0, 9)),
    st.tuples(st.just("trade"), st.integers(0, 9), units),
)


class Money:
    """Carries movements out, and keeps in mind what must be true of them."""

    def __init__(self):
        self.assets = [
            create_asset(by=SYSTEM, code=code, name=code.title(), scale=scale)
            for code, scale in ASSETS
        ]
        for code, _ in ASSETS:
            approve_up_to(10**19, code)  # who approves has a test of its own
        self.users = [
            ensure_user(by=SYSTEM, email=f"{uuid4()}@example.com") for _ in range(ACCOUNTS)
        ]
        self.accounts = [user.accounts.get() for user in self.users]
        self.begin()

    def begin(self):
        """Forget all movements."""
        self.pending = []
        self.holds = []  # of orders: (account index, asset index, units)
        self.next_id = 1

    def amount(self, asset, units):
        return Decimal(units).scaleb(-self.assets[asset].scale)

    def who(self, account, asset, units):
        return {
            "account_id": self.accounts[account].public_id,
            "asset": self.assets[asset].code,
            "amount": self.amount(asset, units),
        }

    @contextlib.contextmanager
    def asked_by(self, who, account):
        """Give the actor who asks about an account; whoever may not is refused for that alone."""
        owner, other = self.users[account], self.users[1 - account]
        if who in ("system", "owner"):
            yield SYSTEM if who == "system" else customer(owner)
            return
        with pytest.raises((Forbidden, NotFound)):
            yield (
                customer(other)
                if who == "stranger"
                else customer(owner, kind=ActorKind.KEY, key_id=1, scopes=frozenset({"read"}))
            )

    def deposit(self, account, asset, units, key):
        deposit(by=SYSTEM, **self.who(account, asset, units), source="bank", key=key)

    def faucet(self, account, asset, units, key, who):
        with self.asked_by(who, account) as by:
            deposit(by=by, **self.who(account, asset, units), source="faucet", key=key)

    def withdraw(self, account, asset, units, key, who):
        with self.asked_by(who, account) as by:
            request_withdrawal(by=by, **self.who(account, asset, units), key=key)

    def request(self, account, asset, units, key, who):
        with override_settings(ZAVORA_FAUCET=False), self.asked_by(who, account) as by:
            record = request_withdrawal(
                by=by, **self.who(account, asset, units), key=key, address="somewhere"
            )
            self.pending.append(record.pk)

    def adjust(self, account, asset, units, is_gift):
        who = self.who(account, asset, units)
        who["amount"] *= 1 if is_gift else -1
        adjust_balance(by=SYSTEM, **who, reason="miscounted")

    def settle(self, index):
        if self.pending:
            settle_withdrawal(by=SYSTEM, withdrawal_id=self.pending[index % len(self.pending)])

    def cancel(self, index):
        if self.pending:
            cancel_withdrawal(by=SYSTEM, withdrawal_id=self.pending[index % len(self.pending)])

    def cancel_own(self, index, who):
        if self.pending:
            record = Withdrawal.objects.get(pk=self.pending[index % len(self.pending)])
            account = self.accounts.index(record.account)
            with self.asked_by(who, account) as by:
                cancel_own_withdrawal(
                    by=by, account_id=record.account.public_id, withdrawal_id=record.pk
                )

    # --- what a matching worker does, by its own statements ---

    def batch(self, changes, transactions=(), entries=()):
        now = timezone.now()
        with connection.cursor() as wrapper:
            cursor = wrapper.cursor
            scales = {asset_id: scale for asset_id, _, scale in read_assets(cursor)}
            keys = {
                (self.accounts[account].pk, self.assets[asset].pk): change
                for (account, asset), change in changes.items()
            }
            locked = lock_balances(cursor, keys, scales, set())
            for balance_key, change in keys.items():
                balance = locked[balance_key]
                after = (
                    balance.available_units + change.available_units,
                    balance.locked_units + change.locked_units,
                )
                if min(after) < 0 or sum(after) >= 10 ** (20 + scales[balance_key[1]]):
                    return False
            counts = RowCounts()
            write_balances(
                cursor,
                keys,
                locked,
                scales,
                time_text=now.isoformat(),
                time_us=0,
                counts=counts,
            )
            counts.check()
            copy_ledger(cursor, list(transactions), list(entries))
        return True

    def hold(self, account, asset, units):
        if self.batch({(account, asset): BalanceChange(-units, units)}):
            self.holds.append((account, asset, units))

    def release(self, index):
        if self.holds:
            account, asset, units = self.holds.pop(index % len(self.holds))
            assert self.batch({(account, asset): BalanceChange(units, -units)})

    def trade(self, index, paid):
        """A held order is filled whole: its owner gets ``paid`` of the other asset, less a fee."""
        if not self.holds:
            return
        seller, sold_asset, sold = self.holds[index % len(self.holds)]
        buyer, paid_asset = 1 - seller, 1 - sold_asset
        fee = min(1, paid - 1)
        with connection.cursor() as wrapper:
            ensure_fee_account(wrapper.cursor, 0)
            fees = read_fee_account(wrapper.cursor, 0)
        number, now = self.next_id, timezone.now().isoformat()
        rows = [
            (self.accounts[seller].pk, sold_asset, "trade", -sold),
            (self.accounts[buyer].pk, sold_asset, "trade", sold),
            (self.accounts[buyer].pk, paid_asset, "trade", -paid),
            (self.accounts[seller].pk, paid_asset, "trade", paid),
        ]
        if fee:
            rows += [
                (self.accounts[seller].pk, paid_asset, "fee", -fee),
                (fees, paid_asset, "fee", fee),
            ]
        entries = [
            f"{number * 10 + i}\t{number}\t{owner}\t{self.assets[which].pk}\t{kind}"
            f"\t{units}e-{self.assets[which].scale}\t\\N\t{now}"
            for i, (owner, which, kind, units) in enumerate(rows)
        ]
        is_done = self.batch(
            {
                (seller, sold_asset): BalanceChange(0, -sold),
                (buyer, sold_asset): BalanceChange(sold, 0),
                (buyer, paid_asset): BalanceChange(-paid, 0),
                (seller, paid_asset): BalanceChange(paid - fee, 0),
            },
            [f"{number}\ttrade\t{number}\t{now}"],
            entries,
        )
        if is_done:
            self.holds.remove((seller, sold_asset, sold))
            self.next_id += 1

    def breaks(self):
        holds = [
            Hold(self.accounts[account].pk, self.assets[asset].pk, self.amount(asset, units))
            for account, asset, units in self.holds
        ]
        with connection.cursor() as cursor:
            return find_breaks(cursor, holds)


def records():
    """Return how often each act that moves money is on record."""
    acts = AuditRecord.objects.exclude(
        act__in=("asset.create", "asset.threshold", "user.create", "account.open")
    )
    return Counter(acts.values_list("act", flat=True))


def effects():
    """Return how often each was done, by the rows that it leaves."""
    withdrawals = Counter(Withdrawal.objects.values_list("state", flat=True))
    at_once = AuditRecord.objects.filter(act="withdrawal.request", details__state="settled")
    sources = Counter(Deposit.objects.values_list("source", flat=True))
    return +Counter(
        {
            "deposit.gateway": sources["bank"],
            "deposit.faucet": sources["faucet"],
            "withdrawal.request": withdrawals.total(),
            "withdrawal.settle": withdrawals["settled"] - at_once.count(),
            "withdrawal.cancel": withdrawals["cancelled"],
            "balance.adjust": LedgerTransaction.objects.filter(kind="adjustment").count(),
        }
    )


class RandomMovements(TestCase):
    """A class, because Hypothesis then begins every example with the database as it was."""

    @classmethod
    def setUpTestData(cls):
        cls.money = Money()

    @settings(max_examples=80, deadline=None)
    @given(movements=st.lists(movement, min_size=5, max_size=40))
    def test_they_always_add_up(self, movements):
        money = self.money
        money.begin()
        for name, *arguments in movements:
            with contextlib.suppress(ZavoraError):  # that a refusal wrote nothing shows below
                getattr(money, name)(*arguments)

        assert money.breaks() == []
        assert records() == effects()
